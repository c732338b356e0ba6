#!/bin/sh
# xarray reads whole numbers of 64 bits as floats where their variable states a fill value, so ids
# lose their last digits. Found with xarray 2026.9.0; exits non-zero if that changes.
#
# Expected: the CF conventions, section 2.5.1, let a variable of any type state `_FillValue`; what
# is not that value is data. netCDF4 masks it and keeps the numbers.
# Seen: open_dataset gives float64, in which H3 and S2 cells of a grid are rounded: two cells
# become one, though no value is missing. The same variable without `_FillValue` stays int64.
# Strata reads no netCDF; its cells are text.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "xarray==2026.9.0" "netCDF4==1.7.5.1.post1" "numpy==2.4.6"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys

import netCDF4
import numpy as np
import xarray as xr

print("xarray", xr.__version__)
cells = np.array([644459693309801478, 644459693309801479], dtype="int64")
seen = {}
for name, options in (("stated", {"fill_value": -1}), ("not stated", {"fill_value": False})):
    with netCDF4.Dataset("cells.nc", "w") as sink:
        sink.createDimension("place", len(cells))
        sink.createVariable("cell", "i8", ("place",), **options)[:] = cells
    with xr.open_dataset("cells.nc") as told, netCDF4.Dataset("cells.nc") as plain:
        own = told["cell"].values
        seen[name] = (str(own.dtype), len(set(own.tolist())), len(set(plain["cell"][:].tolist())))
    print("fill value {}: xarray {} with {} cells, netCDF4 {} cells".format(name, *seen[name]))
if seen != {"stated": ("float64", 1, 2), "not stated": ("int64", 2, 2)}:
    sys.exit("the behaviour has changed")
PYTHON
