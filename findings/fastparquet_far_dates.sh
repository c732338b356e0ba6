#!/bin/sh
# fastparquet reads the date 9999-12-31 as 29 March 1816, without a warning.
# Found with fastparquet 2026.9.0 and pandas 2.3.3; exits non-zero if that changes.
#
# Expected: Parquet's DATE is "the number of days from the Unix epoch" as int32, so any year of the
# calendar fits, and 9999-12-31 is the usual end of a row that still holds. Such dates in a coarser
# unit (pandas has datetime64[s]), or as objects, as pyarrow gives them; or an error.
# Seen: days are multiplied to nanoseconds and wrap around 64 bits: 9999-12-31 is in 1816,
# 1600-01-01 in 2184. "Valid after 2024" then keeps the row that ended in 1600 and drops the one
# that holds.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "fastparquet==2026.9.0" "pandas==2.3.3" "pyarrow==26.0.1"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import datetime as dt
import sys
import warnings

import fastparquet
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

warnings.simplefilter("error", RuntimeWarning)
print("fastparquet", fastparquet.__version__, "pandas", pd.__version__)
written = [dt.date(9999, 12, 31), dt.date(2024, 2, 29), dt.date(1600, 1, 1)]
parquet.write_table(pa.table({"until": written}), "periods.parquet")
by_arrow = pd.read_parquet("periods.parquet", engine="pyarrow")["until"].tolist()
read = pd.read_parquet("periods.parquet", engine="fastparquet")["until"]
found = [str(moment.date()) for moment in read]
after = [str(moment.date()) for moment in read[read > pd.Timestamp("2024-01-01")]]
print("written:    ", [str(day) for day in written], "; pyarrow the same:", by_arrow == written)
print("fastparquet:", found, "; after 2024-01-01:", after)
expected = ["1816-03-29", "2024-02-29", "2184-07-20"]
if not (by_arrow == written and found == expected and after == expected[1:]):
    sys.exit("the behaviour has changed")
PYTHON
