#!/bin/sh
# pynmea2 gives a receiver without a fix the position 0.0, 0.0: a place in the Gulf of Guinea.
# Found with pynmea2 1.19.0; exits non-zero if that changes.
#
# Expected: in NMEA 0183 an empty field says that its value is not available, and status V warns of
# no fix. The other fields of the same sentence do come as None (altitude, speed).
# Seen: latitude and longitude are 0.0, which a rule for [-90, 90] lets pass; a vehicle that starts
# in a garage travels from the equator. Only the raw texts `lat` and `lon` show that nothing was
# told.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "pynmea2==1.19.0"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import functools
import operator
import sys

import pynmea2

print("pynmea2", pynmea2.__version__)


def read(sentence):
    checksum = functools.reduce(operator.xor, sentence.encode())
    return pynmea2.parse(f"${sentence}*{checksum:02X}", check=True)


fixed = read("GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230324,,")
void = read("GPRMC,123519,V,,,,,,,230324,,")
searching = read("GPGGA,123519,,,,,0,00,,,M,,M,,")
for name, message in (("fix", fixed), ("RMC, status V", void), ("GGA, quality 0", searching)):
    print(f"{name}: latitude {message.latitude}, longitude {message.longitude}")
print(f"beside it: speed {void.spd_over_grnd}, altitude {searching.altitude}, lat {void.lat!r}")
if not (
    round(fixed.latitude, 4) == 48.1173
    and (void.latitude, void.longitude) == (searching.latitude, searching.longitude) == (0.0, 0.0)
    and void.spd_over_grnd is None
    and searching.altitude is None
):
    sys.exit("the behaviour has changed")
PYTHON
