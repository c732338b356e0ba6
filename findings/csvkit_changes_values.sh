#!/bin/sh
# csvkit's csvsort rewrites values that it was to put in order: a cable of 5m becomes 0:05:00, the
# house numbers 10-12 become a day of 2001, the name May the first of May of the year 1. Found
# with csvkit 2.2.0 (agate 1.14.2); exits non-zero if that changes.
#
# Expected: csvsort's documentation: "Sort CSV files. Like the Unix "sort" command, but for
# tabular data". What it writes are the rows that it read.
# Seen: where all values of a column can be read as booleans, numbers, durations or dates they are
# written as those: N is False, 0017 is 17, 10% is 10, 6,5 is 65 (a decimal comma), and no message
# tells. csvjoin and csvstack's neighbours infer alike. With --no-inference all stay.
# Strata's bronze keeps every value as the text that came.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "csvkit==2.2.0" "agate==1.14.2"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import os
import subprocess
import sys
from importlib.metadata import version

print("csvkit", version("csvkit"), "agate", version("agate"))
tool = os.path.join(os.path.dirname(sys.executable), "csvsort")


def sorted_by_csvkit(values, *options):
    text = "id,value\n" + "".join(f'{n + 5},"{value}"\n' for n, value in enumerate(values))
    run = [tool, "-c", "id", *options]
    done = subprocess.run(run, input=text, text=True, capture_output=True, check=True)
    lines = done.stdout.splitlines()[1:]
    return [line.partition(",")[2].strip('"') for line in lines], done.stderr


columns = {
    ("5m", "10m"): ["0:05:00", "0:10:00"],
    ("10-12", "3-4"): ["2001-10-12", "2001-03-04"],
    ("May", "June"): ["0001-05-01", "0001-06-01"],
    ("N", "N"): ["False", "False"],
    ("0017", "0018"): ["17", "18"],
    ("10%", "5%"): ["10", "5"],
    ("6,5", "7,25"): ["65", "725"],
}
has_changed = False
for values, expected in columns.items():
    found, said = sorted_by_csvkit(values)
    plain, _ = sorted_by_csvkit(values, "--no-inference")
    print(f"{list(values)}: {found}; with --no-inference {plain}; standard error {said!r}")
    has_changed |= found != expected or plain != list(values)
if has_changed:
    sys.exit("the behaviour has changed")
PYTHON
