#!/bin/sh
# GDAL's GeoJSON reader refuses a whole file for one whole number of 19 digits from 2^63 on, as the S2
# cell ids of the Americas are (face 4, unsigned); a larger one of 20 digits is read, as a double.
# Found with pyogrio 0.13.0 (GDAL 3.12.4); exits non-zero if that changes. Strata reads GeoJSON by
# itself, and keeps such numbers digit for digit.
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

print("pyogrio", pyogrio.__version__, "GDAL", ".".join(map(str, pyogrio.__gdal_version__)))


def read(number):
    point = {"type": "Point", "coordinates": [-90, 40]}
    feature = {"type": "Feature", "properties": {"s2_cell": number}, "geometry": point}
    with open("cells.geojson", "w") as sink:
        json.dump({"type": "FeatureCollection", "features": [feature]}, sink)
    try:
        _, table = pyogrio.raw.read_arrow("cells.geojson")
    except pyogrio.errors.DataSourceError as error:
        return str(error)
    return f"{table.schema.field('s2_cell').type} {table['s2_cell'][0].as_py()!r}"


# The first is the greatest that 64 bits with a sign hold.
answers = [read(number) for number in (2**63 - 1, 2**63, 10**19 - 1, 10**19)]
print(*answers, sep="\n")
refused = ["Unrecognized number" in answer for answer in answers]
if refused != [False, True, True, False]:
    sys.exit("the behaviour has changed")
PYTHON
