#!/bin/sh
# A Vortex file's filter says that -0.0 is less than 0.0, and finds it by `== 0.0` nowhere. Found
# with vortex-data 0.93.0 and duckdb 2.0.1; exits non-zero if that changes.
#
# Expected: IEEE 754, section 5.11: comparison ignores the sign of zero. DuckDB has it on the same
# column, as this script shows. -0.0 is what rounding and negating give: a longitude of -0.00001
# cut to four decimals, 0 minus nothing.
# Seen: lon == 0.0 leaves out the sites on Greenwich's meridian that are -0.0, lon < 0.0 and lon
# != 0.0 give them. NaN is greater than every number, as in DuckDB. An expression (lon + 0.0)
# before writing makes one zero of both.
# Strata's keys hold no doubles, and its filters are DuckDB's or Arrow's.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "vortex-data==0.93.0" "pyarrow==26.0.1" "duckdb==2.0.1"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import duckdb
import pyarrow
import vortex
import vortex.expr

print("vortex-data", version("vortex-data"), "duckdb", duckdb.__version__)
sites = pyarrow.table({"lon": [0.0, -0.0, 1.0]})
vortex.io.write(sites, "sites.vortex")
lon = vortex.expr.column("lon")
asked = {
    "lon = 0.0": lon == 0.0,
    "lon <> 0.0": lon != 0.0,
    "lon < 0.0": lon < 0.0,
    "lon >= 0.0": lon >= 0.0,
}
found = {}
for sql, filter in asked.items():
    read = vortex.open("sites.vortex").to_arrow(expr=filter).read_all()
    witness = duckdb.sql(f"SELECT lon FROM sites WHERE {sql}").fetchall()
    found[sql] = (read["lon"].to_pylist(), [value for (value,) in witness])
    print(f"{sql}: vortex {found[sql][0]}, duckdb {found[sql][1]}")
if [list(map(str, given)) for given, _ in found.values()] != [
    ["0.0"],
    ["-0.0", "1.0"],
    ["-0.0"],
    ["0.0", "1.0"],
] or [len(witness) for _, witness in found.values()] != [2, 1, 0, 3]:
    sys.exit("the behaviour has changed")
PYTHON
