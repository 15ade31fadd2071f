#!/bin/sh
# A PgBouncer for tests: pgbouncer.sh session|transaction|statement SOCKET-FOLDER PORT
#
# Installs PgBouncer from Debian's packages when it is not there, starts it on a free port of 127.0.0.1 before the server
# that listens in SOCKET-FOLDER, and prints `port NUMBER` and `ready`. It ends as postgres.sh does.
set -eu
say() { echo "pgbouncer.sh: $*" >&2; }
die() { say "$*"; exit 1; }
mode=$1 socket=$2 server_port=$3

bouncer=$(command -v pgbouncer || ls /usr/sbin/pgbouncer 2>/dev/null || true)
if [ -z "$bouncer" ]; then
    command -v apt-get >/dev/null || die "there is no pgbouncer and no apt-get; install PgBouncer"
    if [ "$(id -u)" = 0 ]; then root=; else root="sudo -n"; fi
    say "installing pgbouncer with apt-get"
    $root apt-get update -qq >&2
    # Its own service is not wanted.
    $root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends pgbouncer >&2 ||
        die "pgbouncer can't be installed; as root: apt-get install pgbouncer"
    bouncer=$(command -v pgbouncer || echo /usr/sbin/pgbouncer)
fi

if [ "$(id -u)" = 0 ]; then as="setpriv --reuid=postgres --regid=postgres --init-groups"; else as=; fi
folder=$(mktemp -d "${TMPDIR:-/tmp}/stockade-pgbouncer.XXXXXX")
pid=
cleanup() {
    trap - EXIT INT TERM HUP
    if [ -n "$pid" ]; then
        kill -TERM "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    fi
    rm -rf "$folder"
}
trap cleanup EXIT
trap '' INT HUP
trap 'exit 0' TERM

echo '"tester" "not-a-secret"' >"$folder/users.txt"
tries=0
while :; do
    port=$(($(od -An -N2 -tu2 /dev/urandom) % 20000 + 40000))
    # No ignore_startup_parameters: what works here works with PgBouncer's own defaults.
    cat >"$folder/pgbouncer.ini" <<CONF
[databases]
* = host=$socket port=$server_port user=tester
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $port
unix_socket_dir =
auth_type = plain
auth_file = $folder/users.txt
pool_mode = $mode
default_pool_size = 40
CONF
    [ -z "$as" ] || chown -R postgres:postgres "$folder"
    $as setsid "$bouncer" "$folder/pgbouncer.ini" >"$folder/log" 2>&1 &
    pid=$!
    for _ in $(seq 100); do
        grep -qs "process up" "$folder/log" && break 2
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    kill -TERM "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    pid=
    tries=$((tries + 1))
    [ "$tries" -lt 5 ] || { tail -n 5 "$folder/log" >&2; die "pgbouncer does not start"; }
done
printf 'port %s\nready\n' "$port"
cat >/dev/null
