#!/bin/sh
# pyarrow's date formats turn 30 February into 1 March, in computing and in reading CSV.
# Found with pyarrow 26.0.1; exits non-zero if that changes.
#
# Expected: the documentation of pyarrow.compute.strptime: "error_is_null: Return null on parsing
# errors if true or raise if false". 30 February is no day, as pyarrow itself says of the ISO form:
# a cast of "2024-02-30" raises, and so does reading it without a format.
# Seen: with a format of its own the day is carried over: 30/02/2024 is 2024-03-01 and 31/04/2024 is
# 2024-05-01, with error_is_null too, and by the CSV reader's option timestamp_parsers. A day 32
# is refused. Python's strptime refuses all of them.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "pyarrow==26.0.1"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import datetime as dt
import io
import sys

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

print("pyarrow", pa.__version__)
MOMENT = pa.timestamp("s")


def by_strptime(text):
    parsed = pc.strptime([text], format="%d/%m/%Y", unit="s", error_is_null=True)
    return parsed[0].as_py() and str(parsed[0].as_py().date())


def by_csv(text):
    options = csv.ConvertOptions(timestamp_parsers=["%d/%m/%Y"], column_types={"day": MOMENT})
    try:
        table = csv.read_csv(io.BytesIO(f"day\n{text}\n".encode()), convert_options=options)
    except pa.ArrowInvalid:
        return "refused"
    return str(table.column("day")[0].as_py().date())


def by_python(text):
    try:
        return str(dt.datetime.strptime(text, "%d/%m/%Y").date())
    except ValueError:
        return "refused"


def by_cast(text):
    day, month, year = text.split("/")
    try:
        return str(pa.array([f"{year}-{month}-{day}"]).cast(pa.date32())[0].as_py())
    except pa.ArrowInvalid:
        return "refused"


seen = {}
for text in ("29/02/2024", "30/02/2024", "31/04/2024", "32/04/2024"):
    seen[text] = (by_strptime(text), by_csv(text), by_python(text), by_cast(text))
    print(text, "strptime {}, CSV {}, Python {}, cast of the ISO form {}".format(*seen[text]))
if seen != {
    "29/02/2024": ("2024-02-29",) * 4,
    "30/02/2024": ("2024-03-01", "2024-03-01", "refused", "refused"),
    "31/04/2024": ("2024-05-01", "2024-05-01", "refused", "refused"),
    "32/04/2024": (None, "refused", "refused", "refused"),
}:
    sys.exit("the behaviour has changed")
PYTHON
