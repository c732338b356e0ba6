#!/bin/sh
# North of an Arctic geohash, geolib finds a cell of Antarctica, and ngeohash the cell itself.
# Found with geolib 1.0.7 (PyPI) and ngeohash 0.6.4 (npm; needs node); exits non-zero if that
# changes.
#
# Expected: a geohash halves latitudes from -90 to 90, so nothing lies north of the last row;
# 89.99 and -89.99 are 20,000 km apart. pygeohash raises an error there, libgeohash gives None.
# Seen: geolib's northern neighbour of u (45 to 90 degrees north) is h (45 to 90 south), and of
# upbpb, at the pole, h0000. ngeohash puts the cell itself and its neighbours twice into its list
# of eight, so a sum over a cell and its neighbours counts them twice or three times. Its bboxes()
# gives nothing for a box across the date line (west 179, east -179). Nothing is told.
# Strata's cells are H3's.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "geolib==1.0.7" "pygeohash==3.5.1"
cd "$work"
npm install --silent --no-audit --no-fund "ngeohash@0.6.4"
"$work/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import pygeohash
from geolib import geohash

print("geolib", version("geolib"), "pygeohash", version("pygeohash"))
found = {}
for cell in ("u", "upbpb", "u4pru"):
    north = found[cell] = geohash.neighbours(cell).n
    try:
        witness = pygeohash.get_adjacent(cell, "top")
    except ValueError:
        witness = "none"
    box = geohash.bounds(north)
    print(f"north of {cell}: geolib {north} ({box.sw.lat} to {box.ne.lat}), pygeohash {witness}")
if found != {"u": "h", "upbpb": "h0000", "u4pru": "u4r2h"}:
    sys.exit("the behaviour has changed")
PYTHON
cat > show.mjs <<'JAVASCRIPT'
import geohash from "ngeohash";

const around = geohash.neighbors("upbpb");
const boxes = geohash.bboxes(-1, 179, 1, -179, 2);
console.log("ngeohash, around upbpb:", around.join(" "));
console.log("ngeohash, a box across the date line:", boxes);
const expected = "upbpb upbpc upbpc upbp9 upbp8 gzzzx gzzzz gzzzz";
if (around.join(" ") !== expected || boxes.length !== 0) {
  console.error("the behaviour has changed");
  process.exit(1);
}
JAVASCRIPT
node show.mjs
