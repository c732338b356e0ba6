"""What is known of each vehicle now, read from its metadata by the rules of
`silver.fleet_vehicles`."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Mapping, Sequence
from typing import Any

from strata.declare.suite import load_suite
from strata.light.fixes import Vehicle, parse_number
from strata.light.rules import row_rules
from strata.light.source import Source

TABLE = "silver.fleet_vehicles"
FIELDS = ("vehicle_id", "max_speed", "service_region", "depot_lat", "depot_lon", "time_zone")
_COLUMNS = ("vehicle_id", "max_speed_kmh", "depot_lat_deg", "depot_lon_deg")

State = tuple[Any, ...]


def read_vehicles(found: Sequence[Source]) -> dict[str, Vehicle]:
    """The current state of each vehicle: that of its latest delivery whose sound records agree."""
    rules, zones = row_rules(load_suite(TABLE), _COLUMNS), zoneinfo.available_timezones()
    told: dict[str, tuple[dt.date, State | None]] = {}
    earlier: dict[str, list[tuple[dt.date, State | None]]] = {}
    for source in found:
        day = source.delivered_on or dt.date.min
        for batch in source.batches(FIELDS):
            for record in batch.to_pylist():
                row = _typed(record)
                zone = (record["time_zone"] or "").strip(" ") or None
                if record["_raw_record"] is not None or rules.broken_by(row):
                    continue
                if zone is None or zone in zones:
                    _note(told, earlier, row, day, zone, record["service_region"])
    return {
        vehicle: Vehicle(*state[:3])
        for vehicle, newest in told.items()
        if (state := _agreed([newest, *earlier.get(vehicle, ())])) is not None
    }


def _typed(record: Mapping[str, str | None]) -> dict[str, Any]:
    return {
        "vehicle_id": record["vehicle_id"] or None,
        "max_speed_kmh": parse_number(record["max_speed"]),
        "depot_lat_deg": parse_number(record["depot_lat"]),
        "depot_lon_deg": parse_number(record["depot_lon"]),
    }


def _note(
    told: dict[str, tuple[dt.date, State | None]],
    earlier: dict[str, list[tuple[dt.date, State | None]]],
    row: Mapping[str, Any],
    day: dt.date,
    *rest: str | None,
) -> None:
    """Adds a sound record; a day whose records differ has no state."""
    vehicle = row["vehicle_id"]
    state = (row["max_speed_kmh"], row["depot_lat_deg"], row["depot_lon_deg"], *rest)
    if vehicle not in told:
        told[vehicle] = day, state
        return
    days = [told[vehicle], *earlier.get(vehicle, ())]
    same = [held for held in days if held[0] == day]
    if same:
        days[days.index(same[0])] = day, same[0][1] if same[0][1] == state else None
    else:
        days.append((day, state))
    told[vehicle], *earlier[vehicle] = days


def _agreed(days: Sequence[tuple[dt.date, State | None]]) -> State | None:
    """The state of the newest day that has one."""
    states = [(day, state) for day, state in days if state is not None]
    return max(states, key=lambda held: held[0])[1] if states else None
