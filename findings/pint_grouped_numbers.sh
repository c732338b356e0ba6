#!/bin/sh
# pint reads "1,5 kg" as 15 kg and "2 500 kg" as 1000 kg, without a word.
# Found with pint 0.25.3; exits non-zero if that changes.
#
# Expected: the SI Brochure (9th edition, section 5.4.4) says that "the symbol for the decimal
# marker shall be either the point on the line or the comma on the line", and that numbers with many
# digits may be divided by spaces into groups of three. Read such text right, or refuse it.
# Seen: commas are deleted, and a space between two numbers multiplies them: "1,5 kg" is 15 kg,
# "1 000 m" is 0 m, "12 345.6 m" is 4147.2 m, with the thin spaces of typesetters as well.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "pint==0.25.3"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys

import pint

print("pint", pint.__version__)
read = pint.UnitRegistry().Quantity
SEEN = {
    "1.5 kg": "1.5 kilogram",
    "1,5 kg": "15 kilogram",
    "2 500 kg": "1000 kilogram",
    "1 000 m": "0 meter",
    "1\u202f000 m": "0 meter",
    "12 345.6 m": "4147.2 meter",
}
found = {}
for text in SEEN:
    quantity = read(text)
    found[text] = f"{round(quantity.magnitude, 6)} {quantity.units}"
    print(f"{text!r}: {found[text]}")
if found != SEEN:
    sys.exit("the behaviour has changed")
PYTHON
