#!/bin/sh
# Builds Kubernetes from Debian's source package: `sh build.sh FOLDER RESULT` works in FOLDER, and
# makes RESULT with its folder bin when all is there; FOLDER is gone then.
# Run by tools/cluster.sh, which keeps the result; the name it keeps it under contains a checksum of
# this file, so a change here rebuilds. Nothing of the system is changed: packages are unpacked in
# FOLDER, not installed. It needs apt-get, dpkg-dev and gcc.
set -eu

work=$1
result=$2
version=1.20.2
release=bookworm # The last Debian release whose source package holds all of Kubernetes.
programs="kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet"

fail() {
    echo "$*" >&2
    exit 1
}

# The machine's own Debian source, for $release alone and with source packages.
configure_apt() {
    mkdir -p "$work/lists/partial" "$work/archives/partial"
    apt-get indextargets --format '$(REPO_URI) [signed-by=$(SIGNED_BY)]' 'Created-By: Packages' 'Origin: Debian' |
        grep -v -e security -e '^file:' | head -n 1 | while read -r uri key; do
        # Where a source names no key, the word comes back as it was asked for.
        case $key in *'$('* | *'=]') key= ;; esac
        echo "deb $key $uri $release main"
        echo "deb-src $key $uri $release main"
    done >"$work/sources.list"
    [ -s "$work/sources.list" ] || fail "No Debian source is configured under /etc/apt to take Kubernetes from."
    apt update
}

apt() {
    apt-get -qq -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=- \
        -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work" -o Dir::Cache::Archives="$work/archives" \
        -o APT::Sandbox::User=root -o Acquire::Languages=none "$@"
}

unpack() { # $1: where to, then packages
    target=$1
    shift
    (cd "$work/archives" && apt download "$@")
    for package; do
        dpkg -x "$work/archives/$package"_*.deb "$target"
    done
}

# The source package leaves out a generated file; the program that generates it is there.
generate_openapi() {
    file=pkg/generated/openapi/zz_generated.openapi.go
    (cd vendor/k8s.io/kube-openapi/cmd/openapi-gen && go build -o "$work/openapi-gen" .)
    packages=$(grep -rl --include='*.go' '+k8s:openapi-gen=true' pkg staging vendor/k8s.io 2>/dev/null |
        xargs -n 1 dirname | sed -e 's,^staging/src/,,' -e 's,^vendor/,,' -e 's,^pkg/,k8s.io/kubernetes/pkg/,' |
        sort -u | paste -sd , -)
    "$work/openapi-gen" --go-header-file hack/boilerplate/boilerplate.generatego.txt \
        --input-dirs "$packages" --output-base "$work/generated" --report-filename "$work/openapi-violations" \
        --output-package k8s.io/kubernetes/pkg/generated/openapi -O zz_generated.openapi
    sed 's,k8s.io/kubernetes/vendor/,,' "$work/generated/k8s.io/kubernetes/$file" >"$file"
}

# Scores below that of the calling process are refused in containers and small virtual machines.
drop_negative_oom_scores() {
    files="pkg/kubelet/qos/policy.go pkg/kubelet/dockershim/docker_sandbox.go"
    # shellcheck disable=SC2086
    sed -i -E 's/= -99[0-9]/= 0/' $files
}

compile() {
    flags="-s -w"
    for package in client-go/pkg component-base; do
        named=k8s.io/kubernetes/vendor/k8s.io/$package/version
        flags="$flags -X $named.gitVersion=v$version -X $named.gitMajor=1 -X $named.gitMinor=20"
    done
    mkdir -p "$work/result/bin"
    for program in $programs; do
        echo "Compiling $program."
        go build -ldflags "$flags" -o "$work/result/bin/$program" "./cmd/$program"
    done
    gcc -Os -static -DVERSION=3.2 -o "$work/result/bin/pause" build/pause/linux/pause.c
}

configure_apt
unpack "$work/go" golang-1.19-go golang-1.19-src
unpack "$work/debs" etcd-server kubernetes-client
(cd "$work" && apt source --download-only kubernetes && dpkg-source -x kubernetes_*.dsc source)
export GOROOT="$work/go/usr/lib/go-1.19" GOPATH="$work/path" GOCACHE="$work/cache"
export GO111MODULE=off GOFLAGS='' CGO_ENABLED=0 PATH="$work/go/usr/lib/go-1.19/bin:$PATH"
mkdir -p "$GOPATH/src/k8s.io"
mv "$work/source" "$GOPATH/src/k8s.io/kubernetes"
cd "$GOPATH/src/k8s.io/kubernetes"
drop_negative_oom_scores
generate_openapi
compile
cp "$work/debs/usr/bin/etcd" "$work/debs/usr/bin/kubectl" "$work/result/bin"
# Whole or not at all.
mv "$work/result" "$result"
cd /
rm -rf "$work"
