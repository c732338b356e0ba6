#!/bin/sh
# GeoDataFrame.to_file changes H3 cells when it goes by Arrow: uint64 is stored as a float. Found
# with pyogrio 0.13.0 (GDAL 3.12.4), geopandas 1.2.0 and h3 4.5.0; exits non-zero if that changes.
#
# Expected: h3-py's numpy interface gives cells as uint64, each below 2^63. The same frame without
# Arrow is stored as 64-bit integers, digit for digit; a value that does not fit is an error
# there.
# Seen: with use_arrow=True the field is Real in GeoPackage, FlatGeobuf and GeoJSON, and 60 bits
# do not fit 53: neighbouring cells at resolution 12 become one number, which is no cell any more.
# GDAL's own setting for lossy fields is a warning by default, but none comes. Decimals become
# floats too. cells.astype("int64") before, or text, keeps them.
# Strata's cells are text (schemas/gold/fleet_cells.yaml).
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "pyogrio==0.13.0" "geopandas==1.2.0" "pandas==3.1.1" \
    "pyarrow==26.0.1" "h3==4.5.0"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys
import warnings

import geopandas
import pyogrio
import shapely
from h3.api import basic_int, numpy_int

print("pyogrio", pyogrio.__version__, "GDAL", ".".join(map(str, pyogrio.__gdal_version__)))
warnings.simplefilter("error")
cells = numpy_int.grid_disk(numpy_int.latlng_to_cell(50.1, 5.9, 15), 1)
fixes = geopandas.GeoDataFrame(
    {"cell": cells}, geometry=[shapely.Point(5.9, 50.1)] * len(cells), crs=4326
)
print(len(set(cells.tolist())), "cells as", cells.dtype)
found = []
for kind in ("gpkg", "fgb", "geojson"):
    for use_arrow in (False, True):
        fixes.to_file(f"fixes.{kind}", use_arrow=use_arrow)
        read = pyogrio.read_dataframe(f"fixes.{kind}")["cell"]
        numbers = {int(number) for number in read}
        kept = numbers == set(cells.tolist())
        found.append((str(read.dtype), kept))
        how = "with Arrow" if use_arrow else "without"
        valid = sum(map(basic_int.is_valid_cell, numbers))
        print(f"{kind} {how}: {read.dtype}, {len(numbers)} numbers, {valid} of them cells")
if found != [("int64", True), ("float64", False)] * 3:
    sys.exit("the behaviour has changed")
PYTHON
