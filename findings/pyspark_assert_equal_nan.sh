#!/bin/sh
# pyspark.testing.assertDataFrameEqual passes where it should fail: NaN equals every number, every
# number equals Infinity, and amounts of money may differ by 99 cents. Found with pyspark 4.0.5;
# exits non-zero if that changes.
#
# Expected: its documentation says "A util function to assert equality between actual and
# expected" and, of rtol and atol, that floats are compared by absolute(a - b) <= (atol + rtol *
# absolute(b)). NaN fits no such comparison, as numpy.isclose has it, which is documented by the
# same formula.
# Seen: it asks whether the difference is greater, which is false of NaN, so a column that went
# NaN passes every test. The default rtol is 1e-5 for decimals too: 100000.00 equals 100000.99.
# Strata's tests compare plain rows as literals, or frames by chispa, exactly.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "pyspark==4.0.5" "numpy==2.4.6" "pandas==2.3.3" \
    "pyarrow==26.0.1"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import math
import sys
import warnings
from decimal import Decimal

import numpy as np
import pyspark

warnings.simplefilter("ignore")
from pyspark.errors import PySparkAssertionError  # noqa: E402
from pyspark.sql import Row  # noqa: E402
from pyspark.testing import assertDataFrameEqual  # noqa: E402

print("pyspark", pyspark.__version__)


def is_equal(actual, expected):
    try:
        assertDataFrameEqual([Row(value=actual)], [Row(value=expected)])
    except PySparkAssertionError:
        return False
    return True


pairs = [(1.0, 1.1), (1.0, math.nan), (math.nan, 1.0), (1.0, math.inf), (math.inf, -math.inf)]
pairs += [(Decimal("100000.00"), Decimal("100000.99"))]
seen = []
for actual, expected in pairs:
    own = is_equal(actual, expected)
    close = bool(np.isclose(float(actual), float(expected), rtol=0, atol=0, equal_nan=True))
    print(f"{actual} and {expected}: pyspark says {own}; numpy, without tolerance, {close}")
    seen.append((own, close))
if seen != [(False, False)] + [(True, False)] * 5:
    sys.exit("the behaviour has changed")
PYTHON
