#!/bin/sh
# polars and fastexcel read a spreadsheet's product number A17 as NULL where the first thousand
# numbers are digits. Found with polars 2.1.0 and fastexcel 0.21.0; exits non-zero if that
# changes.
#
# Expected: fastexcel's documentation has dtype_coercion, by default "coerce", which "will try to
# coerce different dtypes in a column to the same one": digits and text are one as text, and so it
# does in a column that mixes them early. polars.read_csv ends with an error on the same data, and
# pandas, with openpyxl or calamine, has both.
# Seen: the type is that of the first schema_sample_rows, 1,000. What comes later and does not fit
# is NULL, in columns of numbers, booleans and dates, with no error and no warning; a row that has
# nothing else is left out. With infer_schema_length=None in polars (schema_sample_rows=None in
# fastexcel), or types by name, all is there.
# Strata reads no spreadsheets; a field of a raw file is text first.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "polars==2.1.0" "fastexcel==0.21.0" "openpyxl==3.1.5" \
    "pandas==2.3.3"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import datetime
import sys

import fastexcel
import openpyxl
import pandas
import polars

print("polars", polars.__version__, "fastexcel", fastexcel.__version__)
book = openpyxl.Workbook()
book.active.append(["sku", "in_stock", "since", "price"])
for number in range(1500):
    early = number < 1400
    day = datetime.date(2024, 1, 1) if early else "unknown"
    sku = number if early else f"A{number}"
    book.active.append([sku, True if early else "on order", day, 9.5])
book.save("products.xlsx")


def missing(frame):
    return [frame[name].null_count() for name in frame.columns]


found = [
    missing(polars.read_excel("products.xlsx")),
    missing(fastexcel.read_excel("products.xlsx").load_sheet(0).to_polars()),
    missing(polars.read_excel("products.xlsx", infer_schema_length=None)),
    pandas.read_excel("products.xlsx").isna().sum().tolist(),
]
tools = ["polars", "fastexcel", "polars, all rows looked at", "pandas"]
for tool, nulls in zip(tools, found, strict=True):
    print(f"{tool}: {nulls} of 1500 values are NULL")
book.active.delete_cols(2, 3)
book.save("numbers.xlsx")
rows = polars.read_excel("numbers.xlsx").height
print("polars, a sheet of nothing but product numbers:", rows, "rows of 1500")
if found != [[100, 100, 100, 0]] * 2 + [[0] * 4] * 2 or rows != 1400:
    sys.exit("the behaviour has changed")
PYTHON
