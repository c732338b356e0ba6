#!/bin/sh
# A filter of delta-rs loses all rows of a file whose log states no bounds for the filtered column.
# Found with deltalake 1.6.6; exits non-zero if that changes.
#
# Expected: Delta's protocol, "Per-file Statistics": statistics are optional, and each column may
# lack them; "Delta Lake's clients" then read the file. Spark's writer states bounds for no boolean,
# and none for a column of nothing but NULL.
# Seen: to_pyarrow_table(filters=...) and to_pandas(filters=...) take the missing bounds for bounds
# that are NULL, so nothing fits: `flag = true` finds no row of a file of which half are true. With
# no statistics at all the row is found. polars and delta-rs's own QueryBuilder find it in both.
# Strata's tables name the columns that have bounds (`delta.dataSkippingStatsColumns`), and the
# filters ask for no others (tests/unit/lake/test_footers.py).
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "deltalake==1.6.6" "pyarrow==26.0.1" "polars==2.1.0"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import json
import os
import sys

import deltalake
import polars as pl
import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder, Schema
from deltalake.transaction import AddAction, create_table_with_add_actions
from pyarrow import parquet

print("deltalake", deltalake.__version__)
rows = pa.table({"id": [1, 2], "flag": [True, False]})
NAME = "part-0.parquet"


def count(folder, statistics):
    os.mkdir(folder)
    parquet.write_table(rows, f"{folder}/{NAME}")
    size = os.path.getsize(f"{folder}/{NAME}")
    add = AddAction(NAME, size, {}, 0, True, json.dumps(statistics))
    create_table_with_add_actions(folder, Schema.from_arrow(rows.schema), [add], "error", [])
    table = DeltaTable(folder)
    query = QueryBuilder().register("t", table).execute("SELECT id FROM t WHERE flag")
    found = (
        table.to_pyarrow_table().num_rows,
        table.to_pyarrow_table(filters=[("flag", "=", True)]).num_rows,
        pa.table(query).num_rows,
        pl.scan_delta(folder).filter(pl.col("flag")).collect().height,
    )
    print(f"{folder}: {found[0]} rows; where flag: filters {found[1]}, SQL {found[2]}, ", end="")
    print(f"polars {found[3]}")
    return found


as_spark = {
    "numRecords": 2,
    "minValues": {"id": 1},
    "maxValues": {"id": 2},
    "nullCount": {"id": 0, "flag": 0},
}
if (count("as_spark_states", as_spark), count("no_statistics", {"numRecords": 2})) != (
    (2, 0, 1, 1),
    (2, 1, 1, 1),
):
    sys.exit("the behaviour has changed")
PYTHON
