#!/usr/bin/env bash
# Runs the residents feed from two web addresses, as `docker run --rm IMAGE run residents …` would.
set -euo pipefail
port=8765
python -m http.server --bind 127.0.0.1 --directory /tmp/residents "$port" >/tmp/server.log 2>&1 &
server=$!
trap 'kill "$server"' EXIT
# The people of the samples are made up: any key will do, and none is kept.
STRATA_PSEUDONYM_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(48))')"
export STRATA_PSEUDONYM_KEY STRATA_PSEUDONYM_KEY_ID=smoke
for _ in $(seq 50); do
    python -c "import socket; socket.create_connection(('127.0.0.1', $port), 1)" 2>/dev/null && break
    sleep 0.2
done

base="http://127.0.0.1:$port"
strata run residents --quiet \
    --from "users=$base/users/delivery=2024-07-01/users_made_up.json" \
    --from "postcodes=$base/postcodes/delivery=2014-08-01/code_point_open_excerpt.csv"

[ "$(id -u)" = 10001 ] || { echo "smoke: the image must not run as root; it runs as $(id -u)" >&2; exit 1; }
published="$(strata show gold.residents_by_authority --format csv --limit 0)"
grep -q ',E08000035,' <<<"$published" ||
    { echo "smoke: gold.residents_by_authority must have a row of E08000035; got:" >&2; echo "$published" >&2; exit 1; }
echo "smoke: residents ran from web addresses to $(wc -l <<<"$published") lines of gold.residents_by_authority"
# A volume that the smoke test wrote must not end up in an image.
rm -rf /data/raw/* /data/warehouse/*
