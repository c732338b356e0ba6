"""What each vehicle did on each UTC day, from its fixes: `gold.fleet_vehicle_days` in plain Python.

The twin of `strata.feeds.fleet.days` with its default parameters; a test compares both on the same
raw files. Sums are taken of whole millimetres, microseconds and millionths, as there.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from strata.light import distance
from strata.light.fixes import MOVING_KMH, Fix, Vehicle

GAP_S = 30 * 60
REFUEL_PCT = 5.0
JUMP_FACTOR, JUMP_NOISE_M = 1.5, 100.0
"""As `strata.feeds.fleet.fixes` and `days` have them, which need Spark."""


@dataclass(frozen=True)
class VehicleDay:
    """One vehicle's UTC day."""

    vehicle_id: str
    day_date: dt.date
    fixes: int
    first_at: dt.datetime
    last_at: dt.datetime
    distance_km: float
    gap_distance_km: float
    moving_s: float
    idle_s: float
    gap_s: float
    gaps: int
    jumps: int
    top_speed_kmh: float
    fuel_used_pct: float | None
    refuelled_pct: float | None
    refuels: int


def vehicle_days(fixes: Iterable[Fix], vehicle: Vehicle) -> Iterator[VehicleDay]:
    """The days of one vehicle; its fixes in the order of their instants."""
    for _, of_day in groupby(fixes, key=lambda fix: fix.fixed_at.date()):
        yield _day(list(of_day), vehicle)


@dataclass(frozen=True)
class _Step:
    """What lies between two fixes of a day."""

    seconds: float
    metres: float
    fuel: float | None
    is_jump: bool
    is_moving: bool

    @property
    def is_gap(self) -> bool:
        return self.seconds > GAP_S


def _steps(fixes: Sequence[Fix], vehicle: Vehicle) -> list[_Step]:
    metres = distance.between(fixes)
    found = []
    for (before, fix), metre in zip(pairwise(fixes), metres, strict=True):
        seconds = (fix.fixed_at - before.fixed_at) / dt.timedelta(seconds=1)
        limit = JUMP_NOISE_M + seconds * vehicle.max_speed_kmh * (JUMP_FACTOR / 3.6)
        levels = (fix.fuel_level_pct, before.fuel_level_pct)
        fuel = None if None in levels else levels[0] - levels[1]  # type: ignore[operator]
        found.append(_Step(seconds, metre, fuel, metre > limit, _moves(fix)))
    return found


def _moves(fix: Fix) -> bool:
    if fix.engine_status is None:
        return fix.speed_kmh >= MOVING_KMH
    return fix.engine_status == "moving"


def _day(fixes: Sequence[Fix], vehicle: Vehicle) -> VehicleDay:
    steps = _steps(fixes, vehicle)
    driven = [step for step in steps if not step.is_jump]
    gaps = [step for step in steps if step.is_gap]
    others = [step for step in steps if not step.is_gap]
    changes = [step.fuel for step in steps if step.fuel is not None]
    refuels = [change for change in changes if change >= REFUEL_PCT]
    has_fuel = any(fix.fuel_level_pct is not None for fix in fixes)
    return VehicleDay(
        fixes[0].vehicle_id,
        fixes[0].fixed_at.date(),
        len(fixes),
        fixes[0].fixed_at,
        fixes[-1].fixed_at,
        distance_km=_total((s.metres for s in driven), 1e3) / 1e6,
        gap_distance_km=_total((s.metres for s in driven if s.is_gap), 1e3) / 1e6,
        moving_s=_total((s.seconds for s in others if s.is_moving), 1e6) / 1e6,
        idle_s=_total((s.seconds for s in others if not s.is_moving), 1e6) / 1e6,
        gap_s=_total((s.seconds for s in gaps), 1e6) / 1e6,
        gaps=len(gaps),
        jumps=len(steps) - len(driven),
        top_speed_kmh=max(fix.speed_kmh for fix in fixes),
        fuel_used_pct=_total((-c for c in changes if c < 0), 1e6) / 1e6 if has_fuel else None,
        refuelled_pct=_total(refuels, 1e6) / 1e6 if has_fuel else None,
        refuels=len(refuels),
    )


def _total(values: Iterable[float], unit: float) -> int:
    """The sum of values in whole units, each rounded half up, as Spark rounds."""
    return sum(int(abs(value * unit) + 0.5) * (1 if value >= 0 else -1) for value in values)
