"""Every aim of speed at its size, in one table: `python -m bench aims [--rounds 3] [--share 1]`.

Each row sets Strata, from files to published tables with its gates, beside another way of the same
work, in turns on this machine, and asserts that both find the same. `--share 0.01` makes every input
a hundredth as long, to try the benchmark itself: the aims are meant for the whole.

Raw files, what each round told and the table so far lie in a folder below `--folder`, named by the
commit and the share. The same command goes on where it was cut off, unless files have been changed that no commit has. At the end only the table stays.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import commerce, fleet, residents, soil
from bench.figures import Figure, machine
from bench.kept import Kept


@dataclass(frozen=True)
class Aim:
    """One row: what Strata took, what it is set beside, and how many times that it may take."""

    work: str
    strata: Figure
    beside: str
    other: Figure
    most: float

    def row(self, share: float) -> str:
        """The row of the table, in Markdown; of a share of the inputs without a verdict."""
        ratio = self.strata.seconds / self.other.seconds
        verdict = "met" if ratio <= self.most else "**missed**"
        verdict = verdict if share == 1 else ""
        return (
            f"| {self.work} | {_seconds(self.strata)} | {self.strata.cpu:.1f} "
            f"| {self.strata.gib:.1f} | {self.beside} | {_seconds(self.other)} "
            f"| {self.other.cpu:.1f} | {self.other.gib:.1f} "
            f"| {self.strata.rounds} | {ratio:.2f} | {self.most:g} | {verdict} |"
        )


@dataclass(frozen=True)
class Work:
    """A benchmark."""

    rounds: int
    """As a rule; of what takes minutes, fewer."""
    run: Callable[[int, float, Kept], Iterable[Aim]]
    """Takes the rounds, the share, and what is kept."""


def _seconds(of: Figure) -> str:
    return f"{of.seconds:.2f}" if of.seconds < 10 else f"{of.seconds:.1f}"


def command(given: Sequence[str]) -> None:
    """Runs the benchmarks one after the other, and prints their table."""
    parser = argparse.ArgumentParser(
        prog="python -m bench aims",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, help="in turns; default: 1 to 3, by the work")
    parser.add_argument("--share", type=float, default=1.0, help="of each input; default: all")
    parser.add_argument("--only", nargs="+", choices=sorted(WORKS), metavar="WORK")
    parser.add_argument("--folder", type=Path, default=_FOLDER, help=f"default: {_FOLDER}")
    asked = parser.parse_args(given)
    name = f"{_state()}-share-{asked.share:g}"
    folder, table = asked.folder / name, asked.folder / f"{name}.md"
    print(f"goes on in {folder}; the table so far: {table}", file=sys.stderr, flush=True)
    found: list[Aim] = []
    for work in asked.only or WORKS:
        begun, rounds = time.monotonic(), asked.rounds or WORKS[work].rounds
        found += WORKS[work].run(rounds, asked.share, Kept(folder, folder / "told"))
        print(f"{work}: {time.monotonic() - begun:.0f} s\n", file=sys.stderr, flush=True)
        table.write_text(_table(found, asked.share), encoding="utf-8")
    shutil.rmtree(folder)
    print(_table(found, asked.share), end="")


_FOLDER = Path(tempfile.gettempdir()) / f"strata-bench-aims-{os.getuid()}"


def _state() -> str:
    """The commit of this code. Where files have been changed since, also this process: what they
    told must not be taken for what others would tell."""
    asked = ("git", "-C", str(Path(__file__).parents[1]), "describe", "--always", "--dirty")
    found = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
    return f"{found}-{os.getpid()}" if found.endswith("-dirty") else found


def _table(found: list[Aim], share: float) -> str:
    head = (
        "| work | Strata, s | CPU s | GiB | beside | s | CPU s | GiB | rounds | ratio | aim | |\n"
        "| --- | ---: | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n"
    )
    rows = "".join(f"{aim.row(share)}\n" for aim in found)
    return f"share {share:g}, medians; {machine()}\n\n{head}{rows}"


def _commerce(rounds: int, share: float, kept: Kept) -> Iterator[Aim]:
    ways = ("strata", commerce.DAY, "plain", "duckdb")
    found = commerce.main(share, rounds, ways, kept)
    full, day = found["strata"], found[commerce.DAY]
    yield Aim("commerce, 26 million rows", full, "plain Spark and Delta", found["plain"], 0.75)
    yield Aim("commerce, 26 million rows", full, "DuckDB", found["duckdb"], 4)
    yield Aim("one more day on that", day, "the full load", full, 0.10)


def _residents(rounds: int, share: float, kept: Kept) -> Iterator[Aim]:
    size = int(1_700_000 * share), int(8_189 * share)
    found = residents.main("5e0df70", *size, rounds, kept)
    work = "residents, 1.7 million postcodes"
    yield Aim(work, found["now"], "commit 5e0df70", found["before"], 0.3)


def _fleet(rounds: int, share: float, kept: Kept) -> Iterator[Aim]:
    size, ways = int(1_000_000 * share), ("strata", "plain", "duckdb")
    found = fleet.compare([size], rounds, ways, "4g", kept)[size]
    work = "fleet, a million records"
    yield Aim(work, found["strata"], "plain Spark and Delta", found["plain"], 0.8)
    yield Aim(work, found["strata"], "DuckDB", found["duckdb"], 4)


def _join(rounds: int, share: float, kept: Kept) -> Iterator[Aim]:
    work, ways = "the country of a million points", ("strata", "sedona", "sedonadb")
    found = soil.main("join", int(1_000_000 * share), rounds, ways, kept)
    yield Aim(work, found["strata"], "plain Sedona", found["sedona"], 0.5)
    yield Aim(work, found["strata"], "SedonaDB", found["sedonadb"], 0.5)


def _soil(rounds: int, share: float, kept: Kept) -> Iterator[Aim]:
    found = soil.main("feed", int(200_000 * share), rounds, ("strata", "plain"), kept)
    beside = "plain Spark, Sedona and Delta"
    yield Aim("soil, 200,000 points", found["strata"], beside, found["plain"], 1)


WORKS = {
    "fleet": Work(3, _fleet),
    "join": Work(3, _join),
    "soil": Work(2, _soil),
    "residents": Work(2, _residents),
    "commerce": Work(1, _commerce),
}
"""The shortest come first."""
