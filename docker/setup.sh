#!/bin/sh
# What the images with an environment of their own have in common; a Dockerfile binds it into a RUN step.
#   setup.sh builder [PACKAGE…]   Debian's packages, uv, and an empty environment in /opt/strata
#   setup.sh image [PACKAGE…]     Debian's packages, and the user with the folders that it may write
set -eu
stage=$1
shift

# Versions of Debian's packages are the base image's own: naming them would break at each security update.
install() {
    apt-get update
    apt-get install -y --no-install-recommends ca-certificates python3 "$@"
    rm -rf /var/lib/apt/lists/*
}

case $stage in
builder)
    install python3-venv "$@"
    # uv installs a subset of the lock and checks its hashes; pip can do one or the other.
    python3 -m venv /opt/uv
    /opt/uv/bin/pip install --no-cache-dir uv==0.13.9
    /opt/uv/bin/uv venv --python /usr/bin/python3 /opt/strata
    ;;
image)
    install tini "$@"
    useradd --uid 10001 --create-home strata
    mkdir -p /data/raw /data/warehouse
    chown strata:strata /data /data/raw /data/warehouse
    ;;
*)
    echo "setup.sh: the stage is builder or image; got $stage" >&2
    exit 2
    ;;
esac
