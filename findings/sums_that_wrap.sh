#!/bin/sh
# Sums of whole numbers wrap around in polars, in DataFusion and in delta-rs's SQL, which rests on
# it: a sum beyond 2^63 is negative. Found with polars 2.1.0, datafusion 55.0.0 and deltalake
# 1.6.6; exits non-zero if that changes.
#
# Expected: ISO/IEC 9075-2, general rules of set functions: a sum that its type cannot hold is an
# exception, "numeric value out of range". PostgreSQL and DuckDB widen, Spark's ANSI mode raises.
# Seen: six instants in nanoseconds since 1970 are enough: their mean, as sum / count, is in 1929.
# Strata's `strata sql` refuses a sum beyond 64 bits (tests/unit/serve/test_duck.py).
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "polars==2.1.0" "datafusion==55.0.0" "deltalake==1.6.6" \
    "duckdb==2.0.1" "pyarrow==26.0.1"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import datetime as dt
import sys

import datafusion
import deltalake
import duckdb
import polars as pl
import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder, write_deltalake

print("polars", pl.__version__, "datafusion", datafusion.__version__, end=" ")
print("deltalake", deltalake.__version__, "duckdb", duckdb.__version__)
instant = 1_790_000_000_000_000_000  # ns, in 2026
rows = pa.table({"instant": pa.array([instant] * 6, pa.int64())})
right = 6 * instant
wrapped = (right + 2**63) % 2**64 - 2**63
SQL = "SELECT sum(instant) AS total FROM told"

context = datafusion.SessionContext()
context.from_arrow(rows, "told")
write_deltalake("table", rows)
engine = duckdb.connect()
engine.register("told", rows)
query = QueryBuilder().register("told", DeltaTable("table")).execute(SQL)
seen = {
    "polars": pl.from_arrow(rows)["instant"].sum(),
    "polars SQL": pl.SQLContext(told=pl.from_arrow(rows)).execute(SQL, eager=True)["total"][0],
    "DataFusion": context.sql(SQL).to_pydict()["total"][0],
    "delta-rs": pa.table(query)["total"][0].as_py(),
    "DuckDB": engine.sql(SQL).fetchall()[0][0],
}
start = dt.datetime(1970, 1, 1)
for name, total in seen.items():
    mean = start + dt.timedelta(microseconds=total // 6 // 1000)
    print(f"{name}: {total}, a mean of {mean:%Y-%m-%d}")
if list(seen.values()) != [wrapped] * 4 + [right]:
    sys.exit("the behaviour has changed")
PYTHON
