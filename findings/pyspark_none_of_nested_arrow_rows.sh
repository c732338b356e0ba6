#!/bin/sh
# pyspark makes no DataFrame of an Arrow table without chunks where a column is nested.
# Found with pyspark 4.0.5 and pyarrow 26.0.1; exits non-zero if that changes.
#
# Expected: rows of which a filter leaves none are a DataFrame of no rows, whatever their columns.
# Seen: where a column is a list, a struct or a map, createDataFrame raises "cannot construct
# ChunkedArray from empty vector and omitted type"; of numbers, texts and timestamps it gives an
# empty DataFrame. A filter that keeps nothing, from_batches([]) and a concatenation of nothing
# leave such a table; schema.empty_table() has one chunk, and is taken.
# So a step that fetches rows, filters them and hands them back works until none is left.
# Strata hands on an empty table of one chunk (lib/strata/kit/frames.py; tests/spark/test_frames.py).
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "pyspark==4.0.5" "pyarrow==26.0.1" "pandas==2.3.3"
"$work/venv/bin/python" - <<'PYTHON'
import sys

import pyarrow
import pyspark
from pyspark.sql import SparkSession

builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
spark = builder.config("spark.ui.showConsoleProgress", "false").getOrCreate()
spark.sparkContext.setLogLevel("OFF")
print("pyspark", pyspark.__version__, "pyarrow", pyarrow.__version__)
columns = {
    "number": pyarrow.array([1]),
    "text": pyarrow.array(["a"]),
    "moment": pyarrow.array([0], pyarrow.timestamp("us", "UTC")),
    "list": pyarrow.array([[1]]),
    "struct": pyarrow.array([{"a": 1}]),
    "map": pyarrow.array([[("a", 1)]], pyarrow.map_(pyarrow.string(), pyarrow.int64())),
}
found = {}
for name, column in columns.items():
    rows = pyarrow.table({"column": column})
    assert spark.createDataFrame(rows).count() == 1, name
    none = rows.filter(pyarrow.array([False]))
    assert none["column"].num_chunks == 0, name
    assert spark.createDataFrame(none.schema.empty_table()).count() == 0, name
    try:
        found[name] = spark.createDataFrame(none).count()
    except pyarrow.ArrowInvalid as error:
        found[name] = str(error)
    print(f"no rows of a {name}:", found[name])
refused = {
    name
    for name, answer in found.items()
    if answer == "cannot construct ChunkedArray from empty vector and omitted type"
}
taken = {name for name, answer in found.items() if answer == 0}
if refused != {"list", "struct", "map"} or taken != {"number", "text", "moment"}:
    sys.exit(f"the behaviour has changed: {found}")
PYTHON
