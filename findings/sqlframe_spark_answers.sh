#!/bin/sh
# sqlframe runs PySpark's code on DuckDB with other answers: 2.7 as an int is 3, and collect_list
# holds NULL. Found with sqlframe 4.10.0 and duckdb 2.0.1; exits non-zero if that changes.
#
# Expected: sqlframe "implements the PySpark DataFrame API", so that a pipeline can be tested
# without Spark. By the documentation of Spark 4.0, which this script does not run, a cast to a
# whole number cuts, collect_list leaves NULL out, substring at 0 begins with the first character,
# months_between of 1997-02-28 10:30 and 1996-10-30 is 3.94959677, and isnan(NULL) is false.
# Seen: 3; [1.0, None]; one character less; 3.93548387, as hours do not count; NULL. No message,
# unlike for split's limit, where a warning is logged.
# Strata runs its tests on Spark, and compares by literals.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "sqlframe[duckdb]==4.10.0" "duckdb==2.0.1"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

from sqlframe.duckdb import DuckDBSession
from sqlframe.duckdb import functions as F

print("sqlframe", version("sqlframe"), "duckdb", version("duckdb"))
session = DuckDBSession.builder.getOrCreate()
rows = session.createDataFrame([(2.7, 1.0), (-2.7, None)], ["f", "v"])
one = session.createDataFrame([("hello",)], ["word"])
late, early = (F.lit(text).cast("timestamp") for text in ("1997-02-28 10:30:00", "1996-10-30"))
SPARK = {
    "casts": [2, -2],
    "collect_list": [1.0],
    "substring": "he",
    "months_between": 3.94959677,
    "isnan": False,
}
found = {
    "casts": [row[0] for row in rows.select(F.col("f").cast("int").alias("x")).collect()],
    "collect_list": rows.agg(F.collect_list("v").alias("x")).collect()[0][0],
    "substring": one.select(F.substring("word", 0, 2).alias("x")).collect()[0][0],
    "months_between": round(
        float(one.select(F.months_between(late, early).alias("x")).collect()[0][0]), 8
    ),
    "isnan": one.select(F.isnan(F.lit(None).cast("double")).alias("x")).collect()[0][0],
}
for what, answer in found.items():
    print(f"{what}: {answer}, as documented for Spark: {SPARK[what]}")
if found != {
    "casts": [3, -3],
    "collect_list": [1.0, None],
    "substring": "h",
    "months_between": 3.93548387,
    "isnan": None,
}:
    sys.exit("the behaviour has changed")
PYTHON
