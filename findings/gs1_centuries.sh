#!/bin/sh
# python-stdnum reads a best-before date of 2070 in a GS1 barcode as 1970; biip reads 2070. Found
# with python-stdnum 2.2 and biip 5.2.0; exits non-zero if that changes.
#
# Expected: GS1 General Specifications, section 7.12, "Determination of century in dates": a year
# of two digits that is 51 or more above the current one is of the last century, one that is 50 or
# more below is of the next; all others are of this one. So in 2026 the years 00 to 76 are 2000 to
# 2076.
# Seen: stdnum.gs1_128.info takes Python's %y, which has 69 to 99 in 19xx, whatever the year is.
# What keeps for 45 years has long gone off.
# Strata reads no barcodes; a product's number is text.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "python-stdnum==2.2" "biip==5.2.0"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import datetime
import sys
from importlib.metadata import version

import biip
from stdnum import gs1_128

print("python-stdnum", version("python-stdnum"), "biip", version("biip"))
today = datetime.date.today().year
found = []
for text in ("15700131", "15680131"):
    (first,) = gs1_128.info(text).values()
    (element,) = biip.parse(text).gs1_message.element_strings
    ahead = int(text[2:4]) - today % 100
    rule = today // 100 + (-1 if ahead >= 51 else 1 if ahead <= -50 else 0)
    found.append((first.year, element.date.year, rule * 100 + int(text[2:4])))
    print(f"({text[:2]}){text[2:]}: stdnum {first}, biip {element.date}, GS1's rule {found[-1][2]}")
if found != [(1970, 2070, 2070), (2068, 2068, 2068)]:
    sys.exit("the behaviour has changed")
PYTHON
