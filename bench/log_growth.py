"""Planning time as a warehouse grows: a table's log of 10 files a version, up to 1,000 versions and
10,000 files, and a ledger of as many publications.

    python -m bench log-growth [--versions N…]

Versions are committed by delta-rs, with no data behind them: planning reads the log alone. Measured
at each size, in plain Python: `snapshot` of the newest version; what a plan asks of the ledger (the
chain, the newest tables, every file taken, every decision); and all that the ledger holds, as the
doctor reads it. CPU seconds, so that other work on the machine tells little.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.transaction import AddAction
from strata.lake.log import TableLog
from strata.lake.versions import Warehouse
from strata.ledger import publication as ledger
from strata.ledger import row
from strata.ledger.publication import FileEntry, GateEntry, Publication, TableState

SIZES = (10, 100, 300, 1000)
FILES = 10
FEED = "bench"
ROUNDS = 5


def command(arguments: Sequence[str]) -> None:
    """Prints one line a size."""
    parser = argparse.ArgumentParser(prog="python -m bench log-growth", description=__doc__)
    parser.add_argument("--versions", type=int, nargs="+", default=SIZES, help="ascending")
    sizes = parser.parse_args(arguments).versions
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "gold" / "bench_log")
        table = DeltaTable.create(path, pa.schema([("id", pa.int64())]))
        print(
            f"{'versions':>8} {'files':>6} {'log MB':>7} {'log CPU s':>9} {'plan CPU s':>10} "
            f"{'whole CPU s':>11}"
        )
        for size in sizes:
            grow(table, size)
            table.create_checkpoint()
            seconds = statistics.median(measure(folder, table.version()) for _ in range(ROUNDS))
            log = sum(file.stat().st_size for file in (Path(path) / "_delta_log").iterdir())
            publish(Warehouse(folder), size)
            plan = statistics.median(ask(folder, size) for _ in range(ROUNDS))
            whole = statistics.median(read_all(folder, size) for _ in range(ROUNDS))
            print(
                f"{size:>8} {size * FILES:>6} {log / 1e6:>7.1f} {seconds:>9.3f} {plan:>10.3f} "
                f"{whole:>11.3f}",
                flush=True,
            )


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
    """CPU seconds to know a version's files, from the log on disk."""
    started = time.process_time()
    found = TableLog(Warehouse(root), "gold.bench_log").snapshot(version)
    assert len(found.adds) == version * FILES
    return time.process_time() - started


def publish(warehouse: Warehouse, publications: int) -> None:
    """Adds publications of a raw file and eight tables, each with a gate of eight rules, up to that
    number.
    """
    names = [f"gold.bench_t{number}" for number in range(8)]
    rules = tuple(
        {"type": "expect_column_values_to_not_be_null", "columns": ["id"], "description": "id told",
         "severity": "critical", "success": True, "unexpected": 0, "observed": None}
        for _ in range(8)
    )  # fmt: skip
    for number in range(len(ledger.read(warehouse, FEED)) + 1, publications + 1):
        tables = tuple(TableState(name, number, 1000 * number) for name in names)
        gates = tuple(
            GateEntry(name, "append", "1 new file", 1000, 1000, 0, 0, {}, {}, 1000, 1000 * number,
                      0, 1.0, expectations=rules)
            for name in names
        )  # fmt: skip
        files = (FileEntry("events", f"{number}.csv", f"{number:064x}", 9000, 1000, "taken"),)
        row.commit(
            warehouse,
            Publication(FEED, number, number - 1, "r", tables=tables, gates=gates, files=files),
        )


def ask(root: str, publications: int) -> float:
    """CPU seconds to read what a plan asks of the ledger."""
    started = time.process_time()
    line = ledger.lineage(ledger.read(Warehouse(root), FEED))
    assert len(line) == len(ledger.files_taken(line)) == publications
    assert len(line[-1].tables) == 8
    assert not ledger.decisions(line)
    return time.process_time() - started


def read_all(root: str, publications: int) -> float:
    """CPU seconds to read all that the ledger holds."""
    started = time.process_time()
    every = ledger.read(Warehouse(root), FEED)
    assert sum(len(row.to_row(one)["gates"]) for one in every) == 8 * publications
    return time.process_time() - started


if __name__ == "__main__":
    command(sys.argv[1:])
