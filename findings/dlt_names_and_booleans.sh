#!/bin/sh
# dlt makes one column of user-id and user_id, and loses one of the values; after a true, the
# number 2 becomes true as well. Found with dlt 1.31.0 and duckdb 2.0.1; exits non-zero if that
# changes.
#
# Expected: dlt's documentation, "Schema evolution": a value that does not fit its column's type
# goes to a variant column (`a__v_text`), and so it does with 2.7 after 5. JSON (RFC 8259) knows
# user-id and user_id as two names.
# Seen: names are written in snake case, and the last of equal ones wins, in one record:
# {"user-id": 1, "user_id": 2, "User ID": 3} is 3. In a column that began with true, 2 and 0.4 are
# true and "no" is false; in one that began with 5, "0017" is 17; in one of floats,
# 9007199254740993 loses its last digit. Nothing is told. Issue 423 names the first, and is
# closed. Who renames before the load keeps both.
# Strata keeps names and texts as they came.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "dlt[duckdb]==1.31.0" "duckdb==2.0.1"
cd "$work"
RUNTIME__DLTHUB_TELEMETRY=false "$work/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import dlt
import duckdb

print("dlt", version("dlt"), "duckdb", duckdb.__version__)


def load(name, *records):
    pipeline = dlt.pipeline(
        pipeline_name=name,
        destination=dlt.destinations.duckdb(f"{name}.duckdb"),
        dataset_name="raw",
        pipelines_dir="pipelines",
    )
    pipeline.run(list(records), table_name="t")
    with duckdb.connect(f"{name}.duckdb") as store:
        rows = store.execute("SELECT * EXCLUDE (_dlt_load_id, _dlt_id) FROM raw.t").fetchall()
    print(list(records), "is stored as", rows)
    return rows


found = [
    load("names", {"user-id": 1, "user_id": 2, "User ID": 3}),
    load("flags", {"a": True}, {"a": 2}, {"a": 0.4}, {"a": "no"}),
    load("codes", {"a": 5}, {"a": "0017"}),
    load("cells", {"a": 1.5}, {"a": 9007199254740993}),
    load("variant", {"a": 5}, {"a": 2.7}),
]
if found != [
    [(3,)],
    [(True,), (True,), (True,), (False,)],
    [(5,), (17,)],
    [(1.5,), (9007199254740992.0,)],
    [(5, None), (None, 2.7)],
]:
    sys.exit("the behaviour has changed")
PYTHON
