#!/bin/sh
# pyiceberg's delete leaves rows that its scan finds by the same filter, and names none of them.
# Found with pyiceberg 0.12.0; exits non-zero if that changes.
#
# Expected: what `scan(row_filter=f)` gives, `delete(f)` takes away: SQL deletes where the filter
# is true, and TRUE OR NULL is TRUE. DuckDB and SQLite delete the row whose name is NULL below.
# Seen: `age > 20 or name = 'ann'` keeps a row of age 30 whose name is NULL, `f != 1` keeps NaN,
# and `age not in (1, 5)` is true of NULL for the scan and false for the delete. A request to
# forget people that is done by such a filter leaves some.
# Strata forgets a person by their pseudonyms, and then searches every file that is left.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "pyiceberg[sql-sqlite,pyarrow]==0.12.0" "duckdb==2.0.1" \
    "pyarrow==26.0.1"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import math
import os
import sys

import duckdb
import pyarrow as pa
import pyiceberg
from pyiceberg.catalog import load_catalog

print("pyiceberg", pyiceberg.__version__)
place = os.getcwd()
catalog = load_catalog("c", type="sql", uri=f"sqlite:///{place}/c.db", warehouse=f"file://{place}")
catalog.create_namespace("n")
rows = pa.table(
    {
        "id": [1, 2, 3, 4],
        "age": pa.array([1, 30, None, 5], pa.int64()),
        "name": ["ann", None, "bob", "eve"],
        "f": [1.0, math.nan, None, 4.0],
    }
)


def ids(scan):
    return sorted(scan.to_arrow()["id"].to_pylist())


seen = {}
for number, condition in enumerate(["age > 20 or name = 'ann'", "f != 1", "age not in (1, 5)"]):
    table = catalog.create_table(f"n.t{number}", schema=rows.schema)
    table.append(rows)
    found = ids(table.scan(row_filter=condition))
    table.delete(condition)
    engine = duckdb.connect()
    engine.sql("CREATE TABLE people AS FROM rows")
    engine.sql(f"DELETE FROM people WHERE {condition}")
    left = [row for (row,) in engine.sql("SELECT id FROM people ORDER BY id").fetchall()]
    told = seen[condition] = (found, ids(table.scan()), left)
    print("{}: the scan finds {}; left after delete {}, in DuckDB {}".format(condition, *told))
if seen != {
    "age > 20 or name = 'ann'": ([1, 2], [2, 3, 4], [3, 4]),
    "f != 1": ([2, 4], [1, 2, 3], [1, 3]),
    "age not in (1, 5)": ([2, 3], [1, 3, 4], [1, 3, 4]),
}:
    sys.exit("the behaviour has changed")
PYTHON
