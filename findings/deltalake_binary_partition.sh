#!/bin/sh
# delta-rs reads another value than it wrote from a binary partition column.
# Found with deltalake 1.6.6; exits non-zero if that changes.
#
# Expected: what is written is read again. Delta's protocol, "Partition Value Serialization", has
# for binary "Encoded as a string of escaped binary values. For example, "\u0001\u0002\u0003"".
# Seen: the writer escapes b"a" into the six characters \u0061, and the reader takes these six for
# the value. No error; a filter for b"a" finds nothing. A plain column keeps its bytes.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "deltalake==1.6.6" "pyarrow==26.0.1"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys

import deltalake
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

print("deltalake", deltalake.__version__)
written = pa.table({"key": pa.array([b"a"], pa.binary()), "id": [1]})
write_deltalake("plain", written)
write_deltalake("parted", written, partition_by=["key"])
plain = DeltaTable("plain").to_pyarrow_table().column("key").to_pylist()
parted = DeltaTable("parted").to_pyarrow_table().column("key").to_pylist()
found = DeltaTable("parted").to_pyarrow_table(filters=[("key", "=", b"a")]).num_rows
print(f"written [b'a']; a plain column reads {plain}, a partition column {parted}")
print(f"rows of the partitioned table where key is b'a': {found}")
if (plain, parted, found) != ([b"a"], [b"\\u0061"], 0):
    sys.exit("the behaviour has changed")
PYTHON
