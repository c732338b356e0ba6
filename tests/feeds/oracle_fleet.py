"""The fleet feed once more, in plain Python over the raw files; nothing of the library is used.

Written from docs/FLEET.md: record by record, vehicle by vehicle. Geodesics are GeographicLib's own,
cells are those of Uber's own library, days are days of UTC.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import h3
from geographiclib.geodesic import Geodesic

UTC = dt.timezone.utc
GAP_S, STOP_S, DEPOT_M, RESOLUTION = 30 * 60, 10 * 60, 500, 8
Record = dict[str, str]


@dataclass(frozen=True)
class Fix:
    """A sound record."""

    vehicle: str
    at: dt.datetime
    lat: float
    lon: float
    kmh: float
    status: str | None
    fuel: float | None

    @property
    def moves(self) -> bool:
        return self.kmh >= 3 if self.status is None else self.status == "moving"


@dataclass(frozen=True)
class Step:
    """What lies between a fix and the one before on its day."""

    seconds: float
    metres: float
    bearing: float | None
    fuel: float | None
    is_jump: bool


@dataclass
class Found:
    """All that the raw files give."""

    fixes: dict[tuple[str, dt.datetime], Fix] = field(default_factory=dict)
    steps: dict[tuple[str, dt.datetime], Step] = field(default_factory=dict)
    depots_m: dict[tuple[str, dt.datetime], float] = field(default_factory=dict)
    rejected: int = 0
    folded: int = 0


# --- records -------------------------------------------------------------------------------------


def read(raw: Path) -> Found:
    """The feed's raw folder, whose files have no more than one delivery of a vehicle."""
    known: dict[str, dict[str, Any]] = {}
    for path in (raw / "vehicles").rglob("*.json"):
        known |= json.loads(path.read_text())
    return settle(records(raw / "events"), known)


def records(folder: Path) -> Iterator[tuple[Record, dt.date | None]]:
    for path in sorted(folder.rglob("*.csv")):
        delivered = re.search(r"delivery=(\d{4}-\d\d-\d\d)", str(path))
        with path.open(newline="", encoding="utf-8") as lines:
            for row in csv.DictReader(lines):
                yield row, dt.date.fromisoformat(delivered[1]) if delivered else None


def settle(
    told: Iterable[tuple[Record, dt.date | None]], known: dict[str, dict[str, Any]]
) -> Found:
    """One fix of each vehicle and instant; the steps and distances between them."""
    found = Found()
    said: dict[tuple[str, dt.datetime], list[tuple[dt.date, Fix]]] = defaultdict(list)
    for record, delivered in told:
        fix = sound(record, delivered, known.get(record["vehicle_id"]))
        if fix is None:
            found.rejected += 1
        else:
            said[fix.vehicle, fix.at].append((delivered or dt.date.min, fix))
    for key, versions in said.items():
        newest = max(day for day, _ in versions)
        latest = [fix for day, fix in versions if day == newest]
        if len(set(latest)) > 1:
            found.rejected += len(latest)
            found.folded += len(versions) - len(latest)
            continue
        found.fixes[key] = latest[0]
        found.folded += len(versions) - 1
    _measure(found, known)
    return found


def sound(record: Record, delivered: dt.date | None, vehicle: dict[str, Any] | None) -> Fix | None:
    """The record's fix, or None where a rule rejects it."""
    is_bus = "latitude" in record
    lat, lon = (number(record["latitude" if is_bus else "lat"]),
                number(record["longitude" if is_bus else "lon"]))  # fmt: skip
    at = instant(record["timestamp"], "" if is_bus else "+00:00")
    factor = bus_unit(record["timestamp"]) if is_bus else 1.0
    speed = number(record["speed" if is_bus else "speed_kmh"])
    if vehicle is None or lat is None or lon is None or at is None or speed is None or not factor:
        return None
    bound = dt.datetime.combine(delivered, dt.time(), UTC) + dt.timedelta(2) if delivered else None
    kmh = speed * factor
    fuel = None if is_bus else number(record["fuel_level"])
    status = None if is_bus else record["engine_status"].strip(" ").lower()
    keeps = (
        -90 <= lat <= 90
        and -180 <= lon <= 180
        and (lat, lon) != (0, 0)
        and 0 <= kmh <= vehicle["max_speed"]
        and (bound is None or at < bound)
        and (is_bus or (fuel is not None and 0 <= fuel <= 100 and status in ("moving", "idle")))
    )
    return Fix(record["vehicle_id"], at, lat, lon, kmh, status, fuel) if keeps else None


def bus_unit(timestamp: str) -> float | None:
    """km/h in the unit of an Austin bus's speed on that day."""
    day = timestamp[:10]
    return 1.609344 if day <= "2015-09-06" else 3.6 if day >= "2015-12-30" else None


def number(text: str) -> float | None:
    plain = re.fullmatch(
        r"[+-]?(\d{1,15}(\.\d{0,20})?|\.\d{1,20})([eE][+-]?\d\d?)?", text, re.ASCII
    )
    return float(text) + 0.0 if plain else None


def instant(text: str, offset: str) -> dt.datetime | None:
    try:
        read = dt.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    if read.tzinfo is None:
        if not offset:
            return None
        read = dt.datetime.fromisoformat(text + offset)
    return read.astimezone(UTC) if 1980 <= int(text[:4]) < 2100 else None


# --- steps ---------------------------------------------------------------------------------------


