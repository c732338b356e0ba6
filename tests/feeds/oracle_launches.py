"""The launches feed's answers by another way: plain Python over the raw file, with nothing of the
library.

It reads one file of layout v5 in which no flight stands twice; a date, or a whole record, that it
cannot read is an error.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import statistics
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True)
class Flown:
    """One core on one flight that has flown."""

    core: str | None
    flight: str
    at: dt.datetime
    precision: str
    source_flight: int | None
    source_reused: bool | None
    attempted: bool | None
    landed: bool | None

    @property
    def counts(self) -> bool:
        return self.core is not None and self.precision == "hour"


def read(path: Path) -> list[Flown]:
    """Every core of every flight that has flown, in order of time."""
    found = []
    for flight in json.loads(path.read_text(encoding="utf-8")):
        if flight["upcoming"]:
            continue
        at = dt.datetime.fromisoformat(flight["date_utc"].replace("Z", "+00:00"))
        for core in flight["cores"]:
            told = (
                core["flight"],
                core["reused"],
                core["landing_attempt"],
                core["landing_success"],
            )
            found.append(Flown(core["core"], flight["id"], at, flight["date_precision"], *told))
    return sorted(found, key=lambda one: (one.at, one.flight))


def by_core(flown: list[Flown]) -> dict[str, list[Flown]]:
    chains: dict[str, list[Flown]] = {}
    for one in flown:
        if one.core is not None:
            chains.setdefault(one.core, []).append(one)
    return chains


def core_reuse(flown: list[Flown]) -> dict[str, Row]:
    """By core: what gold.launches_core_reuse says of flown flights."""
    rows = {}
    for core, chain in by_core(flown).items():
        wrong = sum(
            one.source_flight not in (None, place) or one.source_reused not in (None, place > 1)
            for place, one in enumerate(chain, 1)
        )
        assert len({one.at for one in chain}) == len(chain)
        rows[core] = {
            "flights": len(chain),
            "reuse_count": len(chain) - 1,
            "first_launch_at": chain[0].at,
            "last_launch_at": chain[-1].at,
            "coarse_flights": sum(not one.counts for one in chain),
            "repeated_flights": 0,
            "source_flights": max(
                (one.source_flight for one in chain if one.source_flight is not None),
                default=None,
            ),
            "source_disagreements": wrong,
        }
    return rows


def bounds(one: Flown) -> tuple[dt.datetime, dt.datetime]:
    """The earliest and the latest that it can have flown."""
    assert one.precision in ("hour", "day")
    if one.precision == "hour":
        return one.at, one.at
    midnight = one.at.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight, midnight + dt.timedelta(days=1)


def days(elapsed: dt.timedelta) -> float:
    return float(Fraction(elapsed // dt.timedelta(microseconds=1), 86_400_000_000))


def turnarounds(flown: list[Flown]) -> dict[tuple[str, int], Row]:
    """By core and number of the reuse: what gold.launches_core_turnarounds says. Dates may be
    coarse to the day, but which flight came first must be plain.
    """
    rows = {}
    for core, chain in by_core(flown).items():
        for number, (before, after) in enumerate(itertools.pairwise(chain), 1):
            (from_, until), (next_from, next_until) = bounds(before), bounds(after)
            assert until <= next_from
            rows[core, number] = {
                "flight_id": after.flight,
                "launch_at": after.at,
                "previous_flight_id": before.flight,
                "previous_launch_at": before.at,
                "turnaround_rule": "measured" if before.counts and after.counts else "bounded",
                "least_turnaround_days": days(next_from - until),
                "turnaround_days": days(next_until - from_),
            }
    return rows


def turnaround_years(reuses: dict[tuple[str, int], Row]) -> dict[int, Row]:
    rows = {}
    for year in {row["launch_at"].year for row in reuses.values()}:
        own = [row for row in reuses.values() if row["launch_at"].year == year]
        days = sorted(row["turnaround_days"] for row in own if row["turnaround_rule"] == "measured")
        least = [row["least_turnaround_days"] for row in own if row["turnaround_days"] >= 50]
        rows[year] = {
            "reuses": len(own),
            "turnarounds": len(days),
            "turnarounds_under_50_days": len(own) - len(least),
            "turnarounds_perhaps_under_50_days": sum(value < 50 for value in least),
            "min_turnaround_days": min(days, default=None),
            "median_turnaround_days": statistics.median(days) if days else None,
            "mean_turnaround_days": statistics.fmean(days) if days else None,
            "max_turnaround_days": max(days, default=None),
        }
    return rows


def landing_years(flown: list[Flown]) -> dict[int, Row]:
    rows = {}
    for year in {one.at.year for one in flown}:
        own = [one for one in flown if one.at.year == year]
        outcomes = [one.landed for one in own if one.attempted]
        landed, failed = outcomes.count(True), outcomes.count(False)
        rows[year] = {
            "core_flights": len(own),
            "landing_attempts": len(outcomes),
            "landings": landed,
            "failed_landings": failed,
            "untold_landings": outcomes.count(None),
            "landing_success_share": landed / (landed + failed) if landed + failed else None,
        }
    return rows


def question_1(flown: list[Flown]) -> tuple[int, set[str]]:
    """The most reuses of any core, and the cores that have them."""
    rows = core_reuse(flown)
    most = max(row["reuse_count"] for row in rows.values())
    return most, {core for core, row in rows.items() if row["reuse_count"] == most}


def question_2(flown: list[Flown]) -> set[tuple[str, dt.datetime, dt.datetime, float]]:
    """Core, previous launch, launch and days of each reuse in less than 50 days."""
    return {
        (core, row["previous_launch_at"], row["launch_at"], row["turnaround_days"])
        for (core, _), row in turnarounds(flown).items()
        if row["turnaround_days"] < 50
    }
