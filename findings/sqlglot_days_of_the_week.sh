#!/bin/sh
# sqlglot translates days of the week from Spark and PostgreSQL into DuckDB's SQL that answers
# another day, or no day at all. Found with sqlglot 30.30.0 and duckdb 2.0.0; exits non-zero if that
# changes.
#
# Expected: what each source's manual prints for its own examples. Spark: dayofweek counts 1 for
# Sunday to 7, weekday 0 for Monday to 6, so 2009-07-30, a Thursday, is 5 and 3. PostgreSQL: the
# pattern Day of to_char is the "full capitalized day name (blank-padded to 9 chars)".
# Seen: the names are passed on, though DuckDB's dayofweek and weekday both count 0 for Sunday to 6:
# both give 4. D of Day is taken for the number and "ay" stays: Sunday 2024-01-07 is "7ay". Nothing
# is said of it, with unsupported_level RAISE either.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "sqlglot==30.30.0" "duckdb==2.0.0"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys

import duckdb
import sqlglot

print("sqlglot", sqlglot.__version__, "duckdb", duckdb.__version__)
ASKED = [  # dialect, expression, what the dialect's manual says, what is seen
    ("spark", "dayofweek(DATE'2009-07-30')", "5", "4"),
    ("spark", "weekday(DATE'2009-07-30')", "3", "4"),
    ("spark", "extract(dow FROM DATE'2009-07-30')", "5", "4"),
    ("postgres", "to_char(DATE'2024-01-07', 'Day')", "Sunday   ", "7ay"),
]
changed = False
for dialect, asked, right, seen in ASKED:
    (became,) = sqlglot.transpile(
        f"SELECT {asked}",
        read=dialect,
        write="duckdb",
        unsupported_level=sqlglot.ErrorLevel.RAISE,
    )
    (found,) = duckdb.connect().execute(became).fetchone()
    print(f"{dialect}: {asked} is {right!r}; as DuckDB's {became}: {str(found)!r}")
    changed = changed or str(found) != seen
if changed:
    sys.exit("the behaviour has changed")
PYTHON
