#!/bin/sh
# DuckDB writes a sum of whole numbers into Parquet as a double, and a span of time without its
# microseconds. Found with duckdb 2.0.1; exits non-zero if that changes.
#
# Expected: what COPY writes is what the query gives; CSV, JSON and Arrow from the same query have
# all digits. Parquet has DECIMAL(38, 0), which DuckDB uses for Arrow.
# Seen: sum(BIGINT) is HUGEINT, and HUGEINT becomes DOUBLE: sums of ids, of hashes by which tables
# are compared, or of microseconds since 1970 lose their last digits. INTERVAL becomes Parquet's,
# in milliseconds: 1 microsecond is 0. No warning. A cast to BIGINT or DECIMAL keeps the sum.
# Strata's `strata sql` gives sums as 64-bit numbers or refuses (tests/unit/serve/test_duck.py).
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "duckdb==2.0.1" "pyarrow==26.0.1"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys

import duckdb
from pyarrow import parquet

print("duckdb", duckdb.__version__)
engine = duckdb.connect()
engine.sql("CREATE TABLE told AS SELECT unnest([9007199254740992, 1]) AS value")
query = "SELECT sum(value) AS total, INTERVAL '1 microsecond' AS span FROM told"
[(total, span)] = engine.sql(query).fetchall()
(told,) = engine.sql(query).to_arrow_table()["total"].to_pylist()
engine.sql(f"COPY ({query}) TO 'sums.parquet'")
engine.sql(f"COPY ({query}) TO 'sums.csv'")
with open("sums.csv") as source:
    by_csv = source.read().splitlines()[1].split(",")[0]
kind = str(parquet.read_schema("sums.parquet").field("total").type)
[(kept, kept_span)] = engine.sql(
    "SELECT total::DECIMAL(38, 0), span FROM 'sums.parquet'"
).fetchall()
print(f"the query {total}, {span}; Arrow {told}, CSV {by_csv}; Parquet {kind} {kept}, {kept_span}")
if (total, str(told), by_csv, kind, str(kept), span == kept_span) != (
    9007199254740993,
    "9007199254740993",
    "9007199254740993",
    "double",
    "9007199254740992",
    False,
):
    sys.exit("the behaviour has changed")
PYTHON
