#!/bin/sh
# DuckDB counts the rows of an Arrow dataset by reading its first column, however wide that is.
# Found with duckdb 2.0.0 and pyarrow 26.0.1; exits non-zero if that changes.
#
# Expected: count(*) reads no column, as Arrow's own count_rows and DuckDB's read_parquet do, which
# take the number from the footers.
# Seen: of the same two columns, a text of 64 letters and a boolean, in files of 200,000 rows each,
# count(*) over the dataset reads 13.6 MB where the text stands first and 0.03 MB where the boolean
# does; count_rows reads the end of the file alone, where the footer is.
# So the order of a table's columns decides what counting it costs, and a hash or id mostly comes first.
# Strata puts the smallest column first where a gate's query only counts
# (lib/strata/gate/plain_queries.py; tests/unit/gate/test_plain_queries.py).
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "duckdb==2.0.0" "pyarrow==26.0.1" "fsspec==2026.4.0"
"$work/venv/bin/python" - "$work" <<'PYTHON'
import sys

import duckdb
import pyarrow
from fsspec.implementations.local import LocalFileOpener, LocalFileSystem
from pyarrow import dataset, fs, parquet

print("duckdb", duckdb.__version__, "pyarrow", pyarrow.__version__)
ROWS = 200_000
read = 0


class Opener(LocalFileOpener):
    """A file that counts the bytes that are read of it."""

    def read(self, size=-1):
        global read
        found = super().read(size)
        read += len(found)
        return found


class Counting(LocalFileSystem):
    cachable = False

    def _open(self, path, mode="rb", block_size=None, **more):
        return Opener(path, mode, fs=self, **more)


def by_duckdb(rows):
    with duckdb.connect() as connection:
        connection.register("rows", rows)
        return connection.execute("select count(*) from rows").fetchone()[0]


columns = {
    "text": [f"{number:064x}" for number in range(ROWS)],
    "flag": [number % 3 == 0 for number in range(ROWS)],
}
files = fs.PyFileSystem(fs.FSSpecHandler(Counting()))
found = {}
for order in (["text", "flag"], ["flag", "text"]):
    path = f"{sys.argv[1]}/{order[0]}.parquet"
    table = pyarrow.table({name: columns[name] for name in order})
    parquet.write_table(table, path, use_dictionary=False, compression=None)
    rows = dataset.dataset(path, filesystem=files)
    for way in ("count_rows", "count(*)"):
        read = 0
        if way == "count_rows":
            counted = rows.count_rows()
        else:
            counted = by_duckdb(rows)
        assert counted == ROWS, counted
        found[way, order[0]] = read
        print(f"{way}, {order[0]} first: {read:,} bytes read")
if not (
    found["count(*)", "text"] > 50 * found["count(*)", "flag"]
    and max(found["count_rows", name] for name in columns) < 100_000
    and found["count(*)", "text"] > 64 * ROWS
):
    sys.exit(f"the behaviour has changed: {found}")
PYTHON
