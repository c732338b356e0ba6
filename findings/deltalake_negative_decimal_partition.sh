#!/bin/sh
# delta-rs cannot partition by a negative decimal with a fraction: it writes -0.50 as `0.-50`.
# Found with deltalake 1.6.6; exits non-zero if that changes.
#
# Expected: Delta's protocol, "Partition Value Serialization", has "numeric types: The string
# representation of the number", and decimal is among them. -0.50 is a decimal like 0.50.
# Seen: 0.50 and -3.00 are written and read. -0.50 and -12.34 are refused, as "0.-50" and "-12.-34",
# which no one wrote: the sign is put before the fraction as well.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "deltalake==1.6.6" "pyarrow==26.0.1"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import re
import sys
from decimal import Decimal

import deltalake
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

print("deltalake", deltalake.__version__)


def partition_by(text):
    amounts = pa.array([Decimal(text)], pa.decimal128(10, 2))
    folder = f"t{text}"
    try:
        write_deltalake(folder, pa.table({"p": amounts, "id": [1]}), partition_by=["p"])
        return str(DeltaTable(folder).to_pyarrow_table().column("p")[0].as_py())
    except Exception as error:
        return re.search("'[^']*' as '[^']*'", str(error)).group()


seen = {text: partition_by(text) for text in ("0.50", "-0.50", "-12.34", "-3.00")}
for text, became in seen.items():
    print(f"{text:>7}: {became}")
if seen != {
    "0.50": "0.50",
    "-0.50": "'0.-50' as 'decimal(10,2)'",
    "-12.34": "'-12.-34' as 'decimal(10,2)'",
    "-3.00": "-3.00",
}:
    sys.exit("the behaviour has changed")
PYTHON
