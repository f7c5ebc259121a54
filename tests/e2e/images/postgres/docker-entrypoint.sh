#!/bin/bash
# What the official image's entry point does for the variables this project uses: POSTGRES_USER,
# POSTGRES_PASSWORD (each also as _FILE), POSTGRES_DB, POSTGRES_INITDB_ARGS, PGDATA and the scripts
# of /docker-entrypoint-initdb.d. A data folder that is there keeps its users and passwords.
set -Eeuo pipefail

value_of() { # $1: variable, $2: default
    local file="$1_FILE"
    if [ -n "${!file:-}" ]; then cat "${!file}"; else printf '%s' "${!1:-$2}"; fi
}

run_scripts() {
    local file
    for file in /docker-entrypoint-initdb.d/*; do
        case $file in
        *.sh) bash "$file" ;;
        *.sql) ask --dbname "$name" --file "$file" ;;
        esac
    done
}

ask() { psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$user" --no-password "$@"; }

make_database() {
    user=$(value_of POSTGRES_USER postgres)
    name=$(value_of POSTGRES_DB "$user")
    local password
    password=$(value_of POSTGRES_PASSWORD '')
    if [ -z "$password" ]; then
        echo "Error: Database is uninitialized and superuser password is not specified." >&2
        echo "       You must specify POSTGRES_PASSWORD to a non-empty value for the superuser." >&2
        exit 1
    fi
    # shellcheck disable=SC2086 # several words, as in the official image
    initdb --username="$user" --pwfile=<(printf '%s\n' "$password") ${POSTGRES_INITDB_ARGS:-}
    printf '\nhost all all all scram-sha-256\n' >>"$PGDATA/pg_hba.conf"
    pg_ctl -D "$PGDATA" -o "-c listen_addresses='' -p 5432" -w start
    export PGPASSWORD=$password
    if [ "$name" != postgres ]; then
        echo 'CREATE DATABASE :"name" ;' | ask --dbname postgres --set name="$name"
    fi
    run_scripts
    unset PGPASSWORD
    pg_ctl -D "$PGDATA" -m fast -w stop
    echo
    echo 'PostgreSQL init process complete; ready for start up.'
    echo
}

refuse_old_databases() {
    local folder found=
    [ "$PGDATA" = "/var/lib/postgresql/$PG_MAJOR/docker" ] || return 0
    for folder in /var/lib/postgresql /var/lib/postgresql/data /var/lib/postgresql/*/docker; do
        if [ -s "$folder/PG_VERSION" ]; then found="$found $folder"; fi
    done
    if [ -z "$found" ] && mountpoint -q /var/lib/postgresql/data; then
        found='/var/lib/postgresql/data (unused mount/volume)'
    fi
    [ -n "$found" ] || return 0
    echo "Error: in 18+, these Docker images are configured to store database data in a" >&2
    echo "       format which is compatible with \"pg_ctlcluster\" (specifically, using" >&2
    echo "       major-version-specific directory names)." >&2
    echo "       Counter to that, there appears to be PostgreSQL data in:$found" >&2
    exit 1
}

if [ "${1:0:1}" = - ]; then set -- postgres "$@"; fi
if [ "$1" = postgres ]; then
    mkdir -p "$PGDATA" /var/run/postgresql
    chmod 700 "$PGDATA" || :
    if [ "$(id -u)" = 0 ]; then
        find "$PGDATA" /var/run/postgresql \! -user postgres -exec chown postgres '{}' +
        exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
    fi
    if [ -s "$PGDATA/PG_VERSION" ]; then
        printf '\nPostgreSQL Database directory appears to contain a database; Skipping initialization\n\n'
    else
        refuse_old_databases
        make_database
    fi
fi
exec "$@"
