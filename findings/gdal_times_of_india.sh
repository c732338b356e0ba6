#!/bin/sh
# GDAL writes an Indian time into a shapefile or KML as 12:00:00.250+05, half an hour off. Found
# with pyogrio 0.13.0 (GDAL 3.12.4) and geopandas 1.2.0; exits non-zero if that changes.
#
# Expected: GDAL holds a time zone as a multiple of 15 minutes; India is +05:30, Nepal +05:45,
# Newfoundland -03:30 in winter. GeoPackage, FlatGeobuf, GeoJSON and GPX get the minutes.
# Seen: where a format has no field for an instant, and GDAL makes text of it, the minutes of the
# offset are left out beside milliseconds: 2024/01/01 12:00:00.250+05 for +05:30 and +05:45, -03
# for -03:30. Nothing is told. Turning to UTC before (frame.at.dt.tz_convert("UTC")) is safe.
# Strata reads no time of a shapefile; of events it takes an offset with its minutes.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "pyogrio==0.13.0" "geopandas==1.2.0" "pandas==3.1.1"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys
import warnings

import geopandas
import pandas
import pyogrio
import shapely

print("pyogrio", pyogrio.__version__, "GDAL", ".".join(map(str, pyogrio.__gdal_version__)))
warnings.simplefilter("ignore")
noon = pandas.Series(pandas.to_datetime(["2024-01-01T12:00:00.250"]))


def stored(kind, zone):
    fixes = geopandas.GeoDataFrame(
        {"at": noon.dt.tz_localize(zone)}, geometry=[shapely.Point(77, 28)], crs=4326
    )
    name = f"fixes_{zone.replace('/', '_')}.{kind}"
    fixes.to_file(name)
    (text,) = pyogrio.read_dataframe(name, datetime_as_string=True)["at"]
    print(kind, zone, text)
    return text


ZONES = {"Asia/Kolkata": "+05", "Asia/Kathmandu": "+05", "America/St_Johns": "-03"}
found = [stored(kind, zone)[-3:] == cut for kind in ("shp", "kml") for zone, cut in ZONES.items()]
found.append(stored("gpkg", "Asia/Kolkata").endswith("+05:30"))
if not all(found):
    sys.exit(f"the behaviour has changed: {found}")
PYTHON
