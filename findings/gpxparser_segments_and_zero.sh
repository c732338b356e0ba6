#!/bin/sh
# gpxparser adds the way between two track segments to the distance, and says null of an elevation
# of 0. Found with gpxparser 3.0.8 (npm; needs node); exits non-zero if that changes.
#
# Expected: GPX 1.1, trksegType: "To represent a single GPS track where GPS reception was lost, or
# the GPS receiver was turned off, start a new Track Segment for each continuous span of track
# data." So what lies between two segments was not recorded. Sea level is an elevation.
# Seen: the points of all segments are one list, so a drive of 2 x 1.1 km with a ferry of 111 km
# between them is 113 km long; Python's gpxpy gives 2.2 km. The lowest point of a coast road that
# reaches 0 m is null, as is the highest one of a way from -5 m to 0 m.
# Strata reads no GPX; a gap between fixes is told (docs/FLEET.md).
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "gpxpy==1.6.2"
cd "$work"
npm install --silent --no-audit --no-fund "gpxparser@3.0.8"
cat > drive.gpx <<'GPX'
<gpx version="1.1" creator="x" xmlns="http://www.topografix.com/GPX/1/1"><trk>
<trkseg><trkpt lat="50.00" lon="0"><ele>12</ele></trkpt>
<trkpt lat="50.01" lon="0"><ele>0</ele></trkpt></trkseg>
<trkseg><trkpt lat="51.01" lon="0"><ele>0</ele></trkpt>
<trkpt lat="51.02" lon="0"><ele>7</ele></trkpt></trkseg>
</trk></gpx>
GPX
"$work/venv/bin/python" - <<'PYTHON'
import sys

import gpxpy

with open("drive.gpx") as source:
    drive = gpxpy.parse(source)
lowest = drive.get_elevation_extremes().minimum
print("gpxpy 1.6.2:", round(drive.length_2d()), "m, lowest", lowest)
if (2200 < drive.length_2d() < 2250, lowest) != (True, 0.0):
    sys.exit("the witness has changed")
PYTHON
cat > show.mjs <<'JAVASCRIPT'
import fs from "node:fs";
import GpxParser from "gpxparser";

const manifest = JSON.parse(fs.readFileSync("node_modules/gpxparser/package.json"));
const parser = new GpxParser();
parser.parse(fs.readFileSync("drive.gpx", "utf8"));
const { distance, elevation } = parser.tracks[0];
const total = Math.round(distance.total / 1000);
console.log("gpxparser", manifest.version + ":", total, "km, lowest", elevation.min);
if (total !== 113 || elevation.min !== null) {
  console.error("the behaviour has changed");
  process.exit(1);
}
JAVASCRIPT
node show.mjs
