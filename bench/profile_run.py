"""Where the CPU seconds of a run go: `python -m bench profile --help`.

From Spark's event log: each query's CPU seconds in tasks, by table and phase. From the kernel: the
JVM's CPU seconds by kind of thread, so that compiling, collecting garbage and planning are told
apart from work on rows. CPU seconds hold on a machine that does other work too; the clock does not.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import commerce_data
from bench.small_runs import KEY

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_TICKS = os.sysconf("SC_CLK_TCK")
_THREADS = (
    (r"C[12] Compiler", "compilers"),
    (r"(GC Thread|G1 |Gang)", "garbage collector"),
    (r"Executor task", "tasks"),
    (
        r"(broadcast-ex|shuffle-ex|stdout writer|serve-|ParquetFooter|files-client)",
        "tasks' helpers",
    ),
    (r".*", "driver"),
)


@dataclass
class Query:
    """One of Spark's SQL executions."""

    begun: float
    plan: str
    cpu: float = 0.0
    run: float = 0.0
    tasks: int = 0
    shuffled: int = 0
    gc: float = 0.0
    jobs: set[int] = field(default_factory=set)


def command(given: Sequence[str]) -> None:
    """Runs one way and prints its table."""
    parser = argparse.ArgumentParser(prog="python -m bench profile", description=__doc__)
    parser.add_argument("--scale", type=float, default=0.1, help="1 is 20 million order lines")
    parser.add_argument("--way", choices=("strata", "plain"), default="strata")
    parser.add_argument("--feed", default="commerce", help="with --raw, any feed of Strata")
    parser.add_argument("--raw", type=Path, help="raw files made before, in place of new ones")
    parser.add_argument("--target", type=Path, help="where tables are written, and left")
    parser.add_argument("--small", action="store_true", help="with the settings of small runs")
    parser.add_argument(
        "--plain-from", type=int, help="rows from which on plain rows are made, of every table"
    )
    parser.add_argument("--plans", action="store_true", help="print each query's plan")
    parser.add_argument("--set", action="append", default=[], metavar="SETTING=VALUE")
    arguments = parser.parse_args(given)
    folder = Path(tempfile.mkdtemp(prefix="strata-bench-"))
    try:
        raw = arguments.raw or folder / "raw"
        if not arguments.raw:
            commerce_data.make(raw, arguments.scale, seed=7)
        target = arguments.target or folder / "target"
        target.mkdir(exist_ok=True)
        settings = dict(item.split("=", 1) for item in arguments.set)
        _profile(arguments, raw, target, folder, settings)
    finally:
        shutil.rmtree(folder)


def _profile(
    arguments: argparse.Namespace,
    raw: Path,
    target: Path,
    folder: Path,
    settings: dict[str, str],
) -> None:
    from strata.spark import session

    events = folder / "events"
    events.mkdir()
    os.environ.update(KEY)  # The workers have it from the JVM.
    own = {
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": events.as_uri(),
        "spark.eventLog.compress": "false",
        "spark.eventLog.rolling.enabled": "false",
    }
    spark = session.build(
        settings=own | settings,
        log_file=session.default_log_file(),
        small=arguments.small,
    )
    java = int(spark._jvm.ProcessHandle.current().pid())  # type: ignore[union-attr]
    marks: list[tuple[float, str]] = []
    started = time.monotonic()
    way = arguments.feed if arguments.way == "strata" else "plain"
    _run(spark, way, (raw, target, arguments.plain_from), marks)
    seconds = time.monotonic() - started
    threads = _threads(java)
    peak = _peak(java)
    spark.stop()
    log = next(path for path in events.rglob("*") if path.is_file())
    queries = _read(log)
    _tell(queries, marks, arguments.plans)
    own_cpu = resource.getrusage(resource.RUSAGE_SELF)
    print(
        f"seconds {seconds:.1f}; Python {own_cpu.ru_utime + own_cpu.ru_stime:.1f} CPU s; "
        f"JVM's peak {peak:.2f} GiB"
    )
    print(
        "JVM's CPU s by thread: " + ", ".join(f"{name} {cpu:.1f}" for name, cpu in threads.items())
    )


def _run(
    spark: SparkSession, way: str, of: tuple[Path, Path, int | None], marks: list[tuple[float, str]]
) -> None:
    raw, target, plain_from = of

    def say(text: str) -> None:
        marks.append((time.time() * 1000, text))

    if way == "plain":
        from bench import commerce_plain

        def write(name: str, frame: Any) -> None:
            say(f"{name}: plain")
            frame.write.format("delta").save(str(target / name))

        commerce_plain.build(spark, raw, target, write)
        return
    from strata.declare.feed import load_feed
    from strata.lake.versions import Warehouse
    from strata.run.options import Options
    from strata.run.plan import make_plan
    from strata.run.run import run_feed

    feed, warehouse = load_feed(way), Warehouse(str(target))
    options = Options(str(raw), at_once=1, fewest_plain_rows=plain_from)
    plan = make_plan(feed, feed.default_params(), warehouse, options)
    say("looked: ")
    run_feed(spark, warehouse, plan, options, say)


