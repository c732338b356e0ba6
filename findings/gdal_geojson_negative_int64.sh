#!/bin/sh
# GDAL's GeoJSON driver reads negative integers of 19 digits as floats: a third of all S2 cells lose
# their identity. Found with pyogrio 0.13.0 (GDAL 3.12.4); exits non-zero if that changes.
#
# Expected: RFC 8259, section 6, leaves the range of numbers to the reader, and GDAL has 64-bit
# integers: its GeoJSON driver gives them to positive numbers of 19 digits, and its GeoJSONSeq
# driver to this very feature. S2 ids are 64 bits; as a database's bigint, those of faces 4 and 5 (a
# third of the globe) are negative and have 19 digits.
# Seen: from -10^18 downwards the whole column is float64, also its small and positive values.
# -4611686018427387905 becomes ...904, in silence, and joins no other table any more.
# Strata reads GeoJSON itself and keeps the digits (tests/unit/raw/test_features.py).
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "pyogrio==0.13.0" "pyarrow==26.0.1"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import json
import sys

import pyogrio
from pyogrio.raw import read_arrow

print("pyogrio", pyogrio.__version__, "GDAL", ".".join(map(str, pyogrio.__gdal_version__)))
DRIVERS = {"geojson": "GeoJSON", "geojsonl": "GeoJSONSeq"}


def read(suffix, *cells):
    features = [
        {"type": "Feature", "geometry": None, "properties": {"cell": cell}} for cell in cells
    ]
    with open(f"cells.{suffix}", "w") as sink:
        if suffix == "geojson":
            json.dump({"type": "FeatureCollection", "features": features}, sink)
        else:
            sink.writelines(json.dumps(feature) + "\n" for feature in features)
    _, table = read_arrow(f"cells.{suffix}")
    column = table.column("cell")
    print(f"{DRIVERS[suffix]}: {list(cells)} read as {column.type} {column.to_pylist()}")
    return str(column.type), [int(value) for value in column.to_pylist()]


positive = read("geojson", 4611686018427387905)
shorter = read("geojson", -999999999999999999)
negative = read("geojson", -4611686018427387905, 9007199254740993)
sequence = read("geojsonl", -4611686018427387905, 9007199254740993)
if not (
    positive == ("int64", [4611686018427387905])
    and shorter == ("int64", [-999999999999999999])
    and negative == ("double", [-4611686018427387904, 9007199254740992])
    and sequence == ("int64", [-4611686018427387905, 9007199254740993])
):
    sys.exit("the behaviour has changed")
PYTHON
