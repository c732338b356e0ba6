"""Planning time as a table's log grows: 10 files a version, up to 1,000 versions and 10,000 files.

    python -m bench.log_growth

Versions are committed by delta-rs, with no data behind them: planning reads the log alone. Measured
at each size: `snapshot` of the newest version as every run and reader takes it, in plain Python.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.transaction import AddAction
from strata.lake.log import TableLog
from strata.lake.versions import Warehouse

SIZES = (10, 100, 300, 1000)
FILES = 10
ROUNDS = 5


def main() -> int:
    """Prints one line a size."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "gold" / "bench_log")
        table = DeltaTable.create(path, pa.schema([("id", pa.int64())]))
        print(f"{'versions':>8} {'files':>6} {'log MB':>7} {'seconds':>8}")
        for size in SIZES:
            grow(table, size)
            table.create_checkpoint()
            seconds = statistics.median(measure(folder, table.version()) for _ in range(ROUNDS))
            log = sum(file.stat().st_size for file in (Path(path) / "_delta_log").iterdir())
            print(f"{size:>8} {size * FILES:>6} {log / 1e6:>7.1f} {seconds:>8.3f}")
    return 0


def grow(table: DeltaTable, versions: int) -> None:
    """Commits until the table has so many versions, each with FILES more files."""
    while table.version() < versions:
        number = table.version()
        added = [action(number, file) for file in range(FILES)]
        table.create_write_transaction(added, "append", table.schema(), None)
        table.update_incremental()


def action(version: int, file: int) -> AddAction:
    """A file of 1,000 rows that no log lies about but by its existence."""
    low = (version * FILES + file) * 1000
    bounds = {"minValues": {"id": low}, "maxValues": {"id": low + 999}, "nullCount": {"id": 0}}
    told = json.dumps({"numRecords": 1000, **bounds})
    return AddAction(f"{version:05}-{file}.parquet", 4096, {}, 0, True, told)


def measure(root: str, version: int) -> float:
    """Seconds to know a version's files, from the log on disk."""
    started = time.perf_counter()
    found = TableLog(Warehouse(root), "gold.bench_log").snapshot(version)
    assert len(found.adds) == version * FILES
    return time.perf_counter() - started


if __name__ == "__main__":
    raise SystemExit(main())
