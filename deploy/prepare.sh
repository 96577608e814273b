#!/bin/sh
# Makes what a registry needs before its first start: keys, authorities, passwords. What is there is kept, so it may run
# before every start. The certificates of the server and of the health probe are made anew by each run, for 90 days; a
# running server takes them at the next connection. Run it once a month.
#
#   OUT           where to; below it registry/, database/, grafana/ and offline/
#   OWNER         number of the registry's user
#   SERVER_NAMES  names and addresses by which institutions reach the registry, by spaces
#   DATABASE_HOST and DATABASE_NAME: for the password file of the registry
#
# offline/ belongs on a medium that is kept apart: it is needed to exchange authorities, and for nothing else.
set -eu
umask 077
: "${OUT:=/secrets}" "${OWNER:=10001}" "${SERVER_NAMES:=localhost}"
: "${DATABASE_HOST:=postgresql}" "${DATABASE_NAME:=hutong}"

own="$OUT/registry"
# The registry's user must get through it to its own.
[ -d "$OUT" ] || (umask 022 && mkdir -p "$OUT")
mkdir -p "$own/tls" "$OUT/database" "$OUT/grafana" "$OUT/offline"
[ "$(id -u)" = "$OWNER" ] || chown -R "$OWNER:$OWNER" "$own" "$OUT/offline"

as_owner() {
  if [ "$(id -u)" = "$OWNER" ]; then "$@"; else setpriv --reuid "$OWNER" --regid "$OWNER" --clear-groups "$@"; fi
}
secret() { od -An -v -tx1 -N24 /dev/urandom | tr -d ' \n'; }

export HUTONG_TOKEN_KEY="$own/keys/token.key" HUTONG_SEAL_KEY="$own/keys/seal.key"
export HUTONG_KEK="$own/keys/kek.key" HUTONG_LEDGER_KEY="$own/keys/ledger.key" HUTONG_CA_DIRECTORY="$own/ca"
export HUTONG_TLS_CERTIFICATE="$own/tls/server.pem" HUTONG_TLS_KEY="$own/tls/server.key"
as_owner hutong-server keys init

if [ ! -e "$own/ca/authorities.json" ]; then
  [ -e "$OUT/offline/passphrase" ] || secret | as_owner tee "$OUT/offline/passphrase" > /dev/null
  as_owner hutong-server ca init --passphrase-file "$OUT/offline/passphrase" --root-key "$OUT/offline/root.key"
fi

# localhost is what the health probe calls.
set -- --name localhost
for name in $SERVER_NAMES; do [ "$name" = localhost ] || set -- "$@" --name "$name"; done
as_owner hutong-server ca server-certificate "$@" --days 90
as_owner hutong-server ca monitor-certificate --out "$own/monitor" --days 90

[ -e "$OUT/database/password" ] || secret > "$OUT/database/password"
echo "$DATABASE_HOST:5432:$DATABASE_NAME:hutong:$(cat "$OUT/database/password")" | as_owner tee "$own/pgpass" > /dev/null

# Grafana runs as another user; only its container has this directory.
[ -e "$OUT/grafana/password" ] || secret > "$OUT/grafana/password"
chmod 0755 "$OUT/grafana"
chmod 0444 "$OUT/grafana/password"
echo "ready: $OUT"
