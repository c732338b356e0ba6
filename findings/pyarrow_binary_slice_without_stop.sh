#!/bin/sh
# pyarrow's binary_slice without a stop fails on every array of more than one value, although its
# documentation says of the stop: "If not given, slicing will stop at the end".
# Found with pyarrow 26.0.1; exits non-zero if that changes.
#
# Expected: binary_slice([b"abc", b"de"], 1) is [b"bc", b"e"], as utf8_slice_codeunits gives of text.
# Seen: ArrowInvalid: Negative buffer resize. With one value it works, and with any stop, which may
# lie behind the end of every value. Strata hands in the longest value's length.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "pyarrow==26.0.1"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys

import pyarrow as pa
import pyarrow.compute as pc

print("pyarrow", pa.__version__)
two = pa.array([b"abc", b"de"])
print("text, no stop:", pc.utf8_slice_codeunits(two.cast(pa.string()), 1).to_pylist())
print("one value, no stop:", pc.binary_slice(two[:1], 1).to_pylist())
print("two values, stop 100:", pc.binary_slice(two, 1, 100).to_pylist())
try:
    print("two values, no stop:", pc.binary_slice(two, 1).to_pylist())
except pa.ArrowInvalid as error:
    print("two values, no stop:", error)
else:
    sys.exit("the behaviour has changed")
PYTHON
