#!/bin/sh
# mapbox-vector-tile leaves out properties that are numpy's whole numbers, decimals or dates, and
# keeps numpy's floats. Found with mapbox-vector-tile 2.2.0; exits non-zero if that changes.
#
# Expected: the Mapbox Vector Tile Specification 2.1, section 4.4, has whole numbers and text for
# values; a database's numeric column gives Python's Decimal, and a frame's cell is numpy.int64.
# Its README asks for "a dictionary with a few keys and their corresponding values". A value that
# a tile cannot hold is refused, as it refuses a whole number beyond 64 bits.
# Seen: str, bool, int and float are written; numpy.float64 is a float in Python, numpy.int64 is
# no int. So in one row the mean is on the map, and the count beside it is not; a price from
# PostgreSQL is gone. Nothing is told. value.item(), float(price) or str(day) before encode()
# keeps them.
# Strata writes no tiles; the report's map has its own shapes.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "mapbox-vector-tile==2.2.0" "numpy==2.4.6"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import datetime
import sys
from decimal import Decimal
from importlib.metadata import version

import mapbox_vector_tile
import numpy

print("mapbox-vector-tile", version("mapbox-vector-tile"))
told = {
    "name": "field 7",
    "sites": numpy.int64(12),
    "mean_soc": numpy.float64(1.9),
    "rent": Decimal("310.50"),
    "since": datetime.date(2024, 5, 31),
    "limed": True,
}
layer = {"name": "fields", "features": [{"geometry": "POINT (10 10)", "properties": told}]}
tile = mapbox_vector_tile.decode(mapbox_vector_tile.encode(layer))
read = tile["fields"]["features"][0]["properties"]
print("told:", told)
print("read:", read)
if read != {"name": "field 7", "mean_soc": 1.9, "limed": True}:
    sys.exit("the behaviour has changed")
PYTHON
