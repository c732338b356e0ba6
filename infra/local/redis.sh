#!/bin/sh
# Installs Redis's server on Debian and Ubuntu where there is none; starts no service.
# The tests of the serverless path start one of their own, on loopback, in a folder of theirs.
set -eu
if command -v redis-server >/dev/null || command -v valkey-server >/dev/null; then
    exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    # The package would start a server of its own; a policy file that stands already is left alone.
    policy=/usr/sbin/policy-rc.d
    made=
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' > "$policy"
        chmod +x "$policy"
        made=1
    fi
    trap '[ -z "$made" ] || rm -f "$policy"' EXIT
    export DEBIAN_FRONTEND=noninteractive
    # A machine that is new has no lists of packages yet.
    apt-get install -y --no-install-recommends redis-server ||
        { apt-get update && apt-get install -y --no-install-recommends redis-server; }
else
    echo "Redis is not installed; install its server (on Debian: apt install redis-server) to use it" >&2
fi
