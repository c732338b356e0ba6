#!/bin/sh
# One ibis expression has two answers on DuckDB and on polars: a cast of 2.7 is 3 or 2, -7 % 3 is
# -1 or 2, and "straße" has 6 or 7 letters. Found with ibis-framework 12.0.0, duckdb 2.0.1 and
# polars 2.1.0; exits non-zero if that changes.
#
# Expected: ibis calls itself "the portable Python dataframe library", and its method's page says
# of length only "Compute the length of a string". A test on one engine then holds for the other.
# Seen: casting floats rounds on DuckDB and cuts on polars; 2.5 is rounded to 3 and 2; the
# remainder has the sign of the dividend or the divisor, while // floors on both; length counts
# characters or bytes; the text 1.005 as decimal(10, 2) is 1.01 or 1.00. Nothing is told (issue
# 10029 is about length). floor(), and a remainder of i - i // n * n, say what is meant on both.
# Strata's transforms run on Spark, and what runs without it is held to Spark's answers.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "ibis-framework[duckdb,polars]==12.0.0" "duckdb==2.0.1" \
    "polars==2.1.0"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys

import duckdb
import ibis
import polars

print("ibis", ibis.__version__, "duckdb", duckdb.__version__, "polars", polars.__version__)
rows = ibis.memtable({"f": [2.7, 2.5], "i": [-7, 7], "s": ["straße", "b"]})
asked = {
    "f.cast(int64)": rows.f.cast("int64"),
    "f.round()": rows.f.round(),
    "i % 3": rows.i % 3,
    "i // 3": rows.i // 3,
    "s.length()": rows.s.length(),
}
found = {}
for text, expression in asked.items():
    found[text] = tuple(
        engine.execute(expression).tolist()
        for engine in (ibis.duckdb.connect(), ibis.polars.connect())
    )
    print(f"{text}: duckdb {found[text][0]}, polars {found[text][1]}")
price = ibis.literal("1.005").cast("decimal(10, 2)")
cents = [str(engine.execute(price)) for engine in (ibis.duckdb.connect(), ibis.polars.connect())]
print("1.005 as decimal(10, 2): duckdb", cents[0], "polars", cents[1])
if found != {
    "f.cast(int64)": ([3, 2], [2, 2]),
    "f.round()": ([3, 3], [3, 2]),
    "i % 3": ([-1, 1], [2, 1]),
    "i // 3": ([-3, 2], [-3, 2]),
    "s.length()": ([6, 1], [7, 1]),
} or cents != ["1.01", "1.00"]:
    sys.exit("the behaviour has changed")
PYTHON
