#!/bin/sh
# Brings a Docker engine and the Compose plugin where they are missing; on a machine that has both
# it changes nothing. An engine is installed and started only on Debian as root; the plugin is
# taken from Debian's own packages, for the user who asks. Repeatable. `sh tools/engine.sh stop`
# ends the engine this script started, and no other. `sh tools/engine.sh podman` installs Podman
# beside it, for the tests that use it as an engine; nothing of it runs afterwards.
set -eu

oldest_compose=2.20
pid_file=/run/gatewayctl-engine.pid
log_file=/var/log/gatewayctl-engine.log
plugins=${DOCKER_CONFIG:-$HOME/.docker}/cli-plugins
# The first Debian release that has Compose v2. It needs only a C library of 2.34 or newer.
compose_release=trixie

say() { echo "engine: $*"; }
fail() {
    echo "engine: $*" >&2
    exit 1
}

is_debian() { [ -f /etc/debian_version ] && command -v apt-get >/dev/null; }
is_root() { [ "$(id -u)" = 0 ]; }
answers() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }
is_ours() { [ -f "$pid_file" ] && [ "$(cat "/proc/$(cat "$pid_file")/comm" 2>/dev/null)" = dockerd ]; }

install_packages() {
    say "installing $* (Debian packages)"
    apt-get update -qq || say "apt-get update failed; trying with the lists there are"
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" >/dev/null </dev/null ||
        fail "apt-get could not install: $*"
}

# Why the engine does not answer, where somebody other than this script has to change it.
refuse_what_is_not_ours() {
    [ -z "${DOCKER_HOST:-}" ] || fail "DOCKER_HOST is $DOCKER_HOST, and no engine answers there. Start it, or unset DOCKER_HOST."
    if [ -S /var/run/docker.sock ] && [ ! -w /var/run/docker.sock ]; then
        fail "no permission for /var/run/docker.sock. Add yourself to its group (usermod -aG docker $(id -un)), then log in anew."
    fi
    is_debian || fail "no Docker engine answers, and this is not Debian. Install and start Docker 20.10 or newer: https://docs.docker.com/engine/install/"
    is_root || fail "no Docker engine answers. As root: apt-get install docker.io iptables, then start it."
}

wait_until_ready() { # $1: seconds
    left=$1
    while [ "$left" -gt 0 ]; do
        answers && return 0
        sleep 1
        left=$((left - 1))
    done
    return 1
}

start_engine() {
    say "starting dockerd (log: $log_file)"
    # In a session of its own, so that the end of the calling shell does not end it.
    setsid dockerd </dev/null >>"$log_file" 2>&1 &
    echo $! >"$pid_file"
    if ! wait_until_ready 60; then
        is_ours && kill "$(cat "$pid_file")"
        rm -f "$pid_file"
        tail -n 5 "$log_file" >&2
        fail "dockerd is not ready after 60 s. Its last words are above; all of them in $log_file."
    fi
    say "started; to stop it: sh tools/engine.sh stop"
}

bring_engine() {
    if ! command -v docker >/dev/null || ! answers; then
        refuse_what_is_not_ours
        if ! command -v docker >/dev/null || ! command -v dockerd >/dev/null || ! command -v iptables >/dev/null; then
            install_packages docker.io iptables
        fi
        # Where there is an init system, the package has started it.
        if ! answers && ! { [ -d /run/systemd/system ] && wait_until_ready 20; }; then
            start_engine
        fi
    fi
    say "Docker engine $(docker version --format '{{.Server.Version}}')"
}

