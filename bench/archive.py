"""How small raw events become: the columns of the archive, written as Parquet by several codecs, in the
order of vehicles and times and in that of the files; and the raw files under gzip.

    python -m bench.archive [ROWS [FOLDER_OF_EVENTS]]     # with a folder, ROWS says nothing

Sizes need one round. PyArrow writes here, and Spark writes the archive: `strata archive` tells its own ratio.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from strata.declare.contract import DAY, archive_contract, load_contract
from strata.serve.export.types import arrow_type

from bench import fleet_data

CONTRACT = archive_contract(load_contract("bronze.fleet_events"))
WAYS: dict[str, dict[str, Any]] = {
    "zstd 9, by day, vehicle and time (the archive's)": {"compression": "zstd", "level": 9},
    "zstd 3, by day, vehicle and time": {"compression": "zstd", "level": 3},
    "zstd 19, by day, vehicle and time": {"compression": "zstd", "level": 19},
    "snappy, by day, vehicle and time": {"compression": "snappy"},
    "zstd 9, as they came": {"compression": "zstd", "level": 9, "as_they_came": True},
}


def main(rows: int = 500_000, folder: str = "") -> None:
    """Prints bytes, how many times smaller than the raw files, and CPU seconds of each way."""
    made = Path(tempfile.mkdtemp(prefix="strata-bench-"))
    try:
        if not folder:
            fleet_data.write(made, fleet_data.Fleet(rows, max(1, rows // 500)))
        files = sorted(Path(folder or made / "events").rglob("*.csv"))
        raw = sum(path.stat().st_size for path in files)
        table = pa.concat_tables([events(path) for path in files])
        print(f"{table.num_rows:,} records of {len(files)} raw files, {raw:,} bytes")
        began = time.process_time()
        packed = sum(len(gzip.compress(path.read_bytes(), 6)) for path in files)
        tell("raw files under gzip 6", packed, raw, time.process_time() - began)
        for way, options in WAYS.items():
            began = time.process_time()
            size = written(table, made / "archive.parquet", **options)
            tell(way, size, raw, time.process_time() - began)
    finally:
        shutil.rmtree(made)


def tell(way: str, size: int, raw: int, seconds: float) -> None:
    """One line of the answer."""
    print(f"{way:50} {size:12,} bytes  {raw / size:5.1f} to 1  {seconds:6.1f} s")


def events(path: Path) -> pa.Table:
    """A raw file's records as bronze and the archive have them."""
    names = {"latitude": "lat", "longitude": "lon", "speed_kmh": "speed"}
    with path.open(newline="", encoding="utf-8") as lines:
        header, *rows = csv.reader(lines)
    rows = [row for row in rows if len(row) == len(header)]
    columns: dict[str, Any] = {
        names.get(name, name): list(values)
        for name, values in zip(header, zip(*rows, strict=True), strict=True)
    }
    count = len(rows)
    columns |= {
        "_file_sha256": [hashlib.sha256(path.read_bytes()).hexdigest()] * count,
        "_source_file": [f"{path.parent.name}/{path.name}"] * count,
        "_record_number": list(range(1, count + 1)),
        "_layout": ["telemetry" if "speed_kmh" in header else "capmetro"] * count,
        "_run_id": ["20261128T000000Z-0000"] * count,
    }
    schema = pa.schema([pa.field(f.name, arrow_type(f.type)) for f in CONTRACT.fields])
    held = {f.name: pa.array(columns.get(f.name, [None] * count), f.type) for f in schema}
    day = pc.strptime(pc.utf8_slice_codeunits(held["timestamp"], 0, 10), "%Y-%m-%d", "s", True)
    return pa.table({**held, DAY.name: day.cast(pa.date32())}, schema)


def written(
    table: pa.Table,
    path: Path,
    compression: str,
    level: int | None = None,
    as_they_came: bool = False,
) -> int:
    """The bytes of one file."""
    if not as_they_came:
        table = table.sort_by([(name, "ascending") for name in CONTRACT.order_by])
    pq.write_table(table, path, compression=compression, compression_level=level)
    return path.stat().st_size


if __name__ == "__main__":
    main(*(int(a) if a.isdecimal() else a for a in sys.argv[1:]))  # type: ignore[arg-type]
