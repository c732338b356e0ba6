#!/bin/sh
# delta-rs decodes the name of a local folder twice: a table in a folder that is called `a%20b` is
# created in it and then looked for in `a b`. Found with deltalake 1.6.6; exits non-zero if that
# changes. Strata therefore refuses a warehouse with a % in its path.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "deltalake==1.6.6" "pyarrow==26.0.1"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import os
import sys

import deltalake
import pyarrow as pa

print("deltalake", deltalake.__version__)
columns = pa.schema([("id", pa.int64())])


def make(folder):
    try:
        deltalake.DeltaTable.create(f"{folder}/t", columns)
        return "made"
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:90]}"


def has_log(folder):
    return os.path.exists(f"{folder}/t/_delta_log/00000000000000000000.json")


alone = make("a%20b")
print(f"'a%20b': {alone}; its log is there: {has_log('a%20b')}")
if not ("File not found" in alone and "a b/t" in alone and has_log("a%20b")):
    sys.exit("the behaviour has changed")
PYTHON
