#!/bin/sh
# pyarrow's repeat makes no empty array of lists: it makes one of every other type.
# Found with pyarrow 26.0.1; exits non-zero if that changes.
#
# Expected: repeat(value, 0) is an array of the value's type with no element, as it is for
# numbers and text; of two repeats of a list there are two.
# Seen: of a list, a large list, a map and a list of fixed size it raises "Must pass at least one
# array"; of a number, text, a struct without lists and NULL it gives an empty array.
# So code that fills a column of lists works until a table has no row.
# Strata makes the array from Python's lists (lib/strata/gate/arrow_judging.py;
# test_no_rows_are_judged_as_none).
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "pyarrow==26.0.1"
"$work/venv/bin/python" - <<'PYTHON'
import sys

import pyarrow

print("pyarrow", pyarrow.__version__)
values = {
    "list": pyarrow.scalar([1], pyarrow.list_(pyarrow.int64())),
    "empty list": pyarrow.scalar([], pyarrow.list_(pyarrow.string())),
    "large list": pyarrow.scalar([1], pyarrow.large_list(pyarrow.int64())),
    "list of 1": pyarrow.scalar([1], pyarrow.list_(pyarrow.int64(), 1)),
    "map": pyarrow.scalar([("a", 1)], pyarrow.map_(pyarrow.string(), pyarrow.int64())),
    "number": pyarrow.scalar(1),
    "text": pyarrow.scalar("a"),
    "struct": pyarrow.scalar({"a": 1}),
    "no list": pyarrow.scalar(None, pyarrow.list_(pyarrow.int64())),
}
found = {}
for name, value in values.items():
    assert len(pyarrow.repeat(value, 2)) == 2, name
    try:
        none = pyarrow.repeat(value, 0)
        found[name] = len(none) == 0 and none.type == value.type
    except pyarrow.ArrowInvalid as error:
        found[name] = str(error)
    print(f"repeat({name}, 0):", found[name])
refused = {name for name, answer in found.items() if answer == "Must pass at least one array"}
if refused != {"list", "empty list", "large list", "list of 1", "map"} or not all(found.values()):
    sys.exit(f"the behaviour has changed: {found}")
PYTHON
