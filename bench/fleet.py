"""Fleet side by side: files to published gold by Strata with its gates, by plain PySpark and Delta, by
DuckDB and by Polars, which write the same tables as Parquet.

    python -m bench fleet [--rows 100000 1000000 10000000] [--rounds 3] [--ways strata plain …]
    python -m bench fleet --days 100 [--rows 10000000] [--rounds 3]

With `--raw FOLDER` the raw files are made there, one folder for each size, and taken from there when
they exist.

Each way runs in a process of its own, in turns, and says its seconds (without the start of Python and
Spark; where Strata starts Spark only if it is asked, with it), the CPU seconds of all its processes,
which tell more on a busy machine, and the most memory that they held at a time, Python's workers too.
All must find the same number of fixes and, to 1 %, the same kilometres: DuckDB and Polars measure on
a sphere. Of several sizes it prints the growth: the exponent of the time over the rows.

With `--days`, Strata alone: all days in one run, beside one more day on them, of which the old ones
lie in the archive, and on the same without an archive. Both must end with the same rows.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import statistics
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import fleet_data, memory
from bench.figures import Figure, machine
from bench.kept import Kept, work_in
from tests.cpu import tree_seconds

if TYPE_CHECKING:
    from strata.run.options import Options
    from strata.run.plan import Plan

WAYS = ("strata", "plain", "duckdb", "polars")
_FAULTS = 0.0002
_FIXES_A_DAY = 20


def compare(
    sizes: list[int], rounds: int, ways: tuple[str, ...], heap: str, kept: Kept | None = None
) -> dict[int, dict[str, Figure]]:
    """Prints of each size the medians of each way and the ratios to plain Spark and to DuckDB, then
    how each way grows; returns the medians of each size."""
    found = {rows: _size(rows, rounds, ways, heap, kept) for rows in sizes}
    for way in ways:
        seconds = [found[rows][way].seconds for rows in sizes]
        told = [
            f"{math.log(seconds[n + 1] / seconds[n]) / math.log(sizes[n + 1] / sizes[n]):.2f}"
            for n in range(len(sizes) - 1)
        ]
        if told:
            print(f"{way:8} grows by the power {', then '.join(told)} of the rows")
    return found


def _fleet(rows: int, days: int, **more: Any) -> fleet_data.Fleet:
    faults = fleet_data.Faults.of_share(rows, _FAULTS)
    vehicles = min(50_000, max(100, rows // (_FIXES_A_DAY * days)))
    return fleet_data.Fleet(rows, vehicles, days=days, faults=faults, **more)


def _size(
    rows: int, rounds: int, ways: tuple[str, ...], heap: str, kept: Kept | None
) -> dict[str, Figure]:
    fleet, name = _fleet(rows, max(1, rows // 1_000_000)), f"fleet-{rows}"
    with work_in(kept) as (folder, keeps):
        raw = keeps.raw(name, lambda to: fleet_data.write(to / "fleet", fleet))
        told: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
        for number in range(rounds):
            for way in ways:
                turn = partial(_turn, way, raw, folder / f"{number}-{way}", heap)
                told[way].append(keeps.once(f"{name} {way} {number}", turn))
        return _tell(rows, rounds, told)


def _turn(way: str, raw: Path, target: Path, heap: str) -> dict[str, float]:
    target.mkdir()
    found = _in_process(way, raw, target, heap)
    shutil.rmtree(target)
    return found


def one_day(rows: int, days: int, rounds: int, heap: str, kept: Kept | None) -> None:
    """Prints what one more day takes, beside all of them."""
    told: dict[str, list[dict[str, float]]] = {}
    fleet = _fleet(rows, days + 1, by_day=True)
    with work_in(kept) as (folder, keeps):
        name = f"fleet-days-{days + 1}-{rows}"
        raw = keeps.raw(name, lambda to: fleet_data.write(to / "fleet", fleet))
        # What a run that was cut off took away is brought back.
        aside = raw / "last_day.csv"
        if aside.exists():
            aside.rename(_last_day(raw).with_name(f"events_{days:04d}.csv"))
        last = _last_day(raw)
        for number in range(rounds):
            before, without = folder / f"{number}-before", folder / f"{number}-without"
            before.mkdir()
            last.rename(aside)
            _add(told, "all days", _in_process("strata", raw, before, heap))
            shutil.copytree(before, without)
            _add(told, "the archive", _in_process("archive", raw, before, heap))
            aside.rename(last)
            one = _in_process("strata", raw, before, heap)
            other = _in_process("strata", raw, without, heap)
            _add(told, "one more day", one)
            _add(told, "one more, no archive", other)
            if any(not math.isclose(one[what], other[what]) for what in ("fixes", "trips", "km")):
                raise SystemExit(f"an archive changes no row; found {one} and {other}")
            for each in (before, without):
                shutil.rmtree(each)
    print(f"{rows:,} records of {days + 1} days, {rounds} rounds; each with its ratio to all days")
    whole_s, whole_cpu = (_median(told["all days"], what) for what in ("seconds", "cpu"))
    for name, found in told.items():
        seconds, cpu = (_median(found, what) for what in ("seconds", "cpu"))
        ratios = f"{seconds / whole_s:6.2f} {cpu:8.1f} s CPU {cpu / whole_cpu:6.2f}"
        gib = f"{max(row['gib'] for row in found):5.1f} GiB"
        archived = f"  {found[0]['ratio']:.1f} times smaller" if "ratio" in found[0] else ""
        print(f"{name:22} {seconds:8.1f} s {ratios} {gib}{archived}")


def _last_day(raw: Path) -> Path:
    return max((raw / "fleet" / "events").rglob("*.csv"))


def _add(told: dict[str, list[dict[str, float]]], name: str, found: dict[str, float]) -> None:
    told.setdefault(name, []).append(found)


def _median(found: list[dict[str, float]], what: str) -> float:
    return statistics.median(row[what] for row in found)


def _in_process(way: str, raw: Path, target: Path, heap: str) -> dict[str, float]:
    code = (
        "from pathlib import Path; from bench import fleet; "
        f"fleet.run_way({way!r}, Path({str(raw)!r}), Path({str(target)!r}))"
    )
    # Both of Spark's ways with the same heap.
    environment = {**os.environ, "PYSPARK_SUBMIT_ARGS": f"--driver-memory {heap} pyspark-shell"}
    answer, most = memory.answer_of(way, code, environment)
    answer["gib"] = max(most, answer["gib"])
    took = f"{answer['seconds']:.1f} s, {answer['cpu']:.1f} s CPU, {answer['gib']:.1f} GiB"
    print(f"{way}: {took}", file=sys.stderr, flush=True)
    return answer


def _tell(rows: int, rounds: int, told: dict[str, list[dict[str, float]]]) -> dict[str, Figure]:
    found = [row for rows_ in told.values() for row in rows_]
    if len({row["fixes"] for row in found}) != 1:
        raise SystemExit(f"every way must find the same fixes; found {found}")
    if any(not math.isclose(row["km"], found[0]["km"], rel_tol=0.01) for row in found):
        raise SystemExit(f"every way must find the same kilometres, to 1 %; found {found}")
    print(
        f"{rows:,} records, {rounds} rounds; seconds and CPU seconds, each with its ratios to plain "
        f"and to DuckDB, and peak memory; {machine()}"
    )
    for way, of in told.items():
        most = max(row["gib"] for row in of)
        print(
            f"{way:8} {_beside(told, way, 'seconds')} {_beside(told, way, 'cpu')} CPU {most:6.1f} GiB",
            flush=True,
        )
    return {way: Figure.of(of) for way, of in told.items()}


def _beside(told: dict[str, list[dict[str, float]]], way: str, what: str) -> str:
    """The median of a way, and how many times those of plain Spark and of DuckDB it is."""
    own = _median(told[way], what)
    others = [
        _median(told[name], what) if name in told else math.nan for name in ("plain", "duckdb")
    ]
    return f"{own:8.1f} s {own / others[0]:6.2f} {own / others[1]:6.2f}"


# --- one way, in its own process -----------------------------------------------------------------


def run_way(way: str, raw: Path, target: Path) -> None:
    """Runs one way and prints what it took and found, as JSON."""
    if way in ("duckdb", "polars"):
        from bench import fleet_duckdb, fleet_polars

        started = time.monotonic(), tree_seconds(os.getpid())
        build = fleet_duckdb.build if way == "duckdb" else fleet_polars.build
        _print(build(raw, target), started)
        return
    from strata.spark import session

    # As the command does: it plans before Spark starts, and starts Spark as the plan asks.
    before = time.monotonic(), tree_seconds(os.getpid())
    plan = _plan(raw, target) if way == "strata" else None
    planned = time.monotonic() - before[0], tree_seconds(os.getpid()) - before[1]
    waits = bool(plan and plan.may_need_no_spark)

    def start() -> Any:
        small = bool(plan and plan.is_small)
        return session.build(log_file=session.default_log_file(), small=small)

    # Where it starts Spark only when it is asked, that start counts.
    spark: Any = session.Starting(start, when_asked=True) if waits else start()
    started = time.monotonic() - planned[0], tree_seconds(os.getpid()) - planned[1]
    if plan is not None:
        found = _strata(spark, plan, raw, target)
    elif way == "archive":
        found = _archive(spark, target)
    else:
        from bench import fleet_plain

        found = fleet_plain.build(spark, raw, target)
    _print(found, started)


def _plan(raw: Path, target: Path) -> Plan:
    from strata.declare.feed import load_feed
    from strata.lake.versions import Warehouse
    from strata.run.plan import make_plan

    feed = load_feed("fleet")
    return make_plan(feed, feed.default_params(), Warehouse(str(target)), _options(raw))


def _options(raw: Path) -> Options:
    from strata.run.options import Options

    return Options(str(raw), at_once=max(2, os.cpu_count() or 2), on_one_machine=True)


def _strata(spark: Any, plan: Plan, raw: Path, target: Path) -> dict[str, float]:
    import pyarrow.compute as pc
    from strata.lake.versions import Warehouse, read_arrow
    from strata.run.run import run_feed

    warehouse = Warehouse(str(target))
    tell = lambda text: print(text, file=sys.stderr)  # noqa: E731
    published = run_feed(spark, warehouse, plan, _options(raw), tell).publication
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


def _archive(spark: Any, target: Path) -> dict[str, float]:
    from strata.lake.versions import Warehouse
    from strata.upkeep import archive

    tell = lambda text: print(text, file=sys.stderr)  # noqa: E731
    (moved,) = archive.archive(spark, Warehouse(str(target)), "fleet", 7, tell)
    return {"rows": float(moved.rows), "ratio": moved.ratio or 0.0}


def _peak() -> float:
    """The peak of this process's own memory, in GiB; a short one may pass unseen from outside."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 2**20


def _print(found: dict[str, float], started: tuple[float, float]) -> None:
    seconds, cpu = time.monotonic() - started[0], tree_seconds(os.getpid()) - started[1]
    print(json.dumps(found | {"seconds": seconds, "cpu": cpu, "gib": _peak()}))


def command(arguments: list[str] | None = None) -> None:
    """Measures what the arguments, by default the command line's, ask for."""
    parser = argparse.ArgumentParser(
        prog="python -m bench fleet",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--days", type=int, default=0, help="measure one more day on so many")
    parser.add_argument("--heap", default="4g", help="of Spark's driver")
    parser.add_argument("--raw", type=Path, help="where raw files are kept, for the next time")
    asked = parser.parse_args(arguments)
    kept = Kept(asked.raw) if asked.raw else None
    if asked.days:
        one_day(max(asked.rows), asked.days, asked.rounds, asked.heap, kept)
    else:
        compare(asked.rows, asked.rounds, tuple(asked.ways), asked.heap, kept)


if __name__ == "__main__":
    command()
