"""Commerce side by side: files to published gold by Strata with its gates, by plain Spark, by that
with stock GX, by DuckDB, and by adidas/lakehouse-engine where that is installed
(`commerce_lakehouse_engine`).

Each way runs in a process of its own, one after the other in alternating rounds, and tells its
seconds (without the start of Python and of Spark, if it starts at once), the CPU seconds of all its
processes, and its peak memory: of the JVM (or DuckDB), and of all processes together. Revenue must
agree to the cent, or the benchmark fails. `python -m bench commerce --scale 0.01 0.1 1` tells how time grows too.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import shutil
import sys
import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from bench import commerce_data, commerce_lakehouse_engine, memory
from bench.figures import Figure, machine
from bench.kept import Kept, work_in
from tests.cpu import tree_seconds

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DAY = "strata one more day"
WAYS = (
    "strata",
    DAY,
    "plain",
    "plain and stock GX",
    "duckdb",
    "lakehouse-engine",
)


def command(given: Sequence[str]) -> None:
    """Each scale in turn, and the exponent by which time grows from one to the next."""
    parser = argparse.ArgumentParser(prog="python -m bench commerce", description=__doc__)
    parser.add_argument(
        "--scale", "--scales", dest="scales", type=float, nargs="+", default=[1.0], metavar="SCALE"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS), metavar="WAY")
    parser.add_argument("--raw", type=Path, help="where raw files are kept, for the next time")
    arguments = parser.parse_args(given)
    kept = Kept(arguments.raw) if arguments.raw else None
    found = {
        scale: main(scale, arguments.rounds, tuple(arguments.ways), kept)
        for scale in sorted(arguments.scales)
    }
    steps = list(found.items())
    for (small, before), (large, after) in itertools.pairwise(steps):
        for way in before.keys() & after.keys():
            grown = math.log(after[way].seconds / before[way].seconds)
            exponent = grown / math.log(large / small)
            print(f"{way}, from scale {small:g} to {large:g}: exponent {exponent:.2f}")


def main(
    scale: float, rounds: int, ways: tuple[str, ...] = WAYS, kept: Kept | None = None
) -> dict[str, Figure]:
    """Prints the medians of each way, and the ratios to plain Spark; returns the medians."""
    if "lakehouse-engine" in ways and commerce_lakehouse_engine.FOLDER is None:
        print(
            "lakehouse-engine: left out; bench/commerce_lakehouse_engine.py tells how to "
            "install it",
            file=sys.stderr,
        )
        ways = tuple(way for way in ways if way != "lakehouse-engine")
    if DAY in ways and "strata" not in ways:
        raise SystemExit(f"{DAY!r} comes on top of the full load: name the way 'strata' as well")
    with work_in(kept) as (folder, keeps):
        raw = keeps.raw(f"commerce-{scale:g}", lambda to: commerce_data.make(to, scale, seed=7))
        told: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
        for number in range(rounds):
            for way in (way for way in ways if way != DAY):
                asked = (way, DAY) if way == "strata" and DAY in ways else (way,)
                turn = partial(_turn, asked, raw, folder / f"{number}-{way}", scale)
                found = keeps.once(f"commerce-{scale:g} {' and '.join(asked)} {number}", turn)
                for name, row in found.items():
                    told[name].append(row)
        return _tell(scale, rounds, told)


def _turn(
    ways: Sequence[str], raw: Path, target: Path, scale: float
) -> dict[str, dict[str, float]]:
    """One way's round. One more day comes on top of the warehouse that the full load has left."""
    commerce_data.remove_next_day(raw)  # A run that was killed leaves it.
    target.mkdir()
    found = {}
    for way in ways:
        if way == DAY:
            commerce_data.make_next_day(raw, scale, seed=7)
        found[way] = _in_process(way, raw, target)
    commerce_data.remove_next_day(raw)
    shutil.rmtree(target)
    return found


def _in_process(way: str, raw: Path, target: Path) -> dict[str, float]:
    code = (
        f"from pathlib import Path; from bench import commerce; commerce.run_way({way!r}, "
        f"Path({str(raw)!r}), Path({str(target)!r}))"
    )
    environment = commerce_lakehouse_engine.environment() if way == "lakehouse-engine" else None
    answer, most = memory.answer_of(way, code, environment)
    answer["all_gib"] = most
    print(
        f"{way}: {answer['seconds']:.1f} s, {answer['cpu']:.1f} CPU s, {answer['gib']:.1f} GiB, "
        f"{most:.1f} GiB in all",
        file=sys.stderr,
        flush=True,
    )
    return answer


def _tell(scale: float, rounds: int, told: dict[str, list[dict[str, float]]]) -> dict[str, Figure]:
    full = {way: {row["cents"] for row in rows} for way, rows in told.items() if way != DAY}
    if len(set().union(*full.values())) != 1:
        raise SystemExit(f"every way must find the same revenue; found, in cents, {full}")
    size = commerce_data.size_of(scale)
    medians = {way: Figure.of(rows, "all_gib") for way, rows in told.items()}
    base = medians["plain"].seconds if "plain" in medians else math.nan
    print(
        f"{size.lines:,} lines of {size.orders:,} orders; medians of {rounds}; "
        f"{machine()}\n"
        "| way | seconds | to plain | CPU s | GiB of its process | GiB in all |\n"
        "| --- | ---: | ---: | ---: | ---: | ---: |"
    )
    for way, rows in told.items():
        found = medians[way]
        print(
            f"| {way} | {found.seconds:.1f} | {found.seconds / base:.2f} | {found.cpu:.1f} "
            f"| {max(row['gib'] for row in rows):.1f} | {found.gib:.1f} |"
        )
    if {"strata", DAY} <= medians.keys():
        ratio = medians[DAY].seconds / medians["strata"].seconds
        print(f"one more day takes {ratio:.2f} of the full load")
    if {"strata", "duckdb"} <= medians.keys():
        ratio = medians["strata"].seconds / medians["duckdb"].seconds
        print(f"the full load takes {ratio:.2f} times DuckDB's")
    return medians


