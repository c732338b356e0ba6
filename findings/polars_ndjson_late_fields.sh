#!/bin/sh
# polars leaves out a field of JSON Lines that comes up after the hundredth record, without a
# word. Found with polars 2.1.0; exits non-zero if that changes.
#
# Expected: records of JSON Lines may have optional fields, and events often have: a field that is
# first told in record 101 is data. polars.read_json refuses the same records: "extra field in
# struct data: b, consider increasing infer_schema_length".
# Seen: read_ndjson and scan_ndjson, whose infer_schema_length is 100, drop it; so does
# pl.DataFrame(list of dictionaries). A late value of another type is an error; a late field is
# none.
# Strata looks at every record before it reads one, and keeps such a field (`_extra`, or its
# column).
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "polars==2.1.0"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import json
import sys

import polars as pl

print("polars", pl.__version__)
records = [{"id": n} for n in range(100)] + [{"id": 100, "deleted": True}]
with open("events.ndjson", "w") as sink:
    sink.writelines(json.dumps(record) + "\n" for record in records)
with open("events.json", "w") as sink:
    json.dump(records, sink)


def refused(read):
    try:
        return read().columns
    except pl.exceptions.ComputeError as error:
        return str(error).partition(",")[0]


seen = {
    "read_ndjson": pl.read_ndjson("events.ndjson").columns,
    "scan_ndjson": pl.scan_ndjson("events.ndjson").collect().columns,
    "DataFrame": pl.DataFrame(records).columns,
    "read_json": refused(lambda: pl.read_json("events.json")),
    "read_ndjson, all looked at": pl.read_ndjson("events.ndjson", infer_schema_length=None).columns,
}
for name, told in seen.items():
    print(f"{name}: {told}")
if list(seen.values()) != [
    ["id"],
    ["id"],
    ["id"],
    "extra field in struct data: deleted",
    ["id", "deleted"],
]:
    sys.exit("the behaviour has changed")
PYTHON
