"""Fleet side by side: files to published gold by Strata with its gates, by plain PySpark and Delta, by
DuckDB and by Polars, which write the same tables as Parquet.

    python -m bench.fleet [ROWS] [ROUNDS]

Each way runs in a process of its own, in turns, and says its seconds (without the start of Python and
Spark) and its peak of memory. All must find the same number of fixes and, to 1 %, the same
kilometres: DuckDB and Polars measure on a sphere.
"""

from __future__ import annotations

import json
import math
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from bench import fleet_data

WAYS = ("strata", "plain", "duckdb", "polars")
_FAULTS = 0.0002


def main(rows: int = 1_000_000, rounds: int = 3, ways: tuple[str, ...] = WAYS) -> None:
    """Prints the medians of each way, and the ratios to plain Spark and to DuckDB."""
    folder = Path(tempfile.mkdtemp(prefix="strata-bench-"))
    try:
        fleet = fleet_data.Fleet(
            rows,
            min(50_000, max(100, rows // 20)),
            days=max(1, rows // 1_000_000),
            faults=fleet_data.Faults.of_share(rows, _FAULTS),
        )
        fleet_data.write(folder / "raw" / "fleet", fleet)
        told: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
        for number in range(rounds):
            for way in ways:
                target = folder / f"{number}-{way}"
                target.mkdir()
                told[way].append(_in_process(way, folder / "raw", target))
                shutil.rmtree(target)
        _tell(rows, rounds, told)
    finally:
        shutil.rmtree(folder)


def _in_process(way: str, raw: Path, target: Path) -> dict[str, float]:
    code = (
        "from pathlib import Path; from bench import fleet; "
        f"fleet.run_way({way!r}, Path({str(raw)!r}), Path({str(target)!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{way}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(f"{way}: {answer['seconds']:.1f} s, {answer['gib']:.1f} GiB", file=sys.stderr, flush=True)
    return answer


def _tell(rows: int, rounds: int, told: dict[str, list[dict[str, float]]]) -> None:
    found = [row for rows_ in told.values() for row in rows_]
    if len({row["fixes"] for row in found}) != 1:
        raise SystemExit(f"every way must find the same fixes; found {found}")
    if any(not math.isclose(row["km"], found[0]["km"], rel_tol=0.01) for row in found):
        raise SystemExit(f"every way must find the same kilometres, to 1 %; found {found}")
    medians = {way: statistics.median(row["seconds"] for row in of) for way, of in told.items()}
    nothing = float("nan")
    plain, duckdb = medians.get("plain", nothing), medians.get("duckdb", nothing)
    print(f"{rows:,} records, {rounds} rounds; seconds, ratios to plain and to DuckDB, peak memory")
    for way, of in told.items():
        most = max(row["gib"] for row in of)
        ratios = f"{medians[way] / plain:6.2f} {medians[way] / duckdb:6.2f}"
        print(f"{way:8} {medians[way]:8.1f} s {ratios} {most:6.1f} GiB")


# --- one way, in its own process -----------------------------------------------------------------


def run_way(way: str, raw: Path, target: Path) -> None:
    """Runs one way and prints what it took and found, as JSON."""
    if way in ("duckdb", "polars"):
        from bench import fleet_duckdb, fleet_polars

        started = time.monotonic()
        build = fleet_duckdb.build if way == "duckdb" else fleet_polars.build
        _print(build(raw, target), time.monotonic() - started, _peak("self"))
        return
    from strata.gate import gate
    from strata.spark import session

    if way == "strata":
        # As the command does: the library loads while Spark starts.
        threading.Thread(target=gate.library).start()
    spark = session.build(log_file=session.default_log_file())
    java = str(spark._jvm.ProcessHandle.current().pid())  # type: ignore[union-attr]
    started = time.monotonic()
    if way == "strata":
        found = _strata(spark, raw, target)
    else:
        from bench import fleet_plain

        found = fleet_plain.build(spark, raw, target)
    _print(found, time.monotonic() - started, _peak(java))


def _strata(spark: Any, raw: Path, target: Path) -> dict[str, float]:
    import pyarrow.compute as pc
    from strata.declare.feed import load_feed
    from strata.lake.versions import Warehouse, read_arrow
    from strata.run.options import Options
    from strata.run.plan import make_plan
    from strata.run.run import run_feed

    feed, warehouse, options = load_feed("fleet"), Warehouse(str(target)), Options(str(raw))
    plan = make_plan(feed, feed.default_params(), warehouse, options)
    tell = lambda text: print(text, file=sys.stderr)  # noqa: E731
    published = run_feed(spark, warehouse, plan, options, tell).publication
    if published is None:
        raise SystemExit("the run published nothing")
    days, trips = (published.state(f"gold.fleet_{name}") for name in ("vehicle_days", "trips"))
    assert days is not None, "the run published both"
    assert trips is not None, "the run published both"
    table = read_arrow(warehouse, "gold.fleet_vehicle_days", days.version, ["fixes", "distance_km"])
    return {
        "fixes": float(pc.sum(table["fixes"]).as_py()),
        "km": float(pc.sum(table["distance_km"]).as_py()),
        "trips": float(trips.rows),
    }


def _peak(process: str) -> float:
    """The peak of a process's memory, in GiB."""
    status = Path(f"/proc/{process}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 2**20


def _print(found: dict[str, float], seconds: float, gib: float) -> None:
    print(json.dumps(found | {"seconds": seconds, "gib": gib}))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
