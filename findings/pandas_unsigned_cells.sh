#!/bin/sh
# pandas makes floats of H3 cells where unsigned and signed 64-bit ids meet: cells become one, and
# a merge joins cells that differ. Found with pandas 3.0.6, and 2.3.3 does the same; exits
# non-zero if that changes.
#
# Expected: an H3 cell is a whole number of 64 bits. h3-py's numpy interface takes uint64;
# Parquet, Delta and SQL have bigint, int64. All cells are below 2^63, so every one fits both.
# Seen: pd.concat of the two gives float64, in which ids beyond 2^53 are rounded: eight
# neighbouring cells become two, which is_valid_cell still takes. A merge with one of them gives
# six rows, isin finds six. The nullable types UInt64 and Int64 do the same.
# Strata keeps H3 cells as text (schemas/gold/fleet_cells.yaml).
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "pandas==3.0.6" "numpy==2.4.6" "h3==4.5.0"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys

import h3
import numpy as np
import pandas as pd

print("pandas", pd.__version__, "h3", h3.__version__)
cells = [h3.str_to_int(h3.latlng_to_cell(51.5, -0.1 + n * 1e-5, 15)) for n in range(10)]
unsigned = pd.Series(np.array(cells, dtype="uint64"))
signed = pd.Series(np.array(cells[:1], dtype="int64"))
print(len(set(cells)), "cells, of which the other frame has one")

seen = []
for name, left, right in (
    ("numpy", unsigned, signed),
    ("nullable", unsigned.astype("UInt64"), signed.astype("Int64")),
):
    both = pd.concat([left, right])
    ids = [int(value) for value in both]
    merged = pd.merge(left.to_frame("cell"), right.to_frame("cell"), on="cell")
    valid = all(h3.is_valid_cell(h3.int_to_str(cell)) for cell in ids)
    seen.append((str(both.dtype), len(set(ids)), valid, int(left.isin(right).sum()), len(merged)))
    print("{}: concat {}, {} cells, all valid {}; isin finds {}, merge {}".format(name, *seen[-1]))
if seen != [("float64", 2, True, 6, 6), ("Float64", 2, True, 6, 6)]:
    sys.exit("the behaviour has changed")
PYTHON
