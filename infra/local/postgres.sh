#!/bin/sh
# Installs PostgreSQL's server on Debian and Ubuntu where there is none; starts no service.
# `strata serve postgres` and the tests start one of their own, on loopback, in a folder of theirs.
set -eu
if command -v pg_ctl >/dev/null || ls /usr/lib/postgresql/*/bin/pg_ctl >/dev/null 2>&1; then
    exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    # The package would start a cluster of its own.
    mkdir -p /etc/postgresql-common
    echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.conf
    export DEBIAN_FRONTEND=noninteractive
    # A machine that is new has no lists of packages yet.
    apt-get install -y --no-install-recommends postgresql ||
        { apt-get update && apt-get install -y --no-install-recommends postgresql; }
else
    echo "PostgreSQL is not installed; install its server (on Debian: apt install postgresql) to use that door" >&2
fi
