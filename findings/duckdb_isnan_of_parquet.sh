#!/bin/sh
# DuckDB leaves a Parquet file's NaN out of a query for NaN: a footer's bounds leave NaN out by the
# format's own rule, and DuckDB skips the file by them. Found with duckdb 2.0.1; exits non-zero if
# that changes. Strata gives DuckDB Arrow's datasets, whose answers are right.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "duckdb==2.0.1" "pyarrow==26.0.1"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys

import duckdb
import pyarrow as pa
from pyarrow import dataset, parquet

print("duckdb", duckdb.__version__)
parquet.write_table(pa.table({"id": [1, 2, 3], "f": [1.0, float("nan"), 3.0]}), "mixed.parquet")
arrow = duckdb.connect()
arrow.register("t", dataset.dataset("mixed.parquet"))
wrong = False
for where in ("isnan(f)", "f = 'nan'", "f > 2"):
    query = f"SELECT id FROM {{}} WHERE {where} ORDER BY id"
    own = [row[0] for row in duckdb.sql(query.format("'mixed.parquet'")).fetchall()]
    right = [row[0] for row in arrow.sql(query.format("t")).fetchall()]
    print(f"{where}: from the file {own}, from Arrow {right}")
    wrong = wrong or own != right
if not wrong:
    sys.exit("the behaviour has changed")
PYTHON
