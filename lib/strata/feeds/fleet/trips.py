"""Trips: from where a vehicle moves until it stands."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from strata.feeds.fleet.days import add_day_steps, is_moving
from strata.feeds.fleet.params import Params
from strata.feeds.fleet.stretches import codes, map_tracks, whole_numbers
from strata.feeds.fleet.values import whole_units

STOOD = "the vehicle stood"
SINGLE = "a single moving fix is no trip"
FOLDS = (STOOD, SINGLE)

_ENDS = ("fixed_at", "lat_deg", "lon_deg")
_COLUMNS = (
    "vehicle_id string, day_date date, trip_number int, started_at timestamp, ended_at timestamp, "
    "moving_fixes bigint, duration_s double, distance_km double, start_lat_deg double, "
    "start_lon_deg double, end_lat_deg double, end_lon_deg double, _rows bigint"
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
    driven = F.when(~F.col("is_jump"), whole_units(F.col("previous_m"), 1e3))
    told = add_day_steps(fixes, params).select(
        "vehicle_id",
        "day_date",
        *_ENDS,
        F.coalesce(is_moving(), F.lit(False)).alias("moves"),
        F.coalesce(driven, F.lit(0).cast("bigint")).alias("driven_mm"),
    )
    make = partial(find_trips, stop_us=params.stop_minutes * 60_000_000)
    found = map_tracks(told, F.xxhash64("vehicle_id", "day_date"), make, _COLUMNS)
    fold = F.when(F.col("trip_number").isNull(), STOOD).when(F.col("_rows") < 2, SINGLE)
    return found.withColumn("_fold", fold)


def find_trips(fixes: pa.Table, stop_us: int) -> pa.Table:
    """The trips in fixes that hold whole vehicle days; and of each day a row without a number, for
    the fixes that belong to none."""
    instant, day = whole_numbers(fixes["fixed_at"]), whole_numbers(fixes["day_date"])
    vehicle = codes(fixes["vehicle_id"])
    rows = np.lexsort((instant, day, vehicle))
    begins = np.ones(len(rows), dtype=bool)
    begins[1:] = _changes(vehicle[rows]) | _changes(day[rows])
    day_of = np.cumsum(begins) - 1
    driven = np.cumsum(fixes["driven_mm"].to_numpy()[rows])

    moving = np.flatnonzero(fixes["moves"].to_numpy()[rows])
    starts = np.ones(len(moving), dtype=bool)
    starts[1:] = _changes(day_of[moving]) | (np.diff(instant[rows[moving]]) > stop_us)
    first = np.flatnonzero(starts)
    last = np.append(first, len(moving))[1:] - 1
    start, end, counts = moving[first], moving[last], last - first + 1
    trip_day = day_of[start]
    numbers = np.arange(len(first)) - np.searchsorted(trip_day, trip_day) + 1

    size = len(fixes) and int(day_of[-1]) + 1
    stood = np.bincount(day_of, minlength=size) - np.bincount(day_of[moving], minlength=size)
    rests = np.flatnonzero(stood > 0)
    own = fixes.take(pa.array(rows[start])).select(["vehicle_id", "day_date", *_ENDS])
    ends = fixes.take(pa.array(rows[end])).select(_ENDS)
    trips = pa.table(
        {
            "vehicle_id": own["vehicle_id"],
            "day_date": own["day_date"],
            "trip_number": pa.array(numbers.astype(np.int32)),
            "started_at": own["fixed_at"],
            "ended_at": ends["fixed_at"],
            "moving_fixes": pa.array(counts),
            "duration_s": pa.array((instant[rows[end]] - instant[rows[start]]) / 1e6),
            "distance_km": pa.array((driven[end] - driven[start]) / 1e6),
            "start_lat_deg": own["lat_deg"],
            "start_lon_deg": own["lon_deg"],
            "end_lat_deg": ends["lat_deg"],
            "end_lon_deg": ends["lon_deg"],
            "_rows": pa.array(counts),
        }
    )
    at_rest = fixes.take(pa.array(rows[np.flatnonzero(begins)[rests]]))
    return pa.concat_tables([trips, _no_trips(trips.schema, at_rest, stood[rests])])


def _changes(values: Any) -> Any:
    """Whether each value but the first differs from the one before."""
    return np.not_equal(values[1:], values[:-1])


def _no_trips(schema: pa.Schema, days: pa.Table, counts: Any) -> pa.Table:
    """A row for each day, of so many fixes that belong to no trip."""
    told = {"vehicle_id": days["vehicle_id"], "day_date": days["day_date"], "_rows": counts}
    nothing = {f.name: pa.nulls(len(counts), f.type) for f in schema}
    columns = nothing | {name: pa.array(v) if name == "_rows" else v for name, v in told.items()}
    return pa.table(columns, schema=schema)
