# Sourced by tools/cluster.sh: ends the cluster and removes what it left on the machine.

remove_containers() {
    docker version >/dev/null 2>&1 || {
        say "no Docker engine answers: containers of the cluster, if any, are left"
        return 0
    }
    # No other kubelet uses this engine: start_cluster made sure.
    found=$(docker ps -aq --filter label=io.kubernetes.pod.uid)
    # shellcheck disable=SC2086
    [ -z "$found" ] || docker rm --force --volumes $found >/dev/null
    ! docker image inspect "$pause_image" >/dev/null 2>&1 || docker image rm "$pause_image" >/dev/null
}

# The innermost first. A volume may be mounted more than once.
unmount_volumes() {
    awk -v below="$state/" 'index($5, below) == 1 { print $5 }' /proc/self/mountinfo | sort -r |
        while read -r folder; do
            umount "$folder" 2>/dev/null || umount --lazy "$folder"
        done
}

# In one transaction a table, and of Kubernetes' chains only: Docker changes its own meanwhile.
remove_chains() { # $1: iptables or ip6tables
    command -v "$1" >/dev/null || return 0
    for table in nat filter mangle; do
        "$1-save" -t "$table" 2>/dev/null | awk -v table="$table" '
            /^:KUBE-/ { name = substr($1, 2); flush = flush "-F " name "\n"; remove = remove "-X " name "\n" }
            /^-A / && $2 !~ /^KUBE-/ && / -[jg] KUBE-/ { sub(/^-A/, "-D"); jumps = jumps $0 "\n" }
            END { if (flush != "") printf "*%s\n%s%s%sCOMMIT\n", table, jumps, flush, remove }' |
            "$1-restore" --noflush --wait 10
    done
}

remove_cluster() {
    for program in $programs; do
        end_program "$program"
    done
    remove_containers
    unmount_volumes
    remove_chains iptables
    remove_chains ip6tables
    restore_kernel_settings
    # None was here before: start_cluster would have refused. Never through a mount.
    # shellcheck disable=SC2086
    rm -rf --one-file-system $kubelet_folders "$state"
}

stop_cluster() {
    if [ ! -d "$state" ]; then
        say "no cluster of this script is here; nothing stopped"
        return 0
    fi
    remove_cluster
    say "stopped and removed"
}
