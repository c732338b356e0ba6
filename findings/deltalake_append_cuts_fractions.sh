#!/bin/sh
# delta-rs appends a column of floats to a table of integers and cuts the fractions off in silence.
# Found with deltalake 1.6.6; exits non-zero if that changes.
#
# Expected: the guide of delta-rs, "Writing Delta Tables", says that a write "will raise ValueError
# if the schema of the data passed to it differs from the existing table's schema", and offers
# schema_mode for those who want it otherwise. Delta's documentation, "Schema validation":
# "DataFrame column data types must match the column data types in the target table. If they don't
# match, an exception is raised."
# Seen: 3.7 is stored as 3, the text '9' as 9, and 0.129 as 0.13 in decimal(10,2).
# Only what no cast can do is refused (the text 'x', a number of columns that differs).
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "deltalake==1.6.6" "pyarrow==26.0.1"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys
from decimal import Decimal

import deltalake
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

print("deltalake", deltalake.__version__)
money = pa.decimal128(10, 2)


def append(name, first, further):
    write_deltalake(name, pa.table({"value": first}))
    try:
        write_deltalake(name, pa.table({"value": further}), mode="append")
    except Exception as error:
        return f"refused: {type(error).__name__}"
    stored = set(DeltaTable(name).to_pyarrow_table().column("value").to_pylist())
    return (stored - set(first.to_pylist())).pop()


whole = pa.array([1], pa.int64())
seen = {
    "float 3.7 into long": append("float", whole, pa.array([3.7])),
    "float -3.7 into long": append("negative", whole, pa.array([-3.7])),
    "text '9' into long": append("text", whole, pa.array(["9"])),
    "text 'x' into long": append("word", whole, pa.array(["x"])),
    "float 0.129 into decimal(10,2)": append(
        "money", pa.array([Decimal("1.00")], money), pa.array([0.129])
    ),
}
for what, became in seen.items():
    print(f"{what}: {became}")
if list(seen.values()) != [3, -3, 9, "refused: Exception", Decimal("0.13")]:
    sys.exit("the behaviour has changed")
PYTHON
