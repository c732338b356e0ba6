#!/bin/sh
# GDAL's GeoJSON driver changes or drops the `id` of features, by what the other features' ids are.
# Found with pyogrio 0.13.0 (GDAL 3.12.4); exits non-zero if that changes.
#
# Expected: RFC 7946, section 3.2: "If a Feature has a commonly used identifier, that identifier
# SHOULD be included as a member of the Feature object with the name "id", and the value of this
# member is either a JSON string or number." OpenStreetMap's ids are past 2^31, and an editor gives
# what is not uploaded yet a negative one.
# Seen, with ids of two features, each valid:
#   3000000000 and 3000000001: kept as feature ids, as they should
#   3000000000 and -1: a 32-bit column `id`, in which the first is 2147483647
#   3000000000 and "a": the second is 0, without a warning; "a" is nowhere
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "pyogrio==0.13.0" "numpy==2.4.6"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import json
import sys
import warnings

import pyogrio
from pyogrio.raw import read as read_raw

print("pyogrio", pyogrio.__version__, "GDAL", ".".join(map(str, pyogrio.__gdal_version__)))


def read(*ids):
    features = [
        {"type": "Feature", "id": one, "geometry": None, "properties": {"v": 1}} for one in ids
    ]
    with open("ways.geojson", "w") as sink:
        json.dump({"type": "FeatureCollection", "features": features}, sink)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        about, feature_ids, _, columns = read_raw("ways.geojson", return_fids=True)
    named = dict(zip(about["fields"], columns))
    read_ids = named.get("id", feature_ids)
    print(f"{list(ids)}: {read_ids.tolist()} as {read_ids.dtype}, warnings: {len(told)}")
    return read_ids.tolist(), bool(told)


if (read(3000000000, 3000000001), read(3000000000, -1), read(3000000000, "a")) != (
    ([3000000000, 3000000001], False),
    ([2147483647, -1], True),
    ([3000000000, 0], False),
):
    sys.exit("the behaviour has changed")
PYTHON