def _measure(found: Found, known: dict[str, dict[str, Any]]) -> None:
    for day in by_day(found).values():
        vehicle = known[day[0].vehicle]
        for fix in day:
            depot = line(vehicle["depot_lat"], vehicle["depot_lon"], fix.lat, fix.lon)
            found.depots_m[fix.vehicle, fix.at] = depot["s12"]
        for before, fix in pairwise(day):
            told = line(before.lat, before.lon, fix.lat, fix.lon)
            seconds = (fix.at - before.at).total_seconds()
            most = 100 + 1.5 * vehicle["max_speed"] / 3.6 * seconds
            found.steps[fix.vehicle, fix.at] = Step(
                seconds,
                told["s12"],
                told["azi1"] % 360 if told["s12"] > 0 else None,
                None if fix.fuel is None or before.fuel is None else fix.fuel - before.fuel,
                told["s12"] > most,
            )


def line(lat: float, lon: float, to_lat: float, to_lon: float) -> dict[str, float]:
    return dict(Geodesic.WGS84.Inverse(lat, lon, to_lat, to_lon))


def by_day(found: Found) -> dict[tuple[str, dt.date], list[Fix]]:
    days: dict[tuple[str, dt.date], list[Fix]] = defaultdict(list)
    for fix in sorted(found.fixes.values(), key=lambda fix: (fix.vehicle, fix.at)):
        days[fix.vehicle, fix.at.date()].append(fix)
    return days


# --- gold ----------------------------------------------------------------------------------------


def vehicle_days(found: Found) -> dict[tuple[str, dt.date], dict[str, Any]]:
    """The figures of gold.fleet_vehicle_days; kilometres and seconds as floats."""
    rows = {}
    for key, day in by_day(found).items():
        pairs = [(fix, found.steps[fix.vehicle, fix.at]) for fix in day[1:]]
        changes = [step.fuel for _, step in pairs if step.fuel is not None]
        short = [(fix, step) for fix, step in pairs if step.seconds <= GAP_S]
        gaps = [step for _, step in pairs if step.seconds > GAP_S]
        has_fuel = any(fix.fuel is not None for fix in day)
        rows[key] = {
            "fixes": len(day),
            "first_at": day[0].at,
            "last_at": day[-1].at,
            "distance_km": sum(s.metres for _, s in pairs if not s.is_jump) / 1000,
            "gap_distance_km": sum(s.metres for s in gaps if not s.is_jump) / 1000,
            "moving_s": sum(s.seconds for fix, s in short if fix.moves),
            "idle_s": sum(s.seconds for fix, s in short if not fix.moves),
            "gap_s": sum(s.seconds for s in gaps),
            "gaps": len(gaps),
            "jumps": sum(s.is_jump for _, s in pairs),
            "top_speed_kmh": max(fix.kmh for fix in day),
            "fuel_used_pct": sum(-c for c in changes if c < 0) if has_fuel else None,
            "refuelled_pct": sum(c for c in changes if c >= 5) if has_fuel else None,
            "refuels": sum(c >= 5 for c in changes),
        }
    return rows


def depot_distances(found: Found) -> dict[tuple[str, dt.date], dict[str, Any]]:
    rows = {}
    for key, day in by_day(found).items():
        told = [fix for place, fix in enumerate(day) if not _is_astray(found, day, place)]
        metres = [found.depots_m[fix.vehicle, fix.at] for fix in told]
        steps = [found.steps.get((fix.vehicle, fix.at)) for fix in told]
        away = [s.seconds for s, m in zip(steps, metres, strict=True) if s and m > DEPOT_M]
        rows[key] = {
            "fixes": len(day),
            "astray_fixes": len(day) - len(told),
            "least_m": min(metres, default=None),
            "mean_m": sum(metres) / len(metres) if metres else None,
            "greatest_m": max(metres, default=None),
            "away_s": sum(seconds for seconds in away if seconds <= GAP_S),
        }
    return rows


def _is_astray(found: Found, day: list[Fix], place: int) -> bool:
    """Whether the steps to it and from it, of which there is one at least, are all jumps."""
    touching = [found.steps[f.vehicle, f.at] for f in day[max(1, place) : place + 2]]
    return bool(touching) and all(step.is_jump for step in touching)


def cells(found: Found) -> dict[tuple[str, dt.datetime], dict[str, Any]]:
    seen: dict[tuple[str, dt.datetime], list[Fix]] = defaultdict(list)
    for fix in found.fixes.values():
        hour = fix.at.replace(minute=0, second=0, microsecond=0)
        seen[h3.latlng_to_cell(fix.lat, fix.lon, RESOLUTION), hour].append(fix)
    return {
        key: {
            "fixes": len(fixes),
            "vehicles": len(Counter(fix.vehicle for fix in fixes)),
            "mean_speed_kmh": sum(fix.kmh for fix in fixes) / len(fixes),
        }
        for key, fixes in seen.items()
    }


def trips(found: Found) -> dict[tuple[str, dt.datetime], dict[str, Any]]:
    rows = {}
    for (vehicle, _), day in by_day(found).items():
        for number, trip in enumerate(_trips_of(day), 1):
            if len(trip) < 2:
                continue
            within = [fix for fix in day if trip[0].at < fix.at <= trip[-1].at]
            steps = [found.steps[vehicle, fix.at] for fix in within]
            rows[vehicle, trip[0].at] = {
                "trip_number": number,
                "ended_at": trip[-1].at,
                "moving_fixes": len(trip),
                "duration_s": (trip[-1].at - trip[0].at).total_seconds(),
                "distance_km": sum(s.metres for s in steps if not s.is_jump) / 1000,
                "start_lat_deg": trip[0].lat,
                "end_lon_deg": trip[-1].lon,
            }
    return rows


def _trips_of(day: list[Fix]) -> list[list[Fix]]:
    parts: list[list[Fix]] = []
    for fix in day:
        if fix.moves and parts and (fix.at - parts[-1][-1].at).total_seconds() <= STOP_S:
            parts[-1].append(fix)
        elif fix.moves:
            parts.append([fix])
    return parts
