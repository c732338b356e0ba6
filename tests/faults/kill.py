"""Kill a run, run it again, and compare with a run that nobody disturbed.

A kill is told as a line, which also replays it:

- `point:commit.after@gold.toy_days#1`: at a named point of the engine (see `strata.failpoint`);
- `log:torn@silver.toy_sales#1`: at the nth commit of a table: before, after, with half of its log
  entry written, or staged and not yet in its place (see `tests.faults.door`);
- `file:gold/toy_days/*.parquet`: as soon as a new file of that pattern appears;
- `image:` before one of the first two: the run goes on from what a kill would have left there
  (`tests.faults.images`).
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from pyspark.sql import SparkSession
from strata import failpoint
from strata.declare.feed import load_feed
from strata.lake import commit
from strata.lake.versions import Warehouse
from strata.ledger import publication as ledger
from strata.run.options import Options
from strata.run.plan import make_plan
from strata.run.run import Report, run_feed

from tests.conftest import SETTINGS, TOY
from tests.faults import images
from tests.faults.cases import CASES, Case
from tests.faults.oracle import Content, Reader, assert_conserved, published

MANY_CHECKPOINTS = {"delta.checkpointInterval": "2"}
"""Tables made so have some for kills to find."""
SCENARIOS = ("first", "next", "full")
"""The first run; a run with a second delivery on what a first one published; and with `--full`
besides.
"""


def run_here(
    spark: SparkSession, feed: str, raw: Path, warehouse: Warehouse, **options: Any
) -> Report:
    """A run in this process's session."""
    loaded = load_feed(feed)
    chosen = Options(str(raw), **options)
    plan = make_plan(loaded, loaded.default_params(), warehouse, chosen)
    return run_feed(spark, warehouse, plan, chosen, lambda _: None)


@dataclass
class Stage:
    """What an undisturbed feed gives, and the folders to start a disturbed run from."""

    case: Case
    root: Path
    expected: dict[int, Content] = field(default_factory=dict)
    """What each publication shows."""
    points: dict[str, list[str]] = field(default_factory=dict)
    """The points that a run reaches, by scenario."""

    @property
    def raw(self) -> dict[str, Path]:
        return {"first": self.root / "raw1", "next": self.root / "raw2", "full": self.root / "raw2"}

    def prepare(self, spark: SparkSession, scenarios: Sequence[str] = SCENARIOS) -> Stage:
        first, second = self.case.halves()
        self.case.deliver(self.raw["first"], first)
        self.case.deliver(self.raw["next"], [*first, *second])
        feed, log = self.case.feed, self.root / "points.log"
        usual = dict(commit.PROPERTIES)
        commit.PROPERTIES.update(MANY_CHECKPOINTS)
        try:
            for scenario in scenarios:
                number = 1 if scenario == "first" else 2
                warehouse = self.start(scenario, self.root / f"undisturbed-{scenario}")
                failpoint.armed = failpoint.Failpoint("", None, 1, "kill", str(log))
                run_here(spark, feed, self.raw[scenario], warehouse, full=scenario == "full")
                failpoint.armed = None
                self.points[scenario] = [
                    line.removeprefix("reached ") for line in log.read_text().splitlines()
                ]
                log.unlink()
                content = published(warehouse, feed)
                assert self.expected.setdefault(number, content) == content, (
                    "--full gives other tables than the increment"
                )
                assert_conserved(warehouse, feed)
        finally:
            failpoint.armed = None
            commit.PROPERTIES.update(usual)
        return self

    def start(self, scenario: str, folder: Path) -> Warehouse:
        """The warehouse as the scenario finds it."""
        if scenario != "first":
            shutil.copytree(self.root / "undisturbed-first", folder)
        return Warehouse(str(folder))

    def kills(self, scenario: str) -> list[str]:
        """Every kill that this harness knows for the scenario."""
        told: list[str] = []
        seen: dict[str, int] = {}
        for point in self.points[scenario]:
            seen[point] = seen.get(point, 0) + 1
            told.append(f"point:{point}#{seen[point]}")
        points = [p for p in self.points[scenario] if p.startswith("commit.before")]
        names = list(dict.fromkeys(point.split("@")[1] for point in points))
        for table in (*names, f"ops.publications/{self.case.feed}"):
            told += [f"log:{how}@{table}#1" for how in ("before", "after", "torn", "staged")]
            told += [f"file:{table.replace('.', '/', 1)}/**/*.parquet"]
        written = [name.replace(".", "/", 1) for name in names]
        done, first = self.root / f"undisturbed-{scenario}", self.root / "undisturbed-first"
        for table in written:
            pattern = f"{table}/_delta_log/*.checkpoint.parquet"
            if len(list(done.glob(pattern))) > (
                0 if scenario == "first" else len(list(first.glob(pattern)))
            ):
                told.append(f"file:{pattern}")
        return told

    def written_before(self, scenario: str, kill: str) -> list[str]:
        """The tables that a run had committed when it came to the kill."""
        if kill.startswith("point:"):
            here = kill.removeprefix("point:").rsplit("#", 1)[0]
        elif kill.startswith("log:"):
            here = f"commit.before@{kill.split('@')[1].split('#')[0]}"
        else:
            layer, noun = kill.removeprefix("file:").split("/")[:2]
            here = f"commit.before@{layer}.{noun}"
        points = self.points[scenario]
        before = points[: points.index(here)] if here in points else points
        return [point.split("@")[1] for point in before if point.startswith("commit.after")]


