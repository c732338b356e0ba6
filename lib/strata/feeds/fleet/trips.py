"""Trips: from where a vehicle moves until it stands."""

from __future__ import annotations

from dataclasses import asdict

from pyspark.sql import DataFrame

from strata.feeds.fleet.days import MOVES, add_day_steps, plain_sums
from strata.feeds.fleet.params import Params
from strata.feeds.fleet.values import whole
from strata.kit.plain import by_query, with_params

STOOD = "the vehicle stood"
SINGLE = "a single moving fix is no trip"
FOLDS = (STOOD, SINGLE)

_DAY = "PARTITION BY vehicle_id, day_date ORDER BY fixed_at"
_TRIPS = f"""
WITH steps AS (
    SELECT vehicle_id, day_date, fixed_at, lat_deg, lon_deg,
        {MOVES} AS moves,
        CASE WHEN NOT is_jump THEN {whole("previous_m", 3)} ELSE 0 END AS mm,
        {whole("coalesce(previous_s, 0e0)", 6)} AS us
    FROM {{fleet_fixes}}
), since AS (
    SELECT vehicle_id, day_date, fixed_at, lat_deg, lon_deg, moves,
        sum(mm) OVER ({_DAY}) AS mm, sum(us) OVER ({_DAY}) AS us
    FROM steps
), moved AS (
    SELECT *, us - max(CASE WHEN moves THEN us END)
        OVER ({_DAY} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS stood_us
    FROM since
), numbered AS (
    SELECT *, CASE WHEN moves THEN sum(
        CASE WHEN NOT moves OR stood_us <= CAST({{stop_minutes}} AS BIGINT) * 60000000
            THEN 0 ELSE 1 END
    ) OVER ({_DAY}) END AS trip_number
    FROM moved
), found AS (
    SELECT vehicle_id, day_date, CAST(trip_number AS INT) AS trip_number, moves,
        min(fixed_at) AS started_at, max(fixed_at) AS ended_at, count(*) AS moving_fixes,
        (max(us) - min(us)) / 1e6 AS duration_s, (max(mm) - min(mm)) / 1e6 AS distance_km,
        min_by(lat_deg, fixed_at) AS start_lat_deg, min_by(lon_deg, fixed_at) AS start_lon_deg,
        max_by(lat_deg, fixed_at) AS end_lat_deg, max_by(lon_deg, fixed_at) AS end_lon_deg
    FROM numbered GROUP BY vehicle_id, day_date, trip_number, moves
)
SELECT vehicle_id, day_date, trip_number, started_at, ended_at, moving_fixes, duration_s,
    distance_km, start_lat_deg, start_lon_deg, end_lat_deg, end_lon_deg, moving_fixes AS _rows,
    CASE WHEN NOT moves THEN '{STOOD}' WHEN moving_fixes < 2 THEN '{SINGLE}' END AS _fold
FROM found
"""
"""The fixes of a day that belong to no trip are one row, whose values tell nothing."""
PLAIN_TRIPS = plain_sums(
    _TRIPS,
    *("fixed_at", "lat_deg", "lon_deg", "engine_status", "speed_kmh", "is_jump"),
    *("previous_m", "previous_s"),
)


def fleet_trips(fixes: DataFrame, *, params: Params) -> DataFrame:
    """One row per trip: moving fixes of a vehicle and day of which none is later than the one
    before by more than `stop_minutes`.

    | fix                   | belongs to                      |
    | --------------------- | ------------------------------- |
    | 06:00 moving          | trip 1                          |
    | 06:05 idle            | none; its step counts in trip 1 |
    | 06:09 moving          | trip 1, which ends here         |
    | 06:20 moving, a last  | none: a trip has two            |
    """
    query = with_params(_TRIPS, asdict(params))
    return by_query(query, fleet_fixes=add_day_steps(fixes, params))
