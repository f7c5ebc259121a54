# Sourced by tools/cluster.sh: starts the programs of the cluster and waits until each answers.

services=10.96.0.0/16
first_service=10.96.0.1 # That of the API itself.
provisioner=gatewayctl.test/folder
node=gatewayctl-node
# Where a kubelet keeps things, whatever it is configured to.
kubelet_folders="/var/lib/kubelet /var/lib/dockershim /var/log/pods /var/log/containers"

kubectl() { "$state/programs/kubectl" --kubeconfig "$kubeconfig" --request-timeout 10s "$@"; }
api_is_ready() { kubectl get --raw /readyz >/dev/null 2>&1; }

answers() { # $1: URL
    python3 -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=2)' "$1"
}

# Two kubelets on one engine would remove each other's containers.
refuse_second_kubelet() {
    [ -z "$(docker ps -aq --filter label=io.kubernetes.pod.uid)" ] ||
        fail "another Kubernetes uses this Docker engine (docker ps -a --filter label=io.kubernetes.pod.uid)."
    for folder in $kubelet_folders; do
        [ ! -e "$folder" ] || fail "a kubelet is or was on this machine: $folder exists. Remove that first."
    done
}

make_certificate() { # $1: name, $2: subject, $3: extensions
    openssl req -newkey rsa:2048 -nodes -keyout "$1.key" -subj "$2" -out "$1.csr" 2>/dev/null
    printf '%s\n' "$3" >"$1.ext"
    openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 365 -extfile "$1.ext" \
        -out "$1.crt" 2>/dev/null
}

make_keys() (
    umask 077
    cd "$state/pki"
    openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj /CN=gatewayctl-cluster -keyout ca.key -out ca.crt 2>/dev/null
    openssl genrsa -out accounts.key 2048 2>/dev/null
    make_certificate apiserver /CN=kube-apiserver \
        "subjectAltName=IP:$address,IP:$first_service,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local"
    make_certificate kubelet-client /CN=kube-apiserver-kubelet-client extendedKeyUsage=clientAuth
    openssl rand -hex 24 >admin.token
    openssl rand -hex 24 >stranger.token
    # The stranger may do nothing: for tests of refusals.
    printf '%s,admin,admin,system:masters\n%s,stranger,stranger\n' "$(cat admin.token)" "$(cat stranger.token)" >tokens.csv
)

write_kubeconfig() {
    (umask 077 && cat >"$kubeconfig") <<END
apiVersion: v1
kind: Config
current-context: gatewayctl-test
clusters:
  - name: gatewayctl-test
    cluster:
      server: https://$address:6443
      certificate-authority-data: $(base64 -w 0 "$state/pki/ca.crt")
users:
  - {name: admin, user: {token: $(cat "$state/pki/admin.token")}}
  - {name: stranger, user: {token: $(cat "$state/pki/stranger.token")}}
contexts:
  - {name: gatewayctl-test, context: {cluster: gatewayctl-test, user: admin}}
  - {name: gatewayctl-stranger, context: {cluster: gatewayctl-test, user: stranger}}
END
}

start_api() {
    run etcd "$bin/etcd" --data-dir "$state/etcd" --unsafe-no-fsync \
        --listen-client-urls http://127.0.0.1:12379 --advertise-client-urls http://127.0.0.1:12379 \
        --listen-peer-urls http://127.0.0.1:12380 --initial-advertise-peer-urls http://127.0.0.1:12380 \
        --initial-cluster default=http://127.0.0.1:12380
    wait_for etcd 180 "etcd answers" answers http://127.0.0.1:12379/health
    pki=$state/pki
    run kube-apiserver "$bin/kube-apiserver" --etcd-servers http://127.0.0.1:12379 \
        --bind-address "$address" --advertise-address "$address" --secure-port 6443 \
        --cert-dir "$pki" --tls-cert-file "$pki/apiserver.crt" --tls-private-key-file "$pki/apiserver.key" \
        --client-ca-file "$pki/ca.crt" --token-auth-file "$pki/tokens.csv" --authorization-mode RBAC \
        --service-cluster-ip-range "$services" --service-node-port-range 32000-32767 \
        --service-account-issuer https://kubernetes.default.svc --service-account-key-file "$pki/accounts.key" \
        --service-account-signing-key-file "$pki/accounts.key" \
        --kubelet-preferred-address-types InternalIP \
        --kubelet-client-certificate "$pki/kubelet-client.crt" --kubelet-client-key "$pki/kubelet-client.key"
    wait_for kube-apiserver 180 "the API is ready" api_is_ready
}

