"""What the fleet feed's contracts and suites do not tell of valid rows, and how rules on its whole
tables break.
"""

from __future__ import annotations

import datetime as dt

from tests.mutants import Row, Whole

_EVENTS, _VEHICLES, _FIXES = "bronze.fleet_events", "silver.fleet_vehicles", "silver.fleet_fixes"
_DAYS, _DEPOTS = "gold.fleet_vehicle_days", "gold.fleet_depot_distances"
_CELLS, _TRIPS = "gold.fleet_cells", "gold.fleet_trips"

_AT, _DAY = dt.datetime(2024, 1, 1, 12), dt.date(2024, 1, 1)
_OPEN = dt.date(9999, 12, 31)
_VEHICLE: Row = {
    "vehicle_id": "v1",
    "valid_from": _DAY,
    "valid_to": _OPEN,
    "is_current": True,
    "max_speed_kmh": 100.0,
}
_FIX: Row = {
    "vehicle_id": "v1",
    "fixed_at": _AT,
    "latest_at": dt.datetime(2024, 1, 3),
    "speed_kmh": 36.0,
    "max_speed_kmh": 100.0,
    "previous_s": 60.0,
    "previous_m": 600.0,
    "is_jump": False,
    "engine_status": "moving",
    "versions": 1,
}
_EVENT: Row = {"vehicle_id": "v1"}
_SOURCES = {_EVENTS: [_EVENT], _VEHICLES: [_VEHICLE]}
_HELD = {_FIXES: [_FIX]}
_VEHICLE_DAY: Row = {"vehicle_id": "v1", "day_date": _DAY, "fixes": 1, "distance_km": 5.0}
_DRIVEN: Row = {**_VEHICLE_DAY, "gap_distance_km": 0.0, "first_at": _AT, "last_at": _AT}
_DEPOT: Row = {"vehicle_id": "v1", "day_date": _DAY, "fixes": 1, "astray_fixes": 0}
_CELL: Row = {"h3_cell": "8808ed3545fffff", "fixes": 1, "vehicles": 1}
_TRIP: Row = {
    "vehicle_id": "v1",
    "day_date": _DAY,
    "started_at": _AT,
    "ended_at": dt.datetime(2024, 1, 1, 13),
    "distance_km": 4.0,
}
_DAYS_HELD = {_DAYS: [_VEHICLE_DAY]}
_ADD_UP = "the days' fixes must add up to the fixes"


def _steps(metres: float) -> list[Row]:
    """A hundred steps of a minute at 36 km/h, so long as told."""
    return [
        {**_FIX, "fixed_at": _AT + dt.timedelta(minutes=n), "previous_m": metres}
        for n in range(100)
    ]


VALID = {
    _VEHICLES: (_VEHICLE,),
    _FIXES: (_FIX,),
    _DAYS: (_DRIVEN,),
    _DEPOTS: (_DEPOT,),
    _CELLS: (_CELL,),
    _TRIPS: (_TRIP,),
}
VIEWS = {
    _FIXES: _SOURCES,
    _DAYS: _HELD,
    _DEPOTS: _HELD,
    _CELLS: _HELD,
    _TRIPS: _DAYS_HELD,
}
WHOLE = {
    (_VEHICLES, "a vehicle must have one period from a date"): Whole(
        [_VEHICLE, {**_VEHICLE, "valid_to": _DAY, "is_current": False}]
    ),
    (_FIXES, "an idle vehicle should not drive faster than 5 km/h"): Whole(
        [{**_FIX, "engine_status": "idle", "speed_kmh": 6.0}], _SOURCES
    ),
    (_VEHICLES, "the periods of a vehicle must not overlap"): Whole(
        [
            {**_VEHICLE, "valid_to": dt.date(2024, 3, 1), "is_current": False},
            {**_VEHICLE, "valid_from": dt.date(2024, 2, 1)},
        ]
    ),
    (_VEHICLES, "a vehicle must have one current period"): Whole(
        [{**_VEHICLE, "is_current": False}]
    ),
    (_FIXES, "half of the instants that records of known vehicles tell must give a fix"): Whole(
        [_FIX],
        {_EVENTS: [{**_EVENT, "timestamp": str(n)} for n in range(3)], _VEHICLES: [_VEHICLE]},
    ),
    (
        _FIXES,
        "the speeds of a file should agree with its distances over time: another factor tells a "
        "wrong unit",
    ): Whole(_steps(600 / 2.25), _SOURCES),
    (_DAYS, "a vehicle must have one row a day"): Whole([_DRIVEN, _DRIVEN], {_FIXES: [_FIX, _FIX]}),
    (_DAYS, _ADD_UP): Whole([{**_DRIVEN, "fixes": 2}], _HELD),
    (_DEPOTS, "a vehicle must have one row a day"): Whole([_DEPOT, _DEPOT], {_FIXES: [_FIX, _FIX]}),
    (_DEPOTS, _ADD_UP): Whole([{**_DEPOT, "fixes": 2}], _HELD),
    (_CELLS, "a cell must have one row an hour"): Whole([_CELL, _CELL], {_FIXES: [_FIX, _FIX]}),
    (_CELLS, "the cells' fixes must add up to the fixes"): Whole([{**_CELL, "fixes": 2}], _HELD),
    (_TRIPS, "a vehicle must have one trip from an instant"): Whole(
        [{**_TRIP, "distance_km": 2.0}, {**_TRIP, "distance_km": 2.0}], _DAYS_HELD
    ),
    (_TRIPS, "the vehicles' days must hold at least what their trips drove"): Whole(
        [{**_TRIP, "distance_km": 5.01}], _DAYS_HELD
    ),
}
