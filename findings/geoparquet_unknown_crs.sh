#!/bin/sh
# A GeoParquet file of an unknown coordinate system becomes one of longitude and latitude in DuckDB
# (as soon as it is written again) and in SedonaDB (when it is read).
# Found with duckdb 1.5.5 (spatial) and sedonadb 0.5.0; exits non-zero if that changes.
#
# Expected: GeoParquet 1.1.0, "crs": the value null says that the system is unknown, and "If the key
# does not exist, all coordinates in the geometries MUST use longitude, latitude based on the WGS84
# datum, and the default value is OGC:CRS84". Null and absent differ.
# Seen: DuckDB reads null rightly as no system, but COPY leaves the key out. SedonaDB takes null for
# OGC:CRS84 at once. Metres of a map grid (4000000, 3000000) then count as degrees for every reader.
# Strata tells of a file whose system is unknown (tests/unit/raw/test_features.py).
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "duckdb==1.5.5" "duckdb-extension-spatial==1.5.5" \
    "duckdb-extensions==1.5.5" "sedonadb==0.5.0" "shapely==2.2.0" "pyarrow==26.0.1"
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import json
import sys

import duckdb
import duckdb_extensions
import pyarrow as pa
import sedonadb
import shapely
from pyarrow import parquet

print("duckdb", duckdb.__version__, "sedonadb", sedonadb.__version__)


def told(path):
    geo = json.loads(parquet.read_schema(path).metadata[b"geo"])
    column = geo["columns"][geo["primary_column"]]
    print(f"{path}: the key crs is {column.get('crs', 'absent')}")
    return column.get("crs", "absent")


geometry = {"encoding": "WKB", "geometry_types": ["Point"], "crs": None}
geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": geometry}}
point = shapely.to_wkb(shapely.Point(4_000_000, 3_000_000))
made = pa.table({"id": [1], "geometry": [point]}).replace_schema_metadata({"geo": json.dumps(geo)})
parquet.write_table(made, "made.parquet")

duckdb_extensions.import_extension("spatial")
engine = duckdb.connect()
engine.load_extension("spatial")
kind = engine.sql("DESCRIBE FROM 'made.parquet'").fetchall()[1][1]
engine.sql("COPY (FROM 'made.parquet') TO 'by_duckdb.parquet'")

sedona = sedonadb.connect()
schema = str(sedona.read_parquet("made.parquet").schema)
sedona.read_parquet("made.parquet").to_parquet("by_sedonadb.parquet")
print("DuckDB reads", kind, "; SedonaDB reads", schema.split("geometry: ")[1].strip())

files = [told(f"{name}.parquet") for name in ("made", "by_duckdb", "by_sedonadb")]
if not (
    files == [None, "absent", "absent"]
    and kind == "GEOMETRY"
    and "crs84" in schema.lower()
):
    sys.exit("the behaviour has changed")
PYTHON