@dataclass
class Child:
    """A process with a Spark of its own, which leads its process group; made, it is ready."""

    scratch: Path
    environment: dict[str, str] = field(default_factory=dict)
    java: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] = field(init=False)

    def __post_init__(self) -> None:
        self.scratch.mkdir(parents=True, exist_ok=True)
        environment = {
            **os.environ,
            "STRATA_PROJECT": str(TOY),
            "PYTHONPATH": os.pathsep.join(
                [str(TOY.parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
            ),
            "SPARK_SUBMIT_OPTS": f"{os.environ['SPARK_SUBMIT_OPTS']} {self.java}",
            "PYTHONFAULTHANDLER": "1",
            **self.environment,
        }
        settings = SETTINGS | {
            "spark.driver.memory": "1g",
            "spark.local.dir": str(self.scratch),
            **self.settings,
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.child", json.dumps(settings), str(self.scratch)],
            env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line == "ready\n":
                return
        raise AssertionError(f"the child did not start: {self.process.communicate()[1][-2000:]}")

    def tell(self, argv: list[str], kill: str = "", log: Path | None = None) -> None:
        kill = "" if kill.startswith("file:") else kill
        line = json.dumps({"argv": argv, "kill": kill, "log": str(log or "")})
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def do(self, argv: list[str], seconds: float = 600) -> None:
        """Does what `argv` says, and waits for the next; an AssertionError where that is no
        success.
        """
        self.tell(argv)
        assert self.process.stdout is not None
        too_long = threading.Timer(seconds, self.kill)
        too_long.start()
        done = next(
            (line for line in self.process.stdout if line.startswith("done ")),
            "killed: too long, or by itself",
        )
        too_long.cancel()
        assert done == "done 0\n", f"{' '.join(argv)}: {done}: {self.end()[1][-2000:]}"

    def end(self, seconds: float = 900) -> tuple[int, str]:
        """Its exit code and what it told; only when its whole group is gone. An AssertionError, with
        the stack of every thread, where it does not end: a busy machine takes minutes for seconds.
        """
        try:
            _, told = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.kill(self.process.pid, signal.SIGABRT)  # Python's fault handler tells the stacks.
            self.process.wait(60)
            self.kill()  # Its JVM, which holds the pipes.
            _, told = self.process.communicate()
            raise AssertionError(f"no end after {seconds} s: {told[-4000:]}") from None
        finally:
            self.kill()
        for _ in range(500):
            try:
                os.killpg(self.process.pid, 0)
            except ProcessLookupError:
                return self.process.returncode, told
            time.sleep(0.02)
        raise AssertionError("the killed group is still there")

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)


def _watch(warehouse: Path, pattern: str, child: Child, log: Path) -> threading.Thread:
    """Kills the child's group when a new file of the pattern appears."""
    before = set(warehouse.glob(pattern))

    def look() -> None:
        while child.process.poll() is None:
            new = set(warehouse.glob(pattern)) - before
            if new:
                child.kill()
                log.write_text(f"fired file:{min(new)}\n")
                return
            time.sleep(0.001)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    return thread


def kill_and_rerun(
    spark: SparkSession,
    stage: Stage,
    scenario: str,
    kills: Sequence[str],
    child: Callable[[], Child],
    folder: Path,
) -> int:
    """Kills one run after the other on one warehouse, then lets a run end; returns how many kills
    fired.

    An AssertionError where what is published is at any time not what an undisturbed run publishes.
    A kill after the publication ends the chain: there is nothing left to run.
    """
    feed, raw = stage.case.feed, stage.raw[scenario]
    warehouse = stage.start(scenario, folder)
    final = 1 if scenario == "first" else 2
    argv = ["run", feed, "--raw", str(raw), "--quiet", *(["--full"] if scenario == "full" else [])]
    again = partial(run_here, spark, feed, raw, warehouse, full=scenario == "full")
    fired = 0
    with Reader(warehouse, feed, stage.expected) as reader:
        for number, kill in enumerate(kills):
            told = f"kill {number + 1}; {replay_line(feed, scenario, kills)}"
            if kill.startswith(images.PREFIX):
                images.crash(warehouse, kill, again, reader.resting, told)
            else:
                kill_once(argv, kill, child(), warehouse, told)
            fired += 1
            between = published(warehouse, feed)
            assert between in (stage.expected[final], stage.expected.get(final - 1, {})), (
                f"a half run is published: {told}"
            )
            if between == stage.expected[final]:
                break
        done = published(warehouse, feed) == stage.expected[final]
        run_here(spark, feed, raw, warehouse, full=scenario == "full" and not done)
        assert published(warehouse, feed) == stage.expected[final], (
            f"the re-run gives other tables: {replay_line(feed, scenario, kills)}"
        )
        assert_conserved(warehouse, feed)
        assert len(ledger.read(warehouse, feed)) == final, (
            f"published more than once: {replay_line(feed, scenario, kills)}"
        )
    reader.assert_never_wrong()
    shutil.rmtree(folder)
    return fired


def kill_once(argv: list[str], kill: str, child: Child, warehouse: Warehouse, told: str) -> None:
    """Lets the child do what `argv` says until the kill; an AssertionError where that never
    fires."""
    log = Path(warehouse.root).with_suffix(".fired")
    log.write_text("")
    if kill.startswith("file:"):
        _watch(Path(warehouse.root), kill.removeprefix("file:"), child, log)
    child.tell([*argv, "--warehouse", warehouse.root], kill, log)
    code, said = child.end()
    proof = [line for line in log.read_text().splitlines() if line.startswith("fired ")]
    assert proof, f"the kill never fired (exit {code}, {said[-500:]}): {told}"
    assert code == -signal.SIGKILL, (
        f"the process was not killed (exit {code}, {said[-500:]}): {told}"
    )


def replay_line(feed: str, scenario: str, kills: Sequence[str]) -> str:
    chain = " ".join(f"--kill '{kill}'" for kill in kills)
    return f"replay: python -m tests.faults.torture --feed {feed} --scenario {scenario} {chain}"


LAST = (
    "publication.after",
    "publication.confirmed",
    "attempt.",
    "lease.released",
    "after@ops.",
    "file:ops/",
)
"""Kills behind the publication: nothing is left to do after them."""


def chains(
    stage: Stage,
    kills: int,
    seed: int,
    scenarios: Sequence[str] = SCENARIOS,
    length: int = 3,
    killed: int = 1,
) -> Iterator[tuple[str, list[str]]]:
    """Chains of kills, `kills` in all: anywhere; then, where the first left candidates, while they
    are taken back; then anywhere.

    `killed` of a chain are SIGKILL to a process of its own, those at files first, for of a file
    there is no image; with none, no chain has one.
    """
    chance = Random(f"{seed}/{stage.case.feed}")
    left = kills
    while left > 0:
        scenario = chance.choice(scenarios)
        every = stage.kills(scenario)
        # As many kills inside Delta's commit and at its files as at the engine's own points.
        kind = chance.choice(["point:", "log:", "file:"][: 3 if killed else 2])
        chain = [
            chance.choice([kill for kill in every if kill.startswith(kind) and _is_early(kill)])
        ]
        written = stage.written_before(scenario, chain[0])
        if written:
            chain.append(
                f"point:restore.{chance.choice(['before', 'after'])}@{chance.choice(written)}#1"
            )
        while len(chain) < length:
            is_last, is_full = len(chain) == length - 1, sum(map(_is_at_file, chain)) >= killed
            chain.append(
                chance.choice(
                    [
                        k
                        for k in every
                        if (is_last or _is_early(k)) and not (is_full and _is_at_file(k))
                    ]
                )
            )
        chain = chain[:left]
        left -= len(chain)
        by_chance = sorted(
            range(len(chain)), key=lambda place: (not _is_at_file(chain[place]), chance.random())
        )
        real = by_chance[:killed]
        yield (
            scenario,
            [kill if place in real else images.PREFIX + kill for place, kill in enumerate(chain)],
        )


def _is_early(kill: str) -> bool:
    return not any(part in kill for part in LAST)


def _is_at_file(kill: str) -> bool:
    return kill.startswith("file:")


__all__ = [
    "CASES",
    "Child",
    "Stage",
    "chains",
    "kill_and_rerun",
    "kill_once",
    "replay_line",
    "run_here",
]
