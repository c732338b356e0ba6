#!/bin/sh
# csvw writes the decimal comma as the group's point, and reads its own 12.50 as 1250. Found with
# csvw 4.1.1; exits non-zero if that changes.
#
# Expected: W3C's Model for Tabular Data, section 6.4.2: a format may have a pattern, a groupChar
# and a decimalChar; with the point for groups and the comma for decimals, 1234567.89 is
# 1.234.567,89. csvw's documentation of decimals: it "makes sure we can roundtrip values
# correctly".
# Seen: the pattern's point becomes a comma, and then all commas become points: 1.234.567.89, and
# 12.5 is 12.50. Reading takes points for groups, so 12.50 euros come back as 1250, without a
# word; a number with a group is refused. Without a pattern, or without a groupChar, it is right.
# Strata takes money in one form, and rejects all others.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "csvw==4.1.1"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys
from decimal import Decimal

import csvw

print("csvw", csvw.__version__)


def show(number, **format):
    price = csvw.Datatype.fromvalue({"base": "decimal", "format": format})
    text = price.formatted(Decimal(number))
    try:
        back = str(price.read(text))
    except ValueError:
        back = "refused"
    print(number, format, "is written as", text, "and read as", back)
    return text, back


german = {"groupChar": ".", "decimalChar": ","}
found = [
    show("12.5", pattern="#,##0.00", **german),
    show("1234567.89", pattern="#,##0.00", **german),
    show("1234567.89", **german),
    show("12.5", pattern="0.00", decimalChar=","),
]
if found != [
    ("12.50", "1250"),
    ("1.234.567.89", "refused"),
    ("1.234.567,89", "1234567.89"),
    ("12,50", "12.50"),
]:
    sys.exit("the behaviour has changed")
PYTHON
