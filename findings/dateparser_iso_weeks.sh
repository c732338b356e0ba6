#!/bin/sh
# dateparser reads weeks of ISO 8601 as months: 2024-W10-1, the Monday of week 10, is 1 October.
# Found with dateparser 1.5.0; exits non-zero if that changes.
#
# Expected: 2024-W10-1 is 4 March 2024 (ISO 8601, week dates), as Python's date.fromisoformat has
# it. Who does not read the form refuses it, as python-dateutil and pandas do.
# Seen: 2024-W10-1 is 2024-10-01, 2025-W01-1 (30 December 2024) is 2025-01-01, and 2024-W40-4 is
# none; so weeks 1 to 12 of sales reports land in the months of the same number, and the others
# vanish.
# Strata takes days as YYYY-MM-DD, and rejects a week by its reason.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "dateparser==1.5.0" "python-dateutil==2.9.0.post0"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import datetime as dt
import sys

import dateparser
from dateutil import parser

print("dateparser", dateparser.__version__)


def by_dateutil(text):
    try:
        return parser.parse(text).date()
    except parser.ParserError:
        return "refused"


seen = {}
for text in ("2024-W10-1", "2024-W12-7", "2025-W01-1", "2024-W40-4"):
    found = dateparser.parse(text)
    seen[text] = (str(found and found.date()), by_dateutil(text), dt.date.fromisoformat(text))
    print(text, "dateparser {}, dateutil {}, Python {}".format(*seen[text]))
if {text: told for text, (told, _, _) in seen.items()} != {
    "2024-W10-1": "2024-10-01",
    "2024-W12-7": "2024-12-07",
    "2025-W01-1": "2025-01-01",
    "2024-W40-4": "None",
}:
    sys.exit("the behaviour has changed")
PYTHON
