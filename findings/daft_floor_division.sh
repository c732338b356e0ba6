#!/bin/sh
# daft's floor division does not floor whole numbers: -7 // 3 is -2, and -7.0 // 3 is -3.0. Found
# with daft 0.7.26; exits non-zero if that changes.
#
# Expected: the documentation of Expression.__floordiv__ says "Floor divides two numeric
# expressions", and Python's -7 // 3 is -3. pandas, polars and ibis have -3 for both types.
# Seen: whole numbers are cut towards zero, floats are floored. So west of Greenwich and south of
# the equator a grid by lon // 3 has a cell of double width around 0, which holds what belongs to
# two; an instant before 1970 falls into the day after. (col / n).floor() is right for both.
# Strata's own grid floors floats (lib/strata/kit/grid.py).
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "daft==0.7.26" "polars==2.1.0"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys

import daft
import polars

print("daft", daft.__version__, "polars", polars.__version__)
data = {"whole": [-7, -1, 7], "floats": [-7.0, -1.0, 7.0]}
asked = [(daft.col(name) // 3).alias(name) for name in data]
given = daft.from_pydict(data).select(*asked).to_pydict()
floored = daft.from_pydict(data).select((daft.col("whole") / 3).floor()).to_pydict()
witness = polars.DataFrame(data).select(polars.all() // 3).to_dict(as_series=False)
print("// 3:", given)
print("polars:", witness)
print("(whole / 3).floor():", floored)
if given != {"whole": [-2, 0, 2], "floats": [-3.0, -1.0, 2.0]} or witness["whole"] != [-3, -1, 2]:
    sys.exit("the behaviour has changed")
PYTHON
