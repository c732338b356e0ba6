#!/bin/sh
# frictionless takes numbers with a decimal comma for points on the map: pH 6,5 becomes [6.0, 5.0].
# Found with frictionless 5.21.0; exits non-zero if that changes.
#
# Expected: a CSV of a spreadsheet in most of Europe has semicolons between fields and commas in
# numbers. RFC 4180 has nothing on numbers; a reader that guesses types says number or text. Table
# Schema has decimalChar for such numbers, and a geopoint is for "a string of the pattern lon, lat".
# Seen: the column is a geopoint as long as both halves could be degrees, the rows hold pairs, and
# `validate` finds the file valid. With one value of 700,25 the same column is text.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "frictionless==5.21.0"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys

import frictionless
from frictionless import Resource

print("frictionless", frictionless.__version__)


def read(*values):
    with open("soil.csv", "w") as sink:
        sink.write("site;ph\n")
        sink.writelines(f"s{number};{value}\n" for number, value in enumerate(values))
    valid = Resource(path="soil.csv").validate().valid
    resource = Resource(path="soil.csv")
    rows = [row.to_dict()["ph"] for row in resource.read_rows()]
    kind = resource.schema.get_field("ph").type
    if kind == "geopoint":
        rows = [[float(part) for part in row] for row in rows]
    print(f"{', '.join(values)}: {kind}, read as {rows}, valid: {valid}")
    return kind, rows, valid


if (read("6,5", "7,25"), read("6,5", "700,25")) != (
    ("geopoint", [[6.0, 5.0], [7.0, 25.0]], True),
    ("string", ["6,5", "700,25"], True),
):
    sys.exit("the behaviour has changed")
PYTHON
