#!/bin/sh
# cuallee passes a frame of polars that it fails as one of pandas: NaN is greater than 0 and
# complete in the one, and neither in the other. Found with cuallee 0.15.4; exits non-zero if that
# changes.
#
# Expected: cuallee's README promises one API "across" pandas, polars, DuckDB and Spark, so one
# check of one table has one answer. A pH that is NaN was not measured: no minimum holds for it.
# Seen: in polars NaN is greater than every number and is no null, so is_greater_than(0),
# is_positive and is_complete pass; in pandas all three fail. patito's Field(ge=0) passes NaN
# likewise, and le=14 finds it; dataframely has a rule of its own for NaN. A rule with both bounds
# (is_between) finds it in both engines.
# Strata's suites do not load without a maximum on doubles (test_suite_and_contract).
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "cuallee==0.15.4" "patito==0.8.6" "polars==2.1.0" \
    "pandas==2.3.3" "pyarrow==26.0.1"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import pandas
import patito
import polars
from cuallee import Check, CheckLevel

print("cuallee", version("cuallee"), "patito", version("patito"), "polars", polars.__version__)
DATA = {"ph": [6.5, float("nan"), 7.0]}


def verdicts(frame, as_rows):
    check = Check(CheckLevel.WARNING, "ph")
    check.is_greater_than("ph", 0.0)
    check.is_positive("ph")
    check.is_complete("ph")
    check.is_between("ph", (0.0, 14.0))
    return [row["status"] for row in as_rows(check.validate(frame))]


class Sample(patito.Model):
    ph: float = patito.Field(ge=0)


found = [
    verdicts(polars.DataFrame(DATA), lambda report: report.to_dicts()),
    verdicts(pandas.DataFrame(DATA), lambda report: report.to_dict("records")),
]
for engine, given in zip(("polars", "pandas"), found, strict=True):
    print(f"{engine}: greater than 0 {given[0]}, positive {given[1]}, complete {given[2]},"
          f" between 0 and 14 {given[3]}")
Sample.validate(polars.DataFrame(DATA))
print("patito, ge=0: passes")
if found != [["PASS", "PASS", "PASS", "FAIL"], ["FAIL"] * 4]:
    sys.exit("the behaviour has changed")
PYTHON