def _read(log: Path) -> list[Query]:
    queries: dict[int, Query] = {}
    of_stage: dict[int, int] = {}
    with log.open(encoding="utf-8") as lines:
        for line in lines:
            event = json.loads(line)
            kind = event["Event"].rpartition(".")[2]
            if kind == "SparkListenerSQLExecutionStart":
                queries[event["executionId"]] = Query(
                    event["time"], event["physicalPlanDescription"]
                )
            elif kind == "SparkListenerSQLAdaptiveExecutionUpdate":
                queries[event["executionId"]].plan = event["physicalPlanDescription"]
            elif kind == "SparkListenerJobStart":
                told = (event.get("Properties") or {}).get("spark.sql.execution.id")
                number = int(told) if told is not None else -1
                queries.setdefault(number, Query(event["Submission Time"], ""))
                queries[number].jobs.add(event["Job ID"])
                for stage in event["Stage IDs"]:
                    of_stage.setdefault(stage, number)
            elif kind == "SparkListenerTaskEnd" and event.get("Task Metrics"):
                _add(queries[of_stage[event["Stage ID"]]], event["Task Metrics"])
    return sorted(queries.values(), key=lambda query: query.begun)


def _add(query: Query, told: dict[str, Any]) -> None:
    query.tasks += 1
    query.cpu += (told["Executor CPU Time"] + told["Executor Deserialize CPU Time"]) / 1e9
    query.run += told["Executor Run Time"] / 1e3
    query.gc += told["JVM GC Time"] / 1e3
    query.shuffled += told["Shuffle Write Metrics"]["Shuffle Bytes Written"]


def _tell(queries: list[Query], marks: list[tuple[float, str]], plans: bool) -> None:
    steps = [(at, text.partition(":")[0]) for at, text in marks if " in = " not in text]
    totals: dict[str, float] = defaultdict(float)
    print("| table | what | tasks | CPU s | run s | shuffled MB |")
    print("| --- | --- | ---: | ---: | ---: | ---: |")
    for query in queries:
        name = next((text for at, text in reversed(steps) if at <= query.begun + 1), "before")
        totals[name] += query.cpu
        if query.cpu >= 0.2:
            print(
                f"| {name} | {_what(query.plan)} | {query.tasks} | {query.cpu:.1f} "
                f"| {query.run:.1f} | {query.shuffled / 1e6:.0f} |"
            )
            if plans:
                print(query.plan)
    print("\n| table | tasks' CPU s | wall s |\n| --- | ---: | ---: |")
    ends = [at for at, _ in steps[1:]] + [marks[-1][0]]
    walls = {text: (end - at) / 1000 for (at, text), end in zip(steps, ends, strict=True)}
    for name, cpu in totals.items():
        print(f"| {name} | {cpu:.1f} | {walls.get(name, 0):.1f} |")
    print(f"| all | {sum(totals.values()):.1f} | {(marks[-1][0] - marks[0][0]) / 1000:.1f} |\n")
    tables = len({text for _, text in steps if "." in text})
    executions, jobs = sum(bool(q.plan) for q in queries), sum(len(q.jobs) for q in queries)
    tasks = sum(q.tasks for q in queries)
    print(f"{tables} tables, {executions} SQL executions, {jobs} jobs, {tasks} tasks")


def _what(plan: str) -> str:
    """What a query is, by its plan."""
    if "InsertIntoHadoopFsRelationCommand" in plan or "WriteIntoDelta" in plan:
        return "write" if "quarantine" not in plan else "write rejected"
    kinds = [kind for kind in ("InMemoryTableScan", "MapInArrow", "CollectMetrics") if kind in plan]
    found = re.findall(r"^\(\d+\) (\w+)", plan, re.M)
    heads = " ".join(found[-3:][::-1])
    return f"ask ({', '.join([heads, *kinds])})"


def _threads(process: int) -> dict[str, float]:
    """CPU seconds of a process's living threads, by kind."""
    found: dict[str, float] = defaultdict(float)
    for task in Path(f"/proc/{process}/task").iterdir():
        text = (task / "stat").read_text()
        name, rest = text[text.index("(") + 1 : text.rindex(")")], text[text.rindex(")") + 2 :]
        ticks = sum(map(int, rest.split()[11:13]))
        kind = next(kind for pattern, kind in _THREADS if re.match(pattern, name))
        found[kind] += ticks / _TICKS
    rest = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    found["threads that have ended"] = sum(map(int, rest[11:13])) / _TICKS - sum(found.values())
    found["children (Python workers)"] = sum(map(int, rest[13:15])) / _TICKS
    return dict(found)


def _peak(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 2**20  # type: ignore[index]


if __name__ == "__main__":
    command(sys.argv[1:])
