"""What the launches feed's contracts and suites do not tell of valid rows, and how rules on its
whole tables break.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from tests.mutants import Whole

_FLIGHTS, _CORE_FLIGHTS = "silver.launches_flights", "silver.launches_core_flights"
_REUSE, _TURNAROUNDS = "gold.launches_core_reuse", "gold.launches_core_turnarounds"
_YEARS, _LANDINGS = "gold.launches_turnaround_years", "gold.launches_landing_years"


def _counted(flights: int) -> dict[str, list[dict[str, Any]]]:
    """silver.launches_core_flights with so many flights that count, of core x1."""
    return {
        _CORE_FLIGHTS: [
            {
                "flight_id": f"f{n}",
                "core_id": "x1",
                "reuse_rule": "counted",
                "launch_at": dt.datetime(2020, 1, 1 + n, tzinfo=dt.timezone.utc),
            }
            for n in range(flights)
        ]
    }


_CORE = {
    "core_id": "x1",
    "flights": 1,
    "reuse_count": 0,
    "coarse_flights": 0,
    "repeated_flights": 0,
}
_REUSED = {
    "core_id": "x1",
    "reuse_number": 1,
    "turnaround_rule": "measured",
    "least_turnaround_days": 0.0,
    "turnaround_days": 1.0,
}
_YEAR = {
    "core_flights": 1,
    "landing_attempts": 1,
    "landings": 1,
    "failed_landings": 0,
    "untold_landings": 0,
    "landing_success_share": 1.0,
}

_LANDED = {"unknown_members": None, "core_id": "x1", "is_upcoming": False, "is_landed": False, "is_landing_attempted": True, "is_source_reused": True, "source_flight": 2}  # fmt: skip
VALID = {
    _CORE_FLIGHTS: (_LANDED,),
    _FLIGHTS: ({"is_upcoming": False, "is_success": True, "date_difference_s": 0},),
    _REUSE: (_CORE,),
    _TURNAROUNDS: (_REUSED,),
    _YEARS: ({}, {"min_turnaround_days": None, "max_turnaround_days": None}),
    _LANDINGS: (_YEAR,),
}
# Less than nothing is less than a day, too.
VIEWS = {_REUSE: _counted(1), _TURNAROUNDS: _counted(2)}
WHOLE = {
    (_FLIGHTS, "an upcoming flight should not tell whether it succeeded"): Whole([
        {"flight_id": "a", "source": "spacex", "date_precision": "hour", "date_difference_s": 0, "is_upcoming": True, "is_success": False},
    ]),
    (_CORE_FLIGHTS, "a flight that was flown should name its cores: without that it counts in no reuse"): Whole([
        {**_LANDED, "core_id": None, "is_upcoming": False},
    ]),
    (_CORE_FLIGHTS, "a landing that succeeded should have been attempted"): Whole([
        {**_LANDED, "is_landed": True, "is_landing_attempted": False},
    ]),
    (_CORE_FLIGHTS, "a core should be reused on its second flight and later, and not on its first"): Whole([
        {**_LANDED, "is_source_reused": True, "source_flight": 1},
    ]),
    (_FLIGHTS, "flights must come by one kind of ids: those of layout v3 cannot be matched with those "
"of v4 and v5, and each flight would "
     "count twice"): Whole([
        {"flight_id": "a", "source": "spacex", "date_precision": "hour", "date_difference_s": 0, "is_upcoming": False},
        {"flight_id": "v3:1", "source": "spacex_v3", "date_precision": "hour", "date_difference_s": 0, "is_upcoming": False},
    ]),
    (_REUSE, "a core must have one row"): Whole([_CORE, _CORE], _counted(2)),
    (_REUSE, "the cores' flights must add up to the flown flights"): Whole([_CORE], _counted(2)),
    (_TURNAROUNDS, "a reuse must have one row"): Whole([_REUSED, _REUSED], _counted(3)),
    (_TURNAROUNDS, "a core must have as many rows as flown flights at different instants, less one"): Whole([_REUSED], _counted(1)),
    (_LANDINGS, "attempts must be landings, failures and untold ones"): Whole([{**_YEAR, "landings": 0}]),
}  # fmt: skip
