# Sourced by tools/cluster.sh: starts, watches and ends the programs of the cluster.
# Each has a pid file in $state/run and a log in $logs, both with its name.

# The programs, in the order in which they end.
programs="kubelet kube-proxy kube-scheduler kube-controller-manager names_and_volumes dnsmasq kube-apiserver etcd"

# A process id may belong to another program by now: the command line tells.
is_running() { # $1: name
    [ -f "$state/run/$1.pid" ] || return 1
    tr '\0' ' ' 2>/dev/null <"/proc/$(cat "$state/run/$1.pid")/cmdline" | grep -q "$1"
}

all_are_running() {
    for program in $programs; do
        is_running "$program" || return 1
    done
}

run() { # $1: name, then the command
    name=$1
    shift
    is_running "$name" && return 0
    # In a session of its own, so that the end of the calling shell does not end it.
    setsid "$@" </dev/null >>"$logs/$name.log" 2>&1 9>&- &
    echo $! >"$state/run/$name.pid"
}

# Settings of the kernel that the kubelet and the proxy change, for all of the machine.
kernel_settings="kernel/panic kernel/panic_on_oops kernel/keys/root_maxbytes kernel/keys/root_maxkeys
    vm/overcommit_memory vm/panic_on_oom net/ipv4/conf/all/route_localnet net/bridge/bridge-nf-call-iptables"

save_kernel_settings() {
    for setting in $kernel_settings; do
        [ ! -f "/proc/sys/$setting" ] || echo "$setting $(cat "/proc/sys/$setting")"
    done >"$state/kernel-settings"
}

restore_kernel_settings() {
    [ -f "$state/kernel-settings" ] || return 0
    while read -r setting value; do
        [ "$(cat "/proc/sys/$setting")" = "$value" ] || echo "$value" >"/proc/sys/$setting"
    done <"$state/kernel-settings"
}

# Waits until a command succeeds, but no longer than the program lives that it is about.
wait_for() { # $1: program, $2: seconds, $3: what, then the command
    name=$1 left=$(($2 * 2)) limit=$2 what=$3
    shift 3
    until "$@" >/dev/null 2>&1; do
        left=$((left - 1))
        if [ "$left" -lt 0 ] || ! is_running "$name"; then
            tail -n 20 "$logs/$name.log" >&2
            is_running "$name" || fail "$name has ended. Its last words are above; all of them in $logs/$name.log."
            fail "$what: not within $limit s. The last words of $name are above; all of them in $logs/$name.log."
        fi
        sleep 0.5
    done
}

end_program() { # $1: name
    is_running "$1" || return 0
    pid=$(cat "$state/run/$1.pid")
    kill "$pid" 2>/dev/null || return 0
    left=40
    while [ "$left" -gt 0 ] && is_running "$1"; do
        sleep 0.25
        left=$((left - 1))
    done
    is_running "$1" && kill -9 "$pid"
    return 0
}
