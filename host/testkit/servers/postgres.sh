#!/bin/sh
# A PostgreSQL server for tests: postgres.sh [SETTING=VALUE ...]
#
# Installs PostgreSQL from Debian's packages when it is not there, makes a cluster in a folder of its own, starts it on a
# Unix socket and on a free port of 127.0.0.1 with TLS, and prints one line per fact:
#   socket FOLDER | port NUMBER | ca FILE | bin FOLDER | ready
# Then it does what lines on its standard input say (stop, crash, start) and answers each with `done`.
# It runs until its standard input ends, which happens however the one who started it ends; then it stops the server by
# its process id and removes the folder. Role `tester`, password `not-a-secret` over TCP, none over the socket.
set -eu
say() { echo "postgres.sh: $*" >&2; }
die() { say "$*"; exit 1; }

find_bin() { ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -t/ -k5 -n | tail -n 1; }

bin=$(find_bin)
if [ ! -x "${bin:-/none}/postgres" ] || [ ! -x "${bin:-/none}/initdb" ]; then
    command -v apt-get >/dev/null || die "there is no PostgreSQL in /usr/lib/postgresql and no apt-get; install PostgreSQL 15"
    if [ "$(id -u)" = 0 ]; then root=; else root="sudo -n"; fi
    say "installing postgresql-15 with apt-get"
    # Without the cluster that the package would make and start.
    $root mkdir -p /etc/postgresql-common
    [ -e /etc/postgresql-common/createcluster.conf ] || echo "create_main_cluster = false" | $root tee /etc/postgresql-common/createcluster.conf >/dev/null
    $root apt-get update -qq >&2
    $root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends postgresql-15 openssl >&2 ||
        die "postgresql-15 can't be installed; as root: apt-get install postgresql-15"
    bin=$(find_bin)
fi

# The server refuses to run as root.
if [ "$(id -u)" = 0 ]; then as="setpriv --reuid=postgres --regid=postgres --init-groups"; else as=; fi
# In the system's folder for temporary files: nobody else may look into a home or a workspace.
folder=$(mktemp -d "${TMPDIR:-/tmp}/stockade-postgres.XXXXXX")
server=
cleanup() {
    trap - EXIT INT TERM HUP
    if [ -n "$server" ]; then
        # "Immediate": the data is thrown away next.
        kill -QUIT "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    rm -rf "$folder"
}
trap cleanup EXIT
# Ctrl-C reaches the whole process group; the end of standard input is what counts.
trap '' INT HUP
trap 'exit 0' TERM

mkdir "$folder/socket" "$folder/tls"
echo "not-a-secret" >"$folder/password"
(
    cd "$folder/tls"
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=stockade test authority" -keyout ca.key -out ca.pem
    openssl req -newkey rsa:2048 -nodes -subj "/CN=localhost" -keyout server.key -out server.csr
    printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n' >server.ext
    openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile server.ext -out server.pem
    chmod 600 server.key
) >"$folder/openssl.log" 2>&1 || { cat "$folder/openssl.log" >&2; die "no certificate could be made"; }
chmod 755 "$folder" "$folder/tls"
chmod 644 "$folder/tls/ca.pem"
[ -z "$as" ] || chown -R postgres:postgres "$folder"

$as "$bin/initdb" --pgdata="$folder/data" --username=tester --pwfile="$folder/password" --encoding=UTF8 --locale=C \
    --auth-local=trust --auth-host=scram-sha-256 --no-sync >"$folder/initdb.log" 2>&1 ||
    { cat "$folder/initdb.log" >&2; die "initdb failed"; }
cat >>"$folder/data/postgresql.conf" <<CONF
unix_socket_directories = '$folder/socket'
listen_addresses = '127.0.0.1'
max_connections = 200
shared_buffers = 64MB
ssl = on
ssl_cert_file = '$folder/tls/server.pem'
ssl_key_file = '$folder/tls/server.key'
# Nothing here outlives the tests, and a test that kills our own process needs no disk.
fsync = off
full_page_writes = off
CONF
for setting in "$@"; do echo "$setting" >>"$folder/data/postgresql.conf"; done

# In a session of its own, so that a signal to the test's process group is not one to the server.
launch() {
    $as setsid "$bin/postgres" -D "$folder/data" -p "$port" >>"$folder/server.log" 2>&1 &
    server=$!
    for _ in $(seq 300); do
        if "$bin/pg_isready" -q -h "$folder/socket" -p "$port" -U tester -d postgres; then return 0; fi
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    end QUIT
    return 1
}
end() {
    kill "-$1" "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    server=
}

tries=0
while :; do
    port=$(($(od -An -N2 -tu2 /dev/urandom) % 20000 + 20000))
    if launch; then break; fi
    tries=$((tries + 1))
    [ "$tries" -lt 5 ] || { tail -n 5 "$folder/server.log" >&2; die "the server does not start"; }
done

printf 'socket %s\nport %s\nca %s\nbin %s\nready\n' "$folder/socket" "$port" "$folder/tls/ca.pem" "$bin"
# Until the other end is closed. A test that wants to see its server go says so in a line, and is told when that is done.
while read -r word; do
    case "$word" in
    stop) end INT ;; # connections are cut, the data is written
    crash) end QUIT ;; # as after a power cut; the next start recovers
    start) launch || { tail -n 5 "$folder/server.log" >&2; die "the server does not start again"; } ;;
    *) die "it can stop, crash and start, not $word" ;;
    esac
    echo done
done
