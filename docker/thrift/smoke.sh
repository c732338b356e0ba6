#!/usr/bin/env bash
# Publishes the launches of the samples, serves them on loopback, and asks by beeline, over JDBC.
set -euo pipefail
mkdir -p /tmp/raw && mv /tmp/launches /tmp/raw/launches
strata run launches --quiet --raw /tmp/raw --warehouse /tmp/warehouse
strata sql serve --warehouse /tmp/warehouse --port 10000 &
server=$!
trap 'kill "$server"' EXIT
# A machine that does much besides starts Spark in minutes.
for _ in $(seq 600); do
    kill -0 "$server" || { echo "smoke: the SQL server has ended before it answered" >&2; exit 1; }
    python -c "import socket; socket.create_connection(('127.0.0.1', 10000), 1)" 2>/dev/null && break
    sleep 1
done
url=jdbc:hive2://127.0.0.1:10000/gold
most="$(beeline -u "$url" --silent=true --outputformat=csv2 --showHeader=false \
    -e 'SELECT max(reuse_count) FROM launches_core_reuse')"
most="${most##*[!0-9]}"  # beeline may put its prompt before the figure.
[ "$most" = 13 ] || { echo "smoke: a core of the samples was reused 13 times; got: $most" >&2; exit 1; }
if beeline -u "$url" --silent=true -e 'DROP VIEW launches_core_reuse' 2>/dev/null; then
    echo "smoke: a reader must not drop a view" >&2
    exit 1
fi
echo "smoke: a JDBC client asked, and could not drop what it asked of"
rm -rf /tmp/raw /tmp/warehouse
