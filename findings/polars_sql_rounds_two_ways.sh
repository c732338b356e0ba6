#!/bin/sh
# ROUND in polars' SQL rounds halves to even in a column of floats and away from zero in decimals.
# Found with polars 2.1.0; exits non-zero if that changes.
#
# Expected: the reference of polars' SQL, "ROUND": "Round a number to x decimals (default: 0) away
# from zero", and in its source ".5 is rounded away from zero". PostgreSQL's numeric, DuckDB and
# Spark do so as well, the latter two for floats too.
# Seen: 0.5 and 2.5 are 0 and 2 as floats, 1 and 3 as decimals, in one query. The same method in
# Python, .round(), takes the decimals to even. So moving a sum of money from a frame to SQL, or a
# column from decimal to float, changes cents.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "polars==2.1.0" "duckdb==2.0.0" "pyarrow==26.0.1"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys
from decimal import Decimal

import duckdb
import polars as pl

print("polars", pl.__version__, "duckdb", duckdb.__version__)
halves = [0.5, 1.5, 2.5, -2.5]
frame = pl.DataFrame(
    {
        "amount": halves,
        "exact": pl.Series(list(map(Decimal, map(str, halves))), dtype=pl.Decimal(10, 1)),
    }
)
QUERY = "SELECT round(amount) AS amount, round(exact) AS exact FROM frame"
by_sql = pl.SQLContext(frame=frame).execute(QUERY, eager=True)
by_method = frame.select(pl.all().round())
arrow = frame.to_arrow()
engine = duckdb.connect()
engine.register("frame", arrow)
by_duckdb = engine.execute(QUERY).fetchall()


def whole(values):
    return [int(value) for value in values]


seen = {
    "SQL, floats": whole(by_sql["amount"]),
    "SQL, decimals": whole(by_sql["exact"]),
    ".round(), floats": whole(by_method["amount"]),
    ".round(), decimals": whole(by_method["exact"]),
    "DuckDB, floats": whole(row[0] for row in by_duckdb),
    "DuckDB, decimals": whole(row[1] for row in by_duckdb),
}
for how, rounded in seen.items():
    print(f"{how}: {halves} to {rounded}")
even, away = [0, 2, 2, -2], [1, 2, 3, -3]
if list(seen.values()) != [even, away, even, even, away, away]:
    sys.exit("the behaviour has changed")
PYTHON
