"""Exports: how far memory grows with the rows, and what an export again costs.

Each form is copied in a process of its own, of a table and of one four times as long, in turns; the
peak of its memory is what the system says of the process. `python -m bench export --rows 1000000`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

TABLE = "gold.commerce_daily_product_sales"
FORMS = ("parquet", "csv", "out.sqlite", "out.duckdb")
_CHILD = """
import json, resource, sys, time
from strata.lake.versions import Warehouse
from strata.serve.export import copy_tables
start = time.perf_counter()
form = "csv" if sys.argv[2].endswith("csv") else "parquet"
(done,) = copy_tables(Warehouse(sys.argv[1]), [sys.argv[3]], sys.argv[2], form)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([done.outcome, time.perf_counter() - start, peak]))
"""


def main(rows: int, rounds: int = 1) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for times in (1, 4):
            _publish(root / f"warehouse-{times}", rows * times)
        print(f"{TABLE}: {rows:,} and {4 * rows:,} rows; the least of {rounds} round(s)")
        print("form         MB peak   MB peak x4   seconds   seconds x4   seconds again")
        for form in FORMS:
            found: dict[str, list[tuple[float, float]]] = {"1": [], "4": [], "again": []}
            for turn in range(rounds):
                for times in ("1", "4", "again"):
                    place = root / f"{turn}-{'4' if times == 'again' else times}-{form}"
                    source = root / f"warehouse-{'4' if times == 'again' else times}"
                    found[times].append(_copy(source, place))
            one, four, again = (min(found[times]) for times in ("1", "4", "again"))
            print(
                f"{form:12} {one[1]:7.0f} {four[1]:12.0f} {one[0]:9.1f} {four[0]:12.1f} {again[0]:15.2f}"
            )


def _copy(warehouse: Path, place: Path) -> tuple[float, float]:
    """Seconds, and the peak of memory in MB."""
    command = [sys.executable, "-c", _CHILD, str(warehouse), str(place), TABLE]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    _, seconds, peak = json.loads(said.splitlines()[-1])
    return seconds, peak


def _publish(root: Path, rows: int) -> None:
    """A made-up table, a file a month, as a lake holds it."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from strata.lake.versions import Warehouse

    from tests.doors.publishing import publish

    warehouse, start = Warehouse(str(root)), date(2020, 1, 1)
    publish(warehouse, "commerce", {TABLE: []})
    for chunk in range(0, rows, 250_000):
        n = min(250_000, rows - chunk)
        made = pa.table(
            {
                "product_id": pa.array([f"p{(chunk + k) % 100_003}" for k in range(n)]),
                "sale_date": pa.array(
                    [start + timedelta(days=(chunk + k) // 2_000) for k in range(n)]
                ),
                "units": pa.array(range(n), pa.int64()),
                "revenue": pa.array(range(n), pa.int32()),
                "orders": pa.array([1] * n, pa.int64()),
            }
        )
        months = pc.strftime(made.column("sale_date"), "%Y-%m")
        parts = [made.filter(pc.equal(months, month)) for month in pc.unique(months)]
        publish(warehouse, "commerce", {TABLE: (parts, {"currency": "EUR"})}, append=True)
    print(f"made {rows:,} rows at {time.strftime('%H:%M:%S')}", file=sys.stderr)
