#!/bin/sh
# pyjstat gives the values of a frame to other regions and years if its rows are not sorted. Found
# with pyjstat 2.4.0; exits non-zero if that changes.
#
# Expected: JSON-stat (json-stat.org/format, "value") has one cell for each combination of
# categories, in the order of the dimensions; so a writer puts each row's value into its cell. The
# order of a frame's rows says nothing.
# Seen: the values are written in the order of the rows, and the categories in the order in which
# they come up. Sorted by year, Austria's population of 2024 is Belgium's of 2023. Its own reader
# gives that back; with a combination missing it ends with an error. Nothing is told. The option
# fill_category sorts too; data.sort_values(list of dimensions) before is enough.
# Strata writes no JSON-stat.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "pyjstat==2.4.0" "pandas==2.3.3"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import pandas
from pyjstat import pyjstat

print("pyjstat", version("pyjstat"))
people = pandas.DataFrame(
    [("AT", "2023", 9105), ("AT", "2024", 9159), ("BE", "2023", 11743), ("BE", "2024", 11833)],
    columns=["geo", "year", "value"],
)


def round_trip(frame):
    rows = pyjstat.Dataset.read(frame).write("dataframe")
    return {(geo, year): value for geo, year, value in rows.to_numpy().tolist()}


told = round_trip(people)
moved = round_trip(people.sort_values(["year", "geo"], ignore_index=True))
for key in told:
    print(key, "is", told[key], "and, from a frame sorted by year,", moved[key])
if (told[("AT", "2024")], moved[("AT", "2024")], moved[("BE", "2023")]) != (9159, 11743, 9159):
    sys.exit("the behaviour has changed")
PYTHON
