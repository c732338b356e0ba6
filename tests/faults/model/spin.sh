#!/bin/sh
# Checks publication.pml by spin: the protocol must hold, and each variant without a safeguard must fail.
set -eu
model=$(cd "$(dirname "$0")" && pwd)/publication.pml
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

check() { # name, expected (holds or fails), switches
    name=$1 expected=$2
    shift 2
    spin -a "$@" "$model" >spin.log 2>&1
    cc -O2 -DSAFETY -DCOLLAPSE -o pan pan.c 2>cc.log
    ./pan -m200000 >pan.log
    if grep -q "errors: 0" pan.log; then found=holds; else found=fails; fi
    if grep -q "max search depth too small" pan.log; then found="was cut off"; fi
    states=$(sed -n 's/ *\([0-9e+.]*\) states, stored.*/\1/p' pan.log)
    echo "$name: $found, $states states"
    [ "$found" = "$expected" ] || { echo "expected: $expected" >&2; exit 1; }
}

check "on a disk" holds
check "where a lease may pass" holds -DPASSING
check "without a lease" fails -DNO_LEASE
check "without a fence" fails -DPASSING -DNO_FENCE
check "without restoring" fails -DNO_RESTORE
check "where commits are blind" fails -DPASSING -DNO_BUILT_ON
check "without put-if-absent" fails -DPASSING -DNO_PUT_IF_ABSENT
