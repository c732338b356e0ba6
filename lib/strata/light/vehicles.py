"""What is known of each vehicle now, read from its metadata by the rules of
`silver.fleet_vehicles`."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Iterator, Sequence
from typing import Any

from strata.declare.suite import load_suite
from strata.light.fixes import Vehicle, parse_number
from strata.light.rules import row_rules
from strata.light.source import Source

TABLE = "silver.fleet_vehicles"
FIELDS = ("vehicle_id", "max_speed", "service_region", "depot_lat", "depot_lon", "time_zone")
_COLUMNS = ("vehicle_id", "max_speed_kmh", "depot_lat_deg", "depot_lon_deg")

State = tuple[float, float, float, str | None, str | None]
_Days = dict[dt.date, State | None]


def read_vehicles(found: Sequence[Source]) -> dict[str, Vehicle]:
    """The current state of each vehicle: that of its latest delivery whose sound records agree."""
    told: dict[str, _Days] = {}
    for source in found:
        day = source.delivered_on or dt.date.min
        for vehicle, state in _states(source):
            days = told.setdefault(vehicle, {})
            # Records of one day that differ leave it without a state.
            days[day] = state if days.get(day, state) == state else None
    current = {vehicle: _newest(days) for vehicle, days in told.items()}
    return {vehicle: Vehicle(*state[:3]) for vehicle, state in current.items() if state}


def _states(source: Source) -> Iterator[tuple[str, State]]:
    """What each sound record says of its vehicle."""
    rules, zones = row_rules(load_suite(TABLE), _COLUMNS), zoneinfo.available_timezones()
    for batch in source.batches(FIELDS):
        columns = [batch.column(name).to_pylist() for name in (*FIELDS, "_raw_record")]
        for vehicle, speed, region, lat, lon, zone, raw in zip(*columns, strict=True):
            values = (vehicle or None, parse_number(speed), parse_number(lat), parse_number(lon))
            row: dict[str, Any] = dict(zip(_COLUMNS, values, strict=True))
            named = (zone or "").strip(" ") or None
            if raw is None and not rules.broken_by(row) and (named is None or named in zones):
                yield vehicle, (*values[1:], region, named)  # type: ignore[misc]


def _newest(days: _Days) -> State | None:
    """The state of the newest day that has one."""
    agreed = {day: state for day, state in days.items() if state is not None}
    return agreed[max(agreed)] if agreed else None
