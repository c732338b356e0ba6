#!/bin/sh
# gpxpy's clone() moves the times of the Americas: 10:00-05:00 becomes 10:00Z, five hours earlier.
# Found with gpxpy 1.6.2; exits non-zero if that changes.
#
# Expected: a clone is equal to what was cloned, as Python's copy.deepcopy has it of datetimes.
# GPX 1.1 has xsd:dateTime for times, which may have an offset.
# Seen: an offset behind UTC of less than ten hours is written as -5:00 and read again as none:
# New York's and Buenos Aires's offsets become UTC, Newfoundland's -03:30 becomes -00:30; -10:00
# and all offsets ahead of UTC stay. So does to_xml() of the clone, and a clone is what one keeps
# before simplify() or reduce_points(). Upstream knows of it (issue 190, closed; request 292,
# open). Who turns times to UTC first (point.time.astimezone(timezone.utc)) is safe. A track at
# sea level also "has no elevations": has_elevations() counts 0 as none.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "gpxpy==1.6.2"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import gpxpy

print("gpxpy", version("gpxpy"))
TRACK = """<gpx version="1.1" creator="x" xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>
<trkpt lat="52" lon="4"><ele>0</ele><time>2024-01-01T10:00:00{0}</time></trkpt>
<trkpt lat="52" lon="5"><ele>0</ele><time>2024-01-01T10:10:00{0}</time></trkpt>
</trkseg></trk></gpx>"""


def first(gpx):
    return gpx.tracks[0].segments[0].points[0].time


SEEN = {"-05:00": -5.0, "-03:30": -3.0, "-10:00": 0.0, "+05:30": 0.0, "Z": 0.0}
moved = {}
for zone in SEEN:
    track = gpxpy.parse(TRACK.format(zone))
    moved[zone] = (first(track.clone()) - first(track)).total_seconds() / 3600
    print(first(track), "is cloned as", first(track.clone()), f"({moved[zone]:+} hours)")
print("has elevations:", track.has_elevations())
if moved != SEEN or track.has_elevations():
    sys.exit("the behaviour has changed")
PYTHON
