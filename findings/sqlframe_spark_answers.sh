#!/bin/sh
# sqlframe runs PySpark's code on DuckDB with other answers: 2.7 as an int is 3, and collect_list
# holds NULL. Found with sqlframe 4.10.0, duckdb 2.0.1 and pyspark 4.0.5 (needs Java 17 or
# 21); exits non-zero if that changes.
#
# Expected: sqlframe "implements the PySpark DataFrame API", so that a pipeline can be tested
# without Spark. Spark itself is the measure: the same lines are run by pyspark, here.
# Seen, by pyspark and by sqlframe: a cast to a whole number cuts, or rounds; collect_list leaves
# NULL out, or keeps it; substring at 0 begins with the first character, or before it;
# months_between counts hours, or not; isnan(NULL) is false, or NULL. No message, unlike for split's
# limit, where a warning is logged.
# Strata runs its tests on Spark, and compares by literals.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "sqlframe[duckdb]==4.10.0" "duckdb==2.0.1" "pyspark==4.0.5"
cd "$work"
cat > answers.py <<'PYTHON'
"""The same lines for either; prints the answers, and fails where they are others than found."""

import sys
from importlib.metadata import version

engine = sys.argv[1]
if engine == "pyspark":
    from pyspark.sql import SparkSession
    from pyspark.sql import functions as F

    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    session = builder.config("spark.sql.session.timeZone", "UTC").getOrCreate()
else:
    from sqlframe.duckdb import DuckDBSession
    from sqlframe.duckdb import functions as F

    session = DuckDBSession.builder.getOrCreate()

rows = session.createDataFrame([(2.7, 1.0), (-2.7, None)], "f double, v double")
one = session.createDataFrame([("hello",)], ["word"])
late, early = (F.lit(text).cast("timestamp") for text in ("1997-02-28 10:30:00", "1996-10-30"))


def ask(frame, column):
    return [row[0] for row in frame.select(column.alias("x")).collect()]


found = {
    "casts": ask(rows, F.col("f").cast("int")),
    "collect_list": rows.agg(F.collect_list("v").alias("x")).collect()[0][0],
    "substring": ask(one, F.substring("word", 0, 2)),
    "months_between": [round(float(m), 8) for m in ask(one, F.months_between(late, early))],
    "isnan": ask(one, F.isnan(F.lit(None).cast("double"))),
}
print(engine, version(engine))
for what, answer in found.items():
    print(f"  {what}: {answer}")
EXPECTED = {
    "pyspark": {
        "casts": [2, -2],
        "collect_list": [1.0],
        "substring": ["he"],
        "months_between": [3.94959677],
        "isnan": [False],
    },
    "sqlframe": {
        "casts": [3, -3],
        "collect_list": [1.0, None],
        "substring": ["h"],
        "months_between": [3.93548387],
        "isnan": [None],
    },
}
if found != EXPECTED[engine]:
    sys.exit(f"the behaviour of {engine} has changed")
PYTHON
"$work/venv/bin/python" answers.py sqlframe
"$work/venv/bin/python" answers.py pyspark 2> spark.log || { cat spark.log >&2; exit 1; }
