#!/bin/sh
# pyarrow reads the timestamp 9999-12-31 of a file that Spark wrote as 29 March 1816. Found with
# pyarrow 26.0.1; exits non-zero if that changes.
#
# Expected: Spark's default for Parquet is INT96 (`spark.sql.parquet.outputTimestampType`), a
# Julian day and nanoseconds of the day, which holds any year; 9999-12-31 is what validity without
# an end is told as. DuckDB and polars read it right, and pyarrow itself raises where a cast does
# not fit.
# Seen: read_table and datasets make nanoseconds of 64 bits of it, which end in 2262, and wrap
# around in silence: far futures lie in the past, so `valid_to > now` finds nothing. With
# coerce_int96_timestamp_unit="us" they are right.
# Strata reads so everywhere (lib/strata/lake/data_set.py; tests/unit/lake/test_footers.py).
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "pyarrow==26.0.1" "duckdb==2.0.1" "polars==2.1.0"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import datetime as dt
import sys

import duckdb
import polars as pl
import pyarrow as pa
from pyarrow import dataset, parquet

print("pyarrow", pa.__version__)
instants = pa.array([dt.datetime(2024, 1, 1), dt.datetime(9999, 12, 31)], pa.timestamp("us"))
made = pa.table({"valid_to": instants})
parquet.write_table(made, "people.parquet", use_deprecated_int96_timestamps=True)


def days(table):
    return [text[:10] for text in table["valid_to"].cast(pa.string()).to_pylist()]


told = duckdb.sql("SELECT valid_to::DATE::VARCHAR FROM 'people.parquet'").fetchall()
seen = {
    "pyarrow, read_table": days(parquet.read_table("people.parquet")),
    "pyarrow, dataset": days(dataset.dataset("people.parquet").to_table()),
    "pyarrow, coerced": days(
        parquet.read_table("people.parquet", coerce_int96_timestamp_unit="us")
    ),
    "DuckDB": [day for (day,) in told],
    "polars": [f"{at:%Y-%m-%d}" for at in pl.read_parquet("people.parquet")["valid_to"]],
}
for name, found in seen.items():
    print(f"{name}: {found}")
right = ["2024-01-01", "9999-12-31"]
if list(seen.values()) != [["2024-01-01", "1816-03-29"]] * 2 + [right] * 3:
    sys.exit("the behaviour has changed")
PYTHON
