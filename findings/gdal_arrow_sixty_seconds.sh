#!/bin/sh
# GDAL's Arrow writer stores 12:00:59.9996 as 12:00:60, and moves fractions of seconds before
# 1970. Found with pyogrio 0.13.0 (GDAL 3.12.4) and geopandas 1.2.0; exits non-zero if that
# changes.
#
# Expected: OGR's times have milliseconds, so 12:00:59.9996 is 12:00:59.999 (cut, as pyogrio does
# without Arrow) or 12:01:00.000 (rounded). A minute has a second 60 only where a leap second was,
# and the last was on 31 December 2016.
# Seen: with use_arrow=True, the quicker way, GeoPackage, FlatGeobuf, GeoJSON and GML have
# 12:00:60 in the file, and pyogrio reads the whole column as text for that one instant. Half a
# second before 1970 is 1970. Nothing is told. Without Arrow both are right.
# Strata takes no second 60 (tests/corpus/fleet_verdicts.jsonl).
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "pyogrio==0.13.0" "geopandas==1.2.0" "pandas==3.1.1" \
    "pyarrow==26.0.1"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys

import geopandas
import pandas
import pyogrio
import shapely

print("pyogrio", pyogrio.__version__, "GDAL", ".".join(map(str, pyogrio.__gdal_version__)))
instants = ["2024-01-01T12:00:59.999600", "1969-12-31T23:59:59.500000"]
fixes = geopandas.GeoDataFrame(
    {"at": pandas.to_datetime(instants)}, geometry=[shapely.Point(5, 50)] * 2, crs=4326
)


def stored(name, rows, use_arrow):
    fixes.iloc[rows].to_file(name, use_arrow=use_arrow)
    texts = pyogrio.read_dataframe(name, datetime_as_string=True)["at"].tolist()
    print(name, "with Arrow:" if use_arrow else "without:", texts)
    return texts


found = []
for kind in ("gpkg", "fgb", "geojson", "gml"):
    found.append(stored(f"fixes.{kind}", [0], True)[0].endswith("12:00:60"))
found.append(stored("plain.gpkg", [0], False)[0].endswith("12:00:59.999"))
found.append(stored("old.gpkg", [1], True)[0].startswith("1970-01-01T00:00:00"))
found.append(stored("old.fgb", [1], False)[0].endswith("23:59:59.500"))
if not all(found):
    sys.exit(f"the behaviour has changed: {found}")
PYTHON
