#!/bin/sh
# Makes a real Kubernetes cluster of one node for the tests: `sh tools/cluster.sh` starts it, or does
# nothing if it runs. Kubernetes is built from Debian's source package (tools/cluster/build.sh), once,
# and kept in the user's cache folder; pods run on the Docker engine and use its local images.
#   stop        end it and remove what it left: processes, containers, mounts, iptables chains, data
#   build       only build
#   kubeconfig  print the path of the kubeconfig of the running cluster
# For a test machine: as root, on Debian. The cluster is reached from this machine and its containers.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
version=1.20.2
cache=${XDG_CACHE_HOME:-$HOME/.cache}/gatewayctl/cluster
built=$cache/$version-$({ cat "$here/cluster/build.sh" && uname -m; } | sha256sum | cut -c 1-12)
bin=$built/bin
state=/var/lib/gatewayctl-cluster
logs=$state/logs
kubeconfig=$state/kubeconfig
lock=/run/lock/gatewayctl-cluster
pause_image=gatewayctl-cluster/pause:3.2

say() { echo "cluster: $*"; }
fail() {
    echo "cluster: $*" >&2
    exit 1
}

. "$here/cluster/processes.sh"
. "$here/cluster/start.sh"
. "$here/cluster/stop.sh"

refuse_other_machines() {
    [ -f /etc/debian_version ] && command -v apt-get >/dev/null ||
        fail "a cluster is made on Debian only, and this is not Debian. Run the tests against another test cluster: set KUBECONFIG and GATEWAYCTL_TEST_CLUSTER=1."
    [ "$(id -u)" = 0 ] || fail "a cluster is made as root only: its kubelet mounts volumes and its proxy sets iptables. Run as root."
}

# One run at a time. The programs that a run starts must not inherit the lock (9>&-).
take_lock() {
    exec 9>"$lock"
    flock -n 9 || {
        say "waiting for another run of this script"
        flock -w 3000 9 || fail "another run of this script has not ended within 50 minutes."
    }
}

install_missing() { # pairs of a program, or a file, and its Debian package
    packages=
    while [ $# -gt 0 ]; do
        command -v "$1" >/dev/null || [ -e "$1" ] || packages="$packages $2"
        shift 2
    done
    [ -n "$packages" ] || return 0
    say "installing$packages (Debian packages)"
    apt-get update -qq || say "apt-get update failed; trying with the lists there are"
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $packages >/dev/null </dev/null ||
        fail "apt-get could not install:$packages"
}

build() {
    if [ -d "$built" ]; then
        say "Kubernetes $version is built: $built"
        return 0
    fi
    install_missing gcc gcc /usr/include/stdio.h libc6-dev dpkg-source dpkg-dev
    mkdir -p "$cache"
    # Left by a build that was killed. A compiler of it may end only now, and write meanwhile.
    rm -rf "$cache"/building.* || true
    folder=$(mktemp -d "$cache/building.XXXXXX")
    say "building Kubernetes $version from Debian's source package: about 5 minutes on 2 cores (log: $cache/build.log)"
    # It holds the lock, too: if this script is killed, the next run waits for the build and has it.
    if ! nice timeout --foreground 3000 sh "$here/cluster/build.sh" "$folder" "$built" >"$cache/build.log" 2>&1 </dev/null; then
        tail -n 20 "$cache/build.log" >&2
        rm -rf "$folder" || true
        fail "the build failed. Its last words are above; all of them in $cache/build.log."
    fi
    say "built: $built"
}

case ${1:-start} in
start | stop | build | kubeconfig) verb=${1:-start} ;;
*) fail "usage: sh tools/cluster.sh [start|stop|build|kubeconfig]" ;;
esac
refuse_other_machines
[ "$verb" = kubeconfig ] || take_lock
case $verb in
start) start_cluster ;;
stop) stop_cluster ;;
build) build ;;
kubeconfig)
    { all_are_running && api_is_ready; } || fail "no cluster is running. Start it: sh tools/cluster.sh"
    echo "$kubeconfig"
    ;;
esac
