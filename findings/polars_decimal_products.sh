#!/bin/sh
# A product of decimals in polars' expressions keeps the scale of its factors, so that each step
# rounds: 0.05 times 0.05 is 0.00. polars' own SQL gives 0.0025. Found with polars 2.1.0
# (1.33.1 keeps all decimals); exits non-zero if that changes.
#
# Expected: a product has the decimals of both factors, as in Arrow's rule for multiply ("scale =
# s1 + s2"), in the SQL of DuckDB, Spark and PostgreSQL, and in Python's decimal.
# Seen: price * quantity * discount is rounded after each step: 19.99 * 3.00 * 0.05 is 3.00 for
# 2.9985, 0.15 * 0.15 * 100.00 is 2.00 for 2.25, and 0.05 * 0.05 * 1000.00 is 0.00 for 2.50. The
# type says scale 2, so nothing shows that digits are gone.
# Strata computes revenue in Spark, exact to the cent (tests/feeds/test_commerce.py).
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "polars==2.1.0" "duckdb==2.0.1" "pyarrow==26.0.1"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys
from decimal import Decimal

import duckdb
import polars as pl

print("polars", pl.__version__)
rows = [("19.99", "3.00", "0.05"), ("0.15", "0.15", "100.00"), ("0.05", "0.05", "1000.00")]
frame = pl.DataFrame(rows, ["a", "b", "c"], orient="row").cast(pl.Decimal(10, 2))
by_expression = frame.select(product=pl.col("a") * pl.col("b") * pl.col("c"))["product"]
context = pl.SQLContext(told=frame)
by_sql = context.execute("SELECT a * b * c AS product FROM told", eager=True)["product"]
prices = frame.to_arrow()
by_duckdb = [row for (row,) in duckdb.sql("SELECT a * b * c FROM prices").fetchall()]
by_python = [Decimal(a) * Decimal(b) * Decimal(c) for a, b, c in rows]
for told in zip(rows, by_expression, by_sql, by_duckdb, by_python, strict=True):
    print("{}: expression {}, SQL {}, DuckDB {}, Python {}".format(*told))
if not (
    list(by_sql) == by_duckdb == by_python
    and list(map(str, by_expression)) == ["3.00", "2.00", "0.00"]
    and by_expression.dtype == pl.Decimal(38, 2)
):
    sys.exit("the behaviour has changed")
PYTHON
