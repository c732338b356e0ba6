#!/bin/sh
# turfpy's yards are longer than metres: a way of 111,195 m has 101,678 yards, not 121,604. Found
# with turfpy 0.0.8; exits non-zero if that changes.
#
# Expected: a yard is 0.9144 m exactly (international yard and pound agreement, 1959), so a metre
# has 1.0936 of them; and 3 feet are a yard, as its own feet have it.
# Seen: length, distance and convert_length take "yd" for 1 / 1.0936 m, 16 % too few. turf.js,
# which it follows, was mended in 2021 (6.4.0). "mi", "ft", "in", "naut" and "km" are right.
# Strata's distances are in metres and kilometres (docs/FLEET.md).
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "turfpy==0.0.8"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

from geojson import Feature, Point
from turfpy import measurement

print("turfpy", version("turfpy"))
start, end = Feature(geometry=Point((0, 0))), Feature(geometry=Point((0, 1)))
metres = measurement.distance(start, end, "m")
IN_METRES = {"yd": 0.9144, "ft": 0.3048, "mi": 1609.344, "naut": 1852}
shares = {}
for unit, length in IN_METRES.items():
    given = measurement.distance(start, end, unit)
    shares[unit] = round(given / (metres / length), 2)
    print(f"{metres:.0f} m are {given:.1f} {unit}; by definition {metres / length:.1f}")
if shares != {"yd": 0.84, "ft": 1.0, "mi": 1.0, "naut": 1.0}:
    sys.exit("the behaviour has changed")
PYTHON
