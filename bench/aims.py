"""Every aim of speed at its size, in one table: `python -m bench aims [--rounds 3] [--share 1]`.

Each row sets Strata, from files to published tables with its gates, beside another way of the same
work, in turns on this machine, and asserts that both find the same. `--share 0.01` makes every input
a hundredth as long, to try the benchmark itself: the aims are meant for the whole.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bench import commerce, fleet, residents, soil
from bench.figures import Figure, machine


@dataclass(frozen=True)
class Aim:
    """One row: what Strata took, what it is set beside, and how many times that it may take."""

    work: str
    strata: Figure
    beside: str
    other: Figure
    most: float

    def row(self) -> str:
        """The row of the table, in Markdown."""
        ratio = self.strata.seconds / self.other.seconds
        verdict = "met" if ratio <= self.most else "**missed**"
        return (
            f"| {self.work} | {self.strata.seconds:.1f} | {self.strata.cpu:.1f} "
            f"| {self.strata.gib:.1f} | {self.beside} | {self.other.seconds:.1f} "
            f"| {self.other.cpu:.1f} | {self.other.gib:.1f} "
            f"| {ratio:.2f} | {self.most:g} | {verdict} |"
        )


def command(given: Sequence[str]) -> None:
    """Runs the benchmarks one after the other, then prints their table."""
    parser = argparse.ArgumentParser(
        prog="python -m bench aims",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=3, help="in turns; default: 3")
    parser.add_argument("--share", type=float, default=1.0, help="of each input; default: all")
    parser.add_argument("--only", nargs="+", choices=sorted(_WORKS), metavar="WORK")
    asked = parser.parse_args(given)
    found = [
        aim for work in asked.only or _WORKS for aim in _WORKS[work](asked.rounds, asked.share)
    ]
    print(f"\nmedians of {asked.rounds}, share {asked.share:g}; {machine()}")
    print(
        "| work | Strata, s | CPU s | GiB | beside | s | CPU s | GiB | ratio | aim | |\n"
        "| --- | ---: | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: | --- |"
    )
    print("\n".join(aim.row() for aim in found))


def _commerce(rounds: int, share: float) -> Iterator[Aim]:
    ways = ("strata", "strata one more day", "plain", "duckdb")
    found = commerce.main(share, rounds, ways)
    full, day = found["strata"], found["strata one more day"]
    yield Aim("commerce, 26 million rows", full, "plain Spark and Delta", found["plain"], 0.75)
    yield Aim("commerce, 26 million rows", full, "DuckDB", found["duckdb"], 4)
    yield Aim("one more day on that", day, "the full load", full, 0.10)


def _residents(rounds: int, share: float) -> Iterator[Aim]:
    found = residents.main("5e0df70", int(1_700_000 * share), int(8_189 * share), rounds)
    yield Aim("residents, 1.7 million postcodes", found["now"], "5e0df70", found["before"], 0.3)


def _fleet(rounds: int, share: float) -> Iterator[Aim]:
    size = int(1_000_000 * share)
    found = fleet.compare([size], rounds, ("strata", "plain", "duckdb"), "4g")[size]
    work = "fleet, a million records"
    yield Aim(work, found["strata"], "plain Spark and Delta", found["plain"], 0.8)
    yield Aim(work, found["strata"], "DuckDB", found["duckdb"], 4)


def _soil(rounds: int, share: float) -> Iterator[Aim]:
    work = "the country of a million points"
    found = soil.main("join", int(1_000_000 * share), rounds, ("strata", "sedona", "sedonadb"))
    yield Aim(work, found["strata"], "plain Sedona", found["sedona"], 0.5)
    yield Aim(work, found["strata"], "SedonaDB", found["sedonadb"], 0.5)
    found = soil.main("feed", int(200_000 * share), rounds, ("strata", "plain"))
    beside = "plain Spark, Sedona and Delta"
    yield Aim("soil, 200,000 points", found["strata"], beside, found["plain"], 1)


_WORKS: dict[str, Callable[[int, float], Iterator[Aim]]] = {
    "commerce": _commerce,
    "residents": _residents,
    "fleet": _fleet,
    "soil": _soil,
}
