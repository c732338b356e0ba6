#!/bin/sh
# geopy reads longitudes between 0 and -1 degree, told in minutes, as those east of Greenwich:
# half of London lands in Essex. Found with geopy 2.5.0; exits non-zero if that changes.
#
# Expected: the sign of -0°7'39" belongs to the whole angle; geopy itself reads -1°30'0" as -1.5,
# and 0°7'39" W as -0.1275. astropy reads -0°7'39" as -0.1275.
# Seen: -0 is no negative number, so the minutes are added: +0.1275, 17.7 km off at London's
# latitude; likewise latitudes just south of the equator, as in Kenya, Gabon and Brazil.
# Strata takes positions as decimal numbers only, and says so of anything else.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "geopy==2.5.0" "astropy==7.2.0"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys

import geopy
from astropy.coordinates import Angle
from geopy.distance import geodesic

print("geopy", geopy.__version__)
seen = []
for latitude, longitude in (
    ("51°30'26\"", "-0°7'39\""),
    ("-0°30'0\"", "36°0'0\""),
    ("-1°30'0\"", "-78°30'0\""),
):
    point = geopy.Point(f"{latitude}, {longitude}")
    right = tuple(Angle(text.replace("°", "d")).deg for text in (latitude, longitude))
    off_km = round(geodesic((point.latitude, point.longitude), right).km, 1)
    print(f"{latitude}, {longitude}: geopy {point.latitude:.4f}, {point.longitude:.4f}; ", end="")
    print(f"astropy {right[0]:.4f}, {right[1]:.4f}; {off_km} km off")
    seen.append(off_km)
if seen != [17.7, 110.6, 0.0]:
    sys.exit("the behaviour has changed")
PYTHON
