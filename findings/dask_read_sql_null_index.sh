#!/bin/sh
# dask's read_sql_table leaves out all rows whose index column is NULL. Found with dask 2026.8.0;
# exits non-zero if that changes.
#
# Expected: its documentation says of index_col only "Should be a indexed column in the SQL
# server, and any orderable type". Foreign keys are indexed, and may be NULL: a guest's order has
# no customer. Spark's JDBC reader adds "or is null" to its first partition for that reason;
# pandas.read_sql_table keeps the rows. connectorx says that such a column "cannot contain NULL".
# Seen: each partition asks for index >= lower and index < upper, which no NULL fulfils, with one
# partition too. 100 of 1,000 orders are gone, and their money, without a word. A column that is
# NOT NULL, such as the primary key, is safe.
# Strata's doors read tables whole, or by their keys, which are never NULL.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "dask[dataframe]==2026.8.0" "sqlalchemy==2.1.9"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sqlite3
import sys

import dask
import pandas
from dask import dataframe

print("dask", dask.__version__, "pandas", pandas.__version__)
shop = sqlite3.connect("shop.db")
shop.execute("CREATE TABLE orders (id INTEGER NOT NULL, customer INTEGER, amount INTEGER)")
orders = [(number, number % 97 if number % 10 else None, 5) for number in range(1000)]
shop.executemany("INSERT INTO orders VALUES (?, ?, ?)", orders)
shop.commit()
uri = "sqlite:///shop.db"
found = {"pandas, customer": len(pandas.read_sql_table("orders", uri, index_col="customer"))}
for column, parts in (("customer", 4), ("customer", 1), ("id", 4)):
    frame = dataframe.read_sql_table("orders", uri, index_col=column, npartitions=parts)
    found[f"dask, {column}, {parts} partitions"] = len(frame)
for what, rows in found.items():
    print(f"{what}: {rows} rows of 1000")
if list(found.values()) != [1000, 900, 900, 1000]:
    sys.exit("the behaviour has changed")
PYTHON
