#!/bin/sh
# pyshp writes a number that is too long for its field without its last digits, a fraction without
# its decimals, and NULL text as the word None. Found with pyshp 3.1.6; exits non-zero if that
# changes.
#
# Expected: dBASE holds a number as text, right-aligned; one that does not fit cannot be held.
# GDAL warns of it and pyshp refuses wrong types, so an error or a warning. NULL is blank.
# Seen: 12345678901 in a field of ten is 1234567890, a tenth of it; -1234.56 in one of five is
# -1234. Fields of type N and F have no decimals unless told, so a pH of 6.7 is 6. None is "None"
# in a field of text. Nothing is told.
# Strata reads shapefiles by GDAL, and writes none.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "pyshp==3.1.6" "pyogrio==0.13.0"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys
import warnings

import pyogrio
import shapefile

print("pyshp", shapefile.__version__)
warnings.simplefilter("error")


def written(kind, value):
    with shapefile.Writer("points", shapeType=shapefile.POINT) as sink:
        sink.field("value", *kind)
        sink.point(1, 2)
        sink.record(value)
    with shapefile.Reader("points") as source:
        return source.record(0)["value"], pyogrio.raw.read("points.shp")[3][0].tolist()[0]


cases = [
    (("N", 10, 0), 12345678901),
    (("N", 18, 0), 9223372036854775809),
    (("N", 5, 2), -1234.56),
    (("N",), 6.7),
    (("F",), 6.7),
    (("C", 10), None),
]
seen = []
for kind, value in cases:
    own, gdal = written(kind, value)
    print(f"{kind} {value!r}: pyshp reads {own!r}, GDAL {gdal!r}")
    seen.append((own, float(gdal) if own != "None" else gdal))
if seen != [
    (1234567890, 1234567890.0),
    (922337203685477580, float(922337203685477580)),
    (-1234.0, -1234.0),
    (6, 6.0),
    (6, 6.0),
    ("None", "None"),
]:
    sys.exit("the behaviour has changed")
PYTHON
