#!/bin/sh
# datacompy says that frames match whose ids or amounts differ beyond the sixteenth digit, with
# its default tolerances of 0. Found with datacompy 1.1.0; exits non-zero if that changes.
#
# Expected: its documentation of abs_tol and rel_tol: "Absolute tolerance between two values", 0
# by default; so 64-bit ids and decimals that differ are a mismatch, as pandas' and polars' own
# assert_frame_equal say.
# Seen: numbers are compared as floats. Two S2 or H3 cells, two hashes, two amounts that differ by
# a cent match, by its frames of pandas and of polars, and all_mismatch lists nothing.
# Strata compares records value by value (`strata light reconcile`) and tables by exact
# fingerprints.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "datacompy==1.1.0" "polars==1.33.1" "pandas==2.3.3"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys
from decimal import Decimal
from importlib.metadata import version

import datacompy
import pandas as pd
import polars as pl
from pandas.testing import assert_frame_equal

print("datacompy", version("datacompy"))


def is_equal(left, right):
    try:
        assert_frame_equal(left, right)
    except AssertionError:
        return False
    return True


pairs = [
    (1, 2),
    (2**60, 2**60 + 1),
    (Decimal("90071992547409930.01"), Decimal("90071992547409930.02")),
]
seen = []
for one, other in pairs:
    frames = [pd.DataFrame({"id": [1], "value": [value]}) for value in (one, other)]
    wide = [pl.DataFrame({"id": [1], "value": [value]}) for value in (one, other)]
    by_pandas = datacompy.PandasCompare(*frames, join_columns="id")
    by_polars = datacompy.PolarsCompare(*wide, join_columns="id")
    told = (bool(by_pandas.matches()), len(by_pandas.all_mismatch()), bool(by_polars.matches()))
    print(one, other, "match {}, mismatches {}, polars {};".format(*told), end=" ")
    print("pandas itself:", is_equal(*frames))
    seen.append((*told, is_equal(*frames)))
if seen != [(False, 1, False, False)] + [(True, 0, True, False)] * 2:
    sys.exit("the behaviour has changed")
PYTHON
