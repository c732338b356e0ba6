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
        counted = [one.at for one in chain if one.counts]
        wrong = sum(
            one.source_flight not in (None, place) or one.source_reused not in (None, place > 1)
            for place, one in enumerate(chain, 1)
        )
        if counted:
            rows[core] = {
                "flights": len(counted),
                "reuse_count": len(counted) - 1,
                "first_launch_at": counted[0],
                "last_launch_at": counted[-1],
                "coarse_flights": len(chain) - len(counted),
                "source_flights": max(
                    (one.source_flight for one in chain if one.source_flight is not None),
                    default=None,
                ),
                "source_disagreements": wrong,
            }
    return rows


def turnarounds(flown: list[Flown]) -> dict[tuple[str, int], Row]:
    """By core and number of the reuse: what gold.launches_core_turnarounds says. Coarse dates may
    be days only.
    """
    rows = {}
    for core, chain in by_core(flown).items():
        counted = [one for one in chain if one.counts]
        days = [one.at.date() for one in chain if not one.counts and one.precision == "day"]
        assert all(one.counts or one.precision == "day" for one in chain)
        for number, (before, after) in enumerate(itertools.pairwise(counted), 1):
            hidden = any(before.at.date() <= day <= after.at.date() for day in days)
            seconds = Fraction((after.at - before.at) // dt.timedelta(microseconds=1), 1_000_000)
            rows[core, number] = {
                "flight_id": after.flight,
                "launch_at": after.at,
                "previous_flight_id": None if hidden else before.flight,
                "previous_launch_at": None if hidden else before.at,
                "turnaround_rule": "coarse_between" if hidden else "measured",
                "turnaround_days": None if hidden else float(seconds / 86400),
            }
    return rows


def turnaround_years(reuses: dict[tuple[str, int], Row]) -> dict[int, Row]:
    rows = {}
    for year in {row["launch_at"].year for row in reuses.values()}:
        own = [row for row in reuses.values() if row["launch_at"].year == year]
        days = sorted(row["turnaround_days"] for row in own if row["turnaround_days"] is not None)
        rows[year] = {
            "reuses": len(own),
            "turnarounds": len(days),
            "turnarounds_under_50_days": sum(value < 50 for value in days),
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
        if row["turnaround_days"] is not None and row["turnaround_days"] < 50
    }