start_control() {
    run kube-controller-manager "$bin/kube-controller-manager" --kubeconfig "$kubeconfig" --leader-elect=false \
        --bind-address 127.0.0.1 --port 0 --service-account-private-key-file "$state/pki/accounts.key" \
        --root-ca-file "$state/pki/ca.crt" --use-service-account-credentials
    run kube-scheduler "$bin/kube-scheduler" --kubeconfig "$kubeconfig" --leader-elect=false \
        --bind-address 127.0.0.1 --address 127.0.0.1 --port 10251
    wait_for kube-scheduler 180 "the scheduler answers" answers http://127.0.0.1:10251/healthz
    wait_for kube-controller-manager 180 "the default ServiceAccount exists" \
        kubectl get serviceaccount default --namespace default
}

start_names_and_volumes() {
    kubectl apply --filename - >/dev/null <<END
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata:
  name: folder
  annotations: {storageclass.kubernetes.io/is-default-class: "true"}
provisioner: $provisioner
reclaimPolicy: Delete
END
    touch "$state/dns/hosts"
    # As root: the state folder is closed to others.
    run dnsmasq dnsmasq --keep-in-foreground --conf-file=/dev/null --user=root --pid-file= --no-hosts \
        --addn-hosts="$state/dns/hosts" --local=/cluster.local/ --cache-size=0 \
        --listen-address="$address" --bind-interfaces --except-interface=lo
    run names_and_volumes python3 "$here/cluster/names_and_volumes.py" "https://$address:6443" "$state" "$provisioner"
    wait_for names_and_volumes 180 "the names of Services are written" grep -q kubernetes.default "$state/dns/hosts"
    wait_for dnsmasq 30 "dnsmasq runs" is_running dnsmasq
}

# No folder of images or pods is ever cleared for room: the engine's images are not this cluster's.
write_kubelet_config() {
    cat >"$state/kubelet.yaml" <<END
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $address
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: false}
  x509: {clientCAFile: $state/pki/ca.crt}
authorization: {mode: AlwaysAllow}
cgroupDriver: cgroupfs
cgroupsPerQOS: false
enforceNodeAllocatable: []
failSwapOn: false
oomScoreAdj: 0
imageGCHighThresholdPercent: 100
evictionHard: {memory.available: "0%"}
maxPods: 200
clusterDomain: cluster.local
clusterDNS: [$address]
volumePluginDir: $state/volume-plugins
END
}

start_node() {
    if ! docker image inspect "$pause_image" >/dev/null 2>&1; then
        tar -C "$bin" -c pause | docker import --change 'ENTRYPOINT ["/pause"]' - "$pause_image" >/dev/null
    fi
    write_kubelet_config
    run kubelet "$bin/kubelet" --config "$state/kubelet.yaml" --kubeconfig "$kubeconfig" \
        --hostname-override "$node" --node-ip "$address" --root-dir "$state/kubelet" --cert-dir "$state/pki/kubelet" \
        --container-runtime docker --pod-infra-container-image "$pause_image"
    run kube-proxy "$bin/kube-proxy" --kubeconfig "$kubeconfig" --hostname-override "$node" \
        --proxy-mode iptables --bind-address "$address" --healthz-bind-address 127.0.0.1 --oom-score-adj 0 \
        --conntrack-max-per-core 0 --conntrack-tcp-timeout-established 0 --conntrack-tcp-timeout-close-wait 0
    wait_for kubelet 180 "the node is Ready" kubectl wait "node/$node" --for condition=Ready --timeout 1s
    wait_for kube-proxy 180 "the proxy has set its chains" iptables -t nat -n -L KUBE-SERVICES
}

prepare() {
    sh "$here/engine.sh" 9>&-
    install_missing socat socat conntrack conntrack dnsmasq dnsmasq-base openssl openssl iptables iptables ip iproute2 \
        python3 python3 nsenter util-linux
    build
    # What a cluster left whose programs were killed, or that did not come up.
    [ ! -d "$state" ] || remove_cluster
    refuse_second_kubelet
    # Of the interface: an engine that made its bridge reports no address of it until it is started again.
    bridge=$(docker network inspect bridge --format '{{index .Options "com.docker.network.bridge.name"}}')
    address=$(ip -4 -oneline address show dev "$bridge" | awk '{ sub("/.*", "", $4); print $4; exit }')
    [ -n "$address" ] || fail "Docker's network 'bridge' has no address on this machine, and pods could not reach the API."
    mkdir -m 700 "$state"
    mkdir "$state/run" "$state/pki" "$state/dns" "$state/programs" "$logs"
    save_kernel_settings
    # For the tests: the kubectl of this release.
    cp "$bin/kubectl" "$state/programs"
}

start_cluster() {
    if all_are_running; then
        wait_for kube-apiserver 60 "the API is ready" api_is_ready
        say "running; kubeconfig: $kubeconfig"
        return 0
    fi
    prepare
    make_keys
    write_kubeconfig
    say "starting Kubernetes $version on $address (logs: $logs)"
    start_api
    start_control
    start_names_and_volumes
    start_node
    say "ready; kubeconfig: $kubeconfig"
    say "to stop it: sh tools/cluster.sh stop"
}
