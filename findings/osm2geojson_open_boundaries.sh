#!/bin/sh
# osm2geojson closes a boundary of which a way is missing by a straight line, and gives no shape
# to one whose ways have no role. Found with osm2geojson 0.3.2; exits non-zero if that changes.
#
# Expected: an answer of Overpass that is cut to a box, or to an extract, lacks ways. A ring of
# which a part is missing bounds nothing. OpenStreetMap's wiki, "Relation:boundary" and
# "multipolygon", has an empty role count as outer.
# Seen: a square of 4 by 4 degrees with one of its two ways missing is a triangle of half the
# area, and valid. With an empty role the whole relation is left out. Neither is told.
# Strata refuses a boundary whose ways do not close, and says at which places
# (tests/unit/raw/test_overpass.py).
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "osm2geojson==0.3.2" "shapely==2.2.0"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import contextlib
import io
import logging
import sys
from importlib.metadata import version

import osm2geojson
from shapely.geometry import shape

print("osm2geojson", version("osm2geojson"))
messages = io.StringIO()
logging.basicConfig(stream=messages, level=logging.WARNING)
PLACES = {1: (0, 0), 2: (4, 0), 3: (4, 4), 4: (0, 4)}
NODES = [{"type": "node", "id": n, "lon": x, "lat": y} for n, (x, y) in PLACES.items()]
WAYS = {10: [1, 2, 3], 11: [3, 4, 1]}


def area_of(there, role):
    members = [{"type": "way", "ref": way, "role": role} for way in WAYS]
    tags = {"type": "boundary", "boundary": "administrative"}
    relation = {"type": "relation", "id": 99, "tags": tags, "members": members}
    ways = [{"type": "way", "id": way, "nodes": WAYS[way]} for way in there]
    with contextlib.redirect_stderr(messages):
        told = osm2geojson.json2geojson({"elements": [*NODES, *ways, relation]})
    found = [f["geometry"] for f in told["features"] if f["properties"]["type"] == "relation"]
    return shape(found[0]).area if found else None


seen = [area_of([10, 11], "outer"), area_of([10], "outer"), area_of([10, 11], "")]
said = messages.getvalue()
print("area whole {}, a way missing {}, roles empty {};".format(*seen), f"messages {said!r}")
if (seen, said) != ([16.0, 8.0, None], ""):
    sys.exit("the behaviour has changed")
PYTHON
