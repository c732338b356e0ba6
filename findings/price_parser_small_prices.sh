#!/bin/sh
# price-parser reads a unit price of $0.005 as 5 dollars, drops the minus of a refund, and cuts a
# Swiss price at its apostrophe. Found with price-parser 0.5.1; exits non-zero if that changes.
#
# Expected: no grouping of digits begins with a 0, so 0.125 is an eighth in every country. A
# minus, as keyboards and as typographers have it, makes a price negative. CLDR's group separator
# of de-CH is the right single quotation mark: 1’234.50.
# Seen: 0.125 is 125, $0.005 is 5, EUR -10.50 is 10.50, and 1’234.50 CHF is 1. Prices per unit of
# energy, fuel or page have three decimals: 1.459 EUR is 1459.
# Strata parses money by one stated form and rejects all others (tests/spark/test_columns.py).
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "price-parser==0.5.1" "Babel==2.18.0"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

from babel.numbers import parse_decimal
from price_parser import Price

print("price-parser", version("price-parser"), "Babel", version("Babel"))
cases = [
    ("0.125", "0.125", "en"),
    ("$0.005", "0.005", "en"),
    ("1.459 EUR", "1.459", "en"),
    ("EUR -10.50", "-10.50", "en"),
    ("1’234.50 CHF", "1’234.50", "de_CH"),
]
seen = []
for text, number, locale in cases:
    own = Price.fromstring(text).amount
    plain = parse_decimal(number.replace("’", ""), locale=locale)
    print(f"{text}: price-parser {own}; right, as Babel reads {number} in {locale}, {plain}")
    seen.append((str(own), str(plain)))
if seen != [
    ("125", "0.125"),
    ("5", "0.005"),
    ("1459", "1.459"),
    ("10.50", "-10.50"),
    ("1", "1234.50"),
]:
    sys.exit("the behaviour has changed")
PYTHON
