#!/bin/sh
# Great Expectations takes about 30 times as long for decimals as for the same numbers as floats,
# and the longer, the deeper it is called. Found with great-expectations 1.24.1; exits non-zero if
# that changes.
#
# Expected: prices are decimals in any table of money, and its documentation names no limit. To
# make a Decimal a float for JSON costs a microsecond.
# Seen: for each Decimal that a result or a metric holds, it asks inspect.stack() who called it,
# to leave out one warning for its rule-based profiler. That reads the source lines of every frame
# below: 3 ms each, and more within Airflow or pytest. A set of 10,000 prices takes half a minute.
# Strata counts rows itself, and asks the library for a few figures of a table.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "great-expectations==1.24.1" "pandas==2.3.3"
cd "$work"
cat > show.py <<'PYTHON'
import logging
import os
import sys
import time
from decimal import Decimal
from importlib.metadata import version

os.environ["GX_ANALYTICS_ENABLED"] = "false"
import great_expectations as gx  # noqa: E402
import pandas as pd  # noqa: E402

logging.disable(logging.WARNING)
print("great-expectations", version("great-expectations"))
context = gx.get_context(mode="ephemeral")
context.variables.progress_bars = {"globally": False}
asset = context.data_sources.add_pandas("shop").add_dataframe_asset("prices")
whole = asset.add_batch_definition_whole_dataframe("whole")


def seconds(values, depth):
    """Of processor time, for one expectation on distinct values, `depth` calls further down."""
    if depth:
        return seconds(values, depth - 1)
    known = gx.expectations.ExpectColumnDistinctValuesToBeInSet(column="price", value_set=values)
    batch = whole.get_batch({"dataframe": pd.DataFrame({"price": values})})
    start = time.process_time()
    assert batch.validate(known).success
    return time.process_time() - start


quarters = [n / 4 for n in range(400)]
exact = [Decimal(n) / 4 for n in range(400)]
seconds(quarters, 0)
floats, decimals, deep = seconds(quarters, 0), seconds(exact, 0), seconds(exact, 200)
print(f"400 floats {floats:.2f} s, 400 decimals {decimals:.2f} s; 200 calls deeper {deep:.2f} s")
if decimals < 5 * floats or deep < 1.5 * decimals:
    sys.exit("the behaviour has changed")
PYTHON
"$work/venv/bin/python" show.py