compose_is_enough() {
    version=$(docker compose version --short 2>/dev/null) || return 1
    [ "$(printf '%s\n' "$oldest_compose" "${version#v}" | sort -V | head -n 1)" = "$oldest_compose" ]
}

# This machine's own Debian source, for another release: mirror and key stay what they are.
source_for() { # $1: release
    own=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    [ -n "$own" ] || own=$(cut -d/ -f1 /etc/debian_version)
    for file in /etc/apt/sources.list.d/*.sources; do
        [ -f "$file" ] || continue
        awk -v own="$own" -v wanted="$1" '
            BEGIN { RS = ""; FS = "\n" }
            {
                uris = key = ""; found = 0
                for (i = 1; i <= NF; i++) {
                    if ($i ~ /^URIs:/) { split($i, word, " "); uris = word[2] }
                    if ($i ~ /^Signed-By: *[^ ]/) key = $i
                    if ($i ~ /^Suites:/) {
                        count = split($i, suite, " ")
                        for (j = 2; j <= count; j++) if (suite[j] == own) found = 1
                    }
                }
                if (found && uris != "") {
                    print "Types: deb\nURIs: " uris "\nSuites: " wanted "\nComponents: main"
                    if (key != "") print key
                    exit
                }
            }' "$file"
    done | awk '/^Types:/ { if (seen++) exit } { print }'
}

# The same from the older form, one line a source.
source_line_for() { # $1: release
    own=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
        sed -n -E "s/^deb +(\[[^]]*\] +)?([^ ]+) +$own +.*/deb \1\2 $1 main/p" | head -n 1
}

take_plugin() { # $1: Debian package, $2: plugin
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    mkdir -p "$folder/lists/partial" "$folder/archives/partial"
    source_for "$compose_release" >"$folder/debian.sources"
    source_file=$folder/debian.sources
    if [ ! -s "$source_file" ]; then
        source_file=$folder/debian.list
        source_line_for "$compose_release" >"$source_file"
    fi
    [ -s "$source_file" ] || fail "no Debian source found under /etc/apt to take $1 from. Install Docker Compose $oldest_compose or newer: https://docs.docker.com/compose/install/"
    set -- "$1" "$2" -o "Dir::Etc::SourceList=$source_file" -o Dir::Etc::SourceParts=- \
        -o "Dir::State::Lists=$folder/lists" -o "Dir::Cache=$folder" -o "Dir::Cache::Archives=$folder/archives" \
        -o APT::Sandbox::User="$(id -un)" -o Acquire::Languages=none
    package=$1 plugin=$2
    shift 2
    say "taking $package from Debian $compose_release"
    apt-get -qq "$@" update || fail "the package list of Debian $compose_release could not be fetched."
    (cd "$folder" && apt-get -qq "$@" download "$package") || fail "the package $package could not be fetched."
    dpkg -x "$folder/$package"_*.deb "$folder/tree"
    mkdir -p "$plugins"
    found=$(find "$folder/tree" -type f -path "*/cli-plugins/$plugin" | head -n 1)
    [ -n "$found" ] || fail "the package $package holds no $plugin."
    # Whole or not at all: somebody may be using the one that is there.
    cp "$found" "$plugins/.$plugin.new"
    chmod 755 "$plugins/.$plugin.new"
    mv "$plugins/.$plugin.new" "$plugins/$plugin"
    rm -rf "$folder"
    trap - EXIT
}

bring_compose() {
    if ! compose_is_enough; then
        is_debian || fail "Docker Compose $oldest_compose or newer is needed, and this is not Debian. Install it: https://docs.docker.com/compose/install/"
        take_plugin docker-compose docker-compose
        compose_is_enough || fail "the Compose plugin was put into $plugins, but 'docker compose version' still fails."
    fi
    say "Docker Compose $(docker compose version --short)"
}

stop_engine() {
    if ! is_ours; then
        say "no engine started by this script is running; nothing stopped"
        return 0
    fi
    pid=$(cat "$pid_file")
    kill "$pid"
    left=30
    while [ "$left" -gt 0 ] && kill -0 "$pid" 2>/dev/null; do
        sleep 1
        left=$((left - 1))
    done
    kill -0 "$pid" 2>/dev/null && fail "dockerd ($pid) does not end; see $log_file"
    rm -f "$pid_file"
    say "stopped"
}

bring_podman() {
    if ! command -v podman >/dev/null; then
        is_debian || fail "there is no podman, and this is not Debian. Install it: https://podman.io/docs/installation"
        is_root || fail "there is no podman. As root: apt-get install podman netavark aardvark-dns"
        install_packages podman netavark aardvark-dns
    fi
    say "$(podman --version)"
}

case ${1:-start} in
start)
    bring_engine
    bring_compose
    ;;
stop) stop_engine ;;
podman) bring_podman ;;
*) fail "usage: sh tools/engine.sh [start|stop|podman]" ;;
esac
