#!/bin/sh
# GDAL's MapInfo driver writes NULL as 0, false and empty text, without a warning.
# Found with pyogrio 0.13.0 (GDAL 3.12.4); exits non-zero if that changes.
#
# Expected: GDAL's RFC 67, "Null values in OGR", makes NULL a value of its own that drivers keep. A
# format that cannot hold it should refuse, or be told of, as the Shapefile driver warns of what it
# changes: a soil without a measurement of carbon has none, and not 0 %.
# Seen: a table of a NULL and a value comes back from .tab and .mif as 0.0 and 1.5, false and true,
# "" and "a". GeoPackage and Shapefile give the NULLs back.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "pyogrio==0.13.0" "pyarrow==26.0.1" "shapely==2.2.0"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys
import warnings

import pyarrow as pa
import pyogrio
import shapely
from pyogrio.raw import read_arrow, write_arrow

print("pyogrio", pyogrio.__version__, "GDAL", ".".join(map(str, pyogrio.__gdal_version__)))
rows = pa.table(
    {
        "carbon_pct": [None, 1.5],
        "samples": pa.array([None, 3], pa.int32()),
        "is_peat": [None, True],
        "note": [None, "a"],
        "geometry": shapely.to_wkb(shapely.points([(4.0, 50.0), (5.0, 51.0)])),
    }
)
NAMES = ["carbon_pct", "samples", "is_peat", "note"]


def back(driver, path):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        place = {"geometry_name": "geometry", "geometry_type": "Point", "crs": "EPSG:4326"}
        write_arrow(rows, path, driver=driver, **place)
        _, read = read_arrow(path, columns=NAMES)
    found = [read.column(name).to_pylist() for name in NAMES]
    print(f"{driver}: {dict(zip(NAMES, found))}, warnings: {len(told)}")
    return found, bool(told)


zeros = [[0.0, 1.5], [0, 3], [False, True], ["", "a"]]
kept = [rows.column(name).to_pylist() for name in NAMES]
seen = [
    back("MapInfo File", "soil.tab"),
    back("MapInfo File", "soil.mif"),
    back("GPKG", "soil.gpkg"),
    back("ESRI Shapefile", "soil.shp"),
]
if seen != [(zeros, False), (zeros, False), (kept, False), (kept, False)]:
    sys.exit("the behaviour has changed")
PYTHON