# --- one way, in its own process -----------------------------------------------------------------


def run_way(way: str, raw: Path, target: Path) -> None:
    """Runs one way and prints its seconds, its peak memory and the counted revenue in cents, as
    JSON.
    """
    if way == "duckdb":
        from bench import commerce_duckdb

        started = time.monotonic()
        connection = commerce_duckdb.build(raw, target)
        seconds = time.monotonic() - started
        found = connection.execute(
            "select cast(sum(revenue) * 100 as bigint) from daily_product_sales"
        ).fetchone()
        _print(seconds, _peak("self"), found[0] if found else None)
        return
    if way.startswith("strata"):
        _print(*_run_strata(raw, target))
        return
    from strata.gate import gate
    from strata.spark import session

    from bench import commerce_plain

    if way == "plain and stock GX":  # The library loads while Spark starts.
        threading.Thread(target=gate.library).start()
    spark = session.build(log_file=session.default_log_file())
    started = time.monotonic()
    build = commerce_lakehouse_engine.build if way == "lakehouse-engine" else commerce_plain.build
    paths = build(spark, raw, target)
    if way == "plain and stock GX":
        _validate(spark, paths)
    seconds = time.monotonic() - started
    total = (
        spark.read.format("delta")
        .load(paths["gold_daily_product_sales"])
        .selectExpr("sum(cents)")
        .collect()[0][0]
    )
    _print(seconds, _peak(_java(spark)), total)


def _java(spark: SparkSession) -> str:
    return str(spark._jvm.ProcessHandle.current().pid())  # type: ignore[union-attr]


def _run_strata(raw: Path, target: Path) -> tuple[float, float, int]:
    """As the command runs: it plans, starts Spark as the plan asks, which is not counted, and goes
    on. Where the plan lets Spark wait until it is asked, its start counts, if it comes to it."""
    from strata.declare.feed import load_feed
    from strata.lake.versions import Warehouse, read_arrow
    from strata.run.options import Options
    from strata.run.plan import make_plan
    from strata.run.run import run_feed
    from strata.spark import session

    started = time.monotonic()
    feed, warehouse = load_feed("commerce"), Warehouse(str(target))
    options = Options(str(raw), at_once=max(2, os.cpu_count() or 2))
    plan = make_plan(feed, feed.default_params(), warehouse, options)
    seconds = time.monotonic() - started

    def start() -> SparkSession:
        return session.build(log_file=session.default_log_file(), small=plan.is_small)

    deferred = session.Starting(start, when_asked=plan.may_need_no_spark)
    if deferred.has_begun:
        deferred.sparkContext  # noqa: B018 – waits for it
    spark = cast("SparkSession", deferred)
    started = time.monotonic()
    published = run_feed(
        spark, warehouse, plan, options, lambda text: print(text, file=sys.stderr)
    ).publication
    seconds += time.monotonic() - started
    if published is None:
        raise SystemExit("the run published nothing")
    state = published.state("gold.commerce_trends")
    months = (
        read_arrow(warehouse, "gold.commerce_trends", state.version).to_pylist() if state else []
    )
    cents = sum(int(row["revenue"] * 100) for row in months if row["period"] == "month")
    return seconds, _peak(_java(spark) if deferred.has_begun else "self"), cents


def _validate(spark: object, paths: dict[str, str]) -> None:
    """The suites' expectations that plain tables can answer, by stock Great Expectations on each
    written table.
    """
    from strata.gate import gate, library_rules

    gx = gate.library()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    for name, path in paths.items():
        frame = spark.read.format("delta").load(path)  # type: ignore[attr-defined]
        asked = [library_rules.build(rule) for rule in commerce_lakehouse_engine.rules(name, frame)]
        batch = (
            context.data_sources.add_spark(name)
            .add_dataframe_asset(name)
            .add_batch_definition_whole_dataframe(name)
        )
        batch.get_batch({"dataframe": frame}).validate(
            gx.ExpectationSuite(name, expectations=asked), result_format="BOOLEAN_ONLY"
        )


def _peak(process: str) -> float:
    """The peak of a process's memory, in GiB."""
    status = Path(f"/proc/{process}/status").read_text()
    return (
        int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))
        / 2**20
    )


def _print(seconds: float, gib: float, cents: object) -> None:
    # Before they end: whether a JVM that has ended is counted is chance, for none waits for it.
    cpu = tree_seconds(os.getpid())
    print(json.dumps({"seconds": seconds, "gib": gib, "cents": int(str(cents)), "cpu": cpu}))


if __name__ == "__main__":
    command(sys.argv[1:])
