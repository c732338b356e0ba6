"""What each vehicle did on each day, and how far from its depot it was.

Sums are taken of whole millimetres, microseconds and millionths, so that they are the same in any
order of the rows.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from strata.feeds.fleet.fixes import is_jump
from strata.feeds.fleet.geodesy import geodesic
from strata.feeds.fleet.params import UTC, Params
from strata.feeds.fleet.values import (
    VEHICLE_DAY,
    add_vehicle_day,
    of_vehicle_and_day,
    whole_units,
)

MOVING_KMH = 3.0
"""A vehicle whose layout tells no status moves from this speed on: less is receivers' noise."""
REFUEL_PCT = 5.0
"""A rise of the fuel level by less is the tank's swashing."""

_KEY = ("vehicle_id", "day_date")


def is_moving() -> Column:
    """Whether a fix moves: by its status, else by its speed."""
    by_speed = F.col("speed_kmh") >= MOVING_KMH
    return F.coalesce(F.col("engine_status") == "moving", by_speed)


def add_day_steps(fixes: DataFrame, params: Params) -> DataFrame:
    """Steps within `day_date`, where that is not the UTC day by which silver has them."""
    if params.day_zone == UTC:
        return fixes
    day = of_vehicle_and_day("day_date").orderBy("fixed_at")
    told = F.lag(F.struct("fixed_at", "lon_deg", "lat_deg", "fuel_level_pct")).over(day)
    before = add_vehicle_day(fixes, "day_date").withColumn("_before", told)
    is_missing = F.col("previous_s").isNull() & F.col("_before").isNotNull()
    ends = before.withColumns(
        {
            "_from_lon": F.when(is_missing, F.col("_before.lon_deg")),
            "_from_lat": F.col("_before.lat_deg"),
        }
    ).withColumn("_step", geodesic("_from_lon", "_from_lat", "lon_deg", "lat_deg"))
    seconds = (F.unix_micros("fixed_at") - F.unix_micros("_before.fixed_at")) / 1e6
    metres = F.coalesce("previous_m", "_step.distance_m")
    fuel = F.col("fuel_level_pct") - F.col("_before.fuel_level_pct")
    has_step, none = F.col("_before").isNotNull(), F.lit(None)
    # A step of the UTC day that crosses the local midnight belongs to neither local day.
    return ends.withColumns(
        {
            "previous_s": F.when(has_step, seconds),
            "previous_m": F.when(has_step, metres),
            "fuel_change_pct": F.when(has_step, fuel).otherwise(none),
            "is_jump": F.when(has_step, is_jump(metres, seconds, F.col("max_speed_kmh"))),
        }
    ).drop("_before", "_from_lon", "_from_lat", "_step", VEHICLE_DAY)


def _total(value: Column, unit: float) -> Column:
    """The sum of a value in whole units, as a bigint; 0 of nothing."""
    return F.coalesce(F.sum(whole_units(value, unit)), F.lit(0).cast("bigint"))


def fleet_vehicle_days(fixes: DataFrame, *, params: Params) -> DataFrame:
    """One row per vehicle and day."""
    seconds, metres = F.col("previous_s"), F.col("previous_m")
    is_gap = seconds > params.gap_minutes * 60
    driven = F.when(~F.col("is_jump"), metres)
    change = F.col("fuel_change_pct")
    is_refuel = change >= REFUEL_PCT
    summed = (
        add_day_steps(fixes, params)
        .groupBy(*_KEY)
        .agg(
            F.count(F.lit(1)).alias("fixes"),
            F.min("fixed_at").alias("first_at"),
            F.max("fixed_at").alias("last_at"),
            _total(driven, 1e3).alias("_mm"),
            _total(F.when(is_gap, driven), 1e3).alias("_gap_mm"),
            _total(F.when(~is_gap & is_moving(), seconds), 1e6).alias("_moving_us"),
            _total(F.when(~is_gap & ~is_moving(), seconds), 1e6).alias("_idle_us"),
            _total(F.when(is_gap, seconds), 1e6).alias("_gap_us"),
            F.count_if(is_gap).alias("gaps"),
            F.count_if("is_jump").alias("jumps"),
            F.max("speed_kmh").alias("top_speed_kmh"),
            F.count("fuel_level_pct").alias("_fuels"),
            _total(F.when(change < 0, -change), 1e6).alias("_used"),
            _total(F.when(is_refuel, change), 1e6).alias("_refuelled"),
            F.count_if(is_refuel).alias("refuels"),
            F.count(F.lit(1)).alias("_rows"),
        )
    )
    has_fuel = F.col("_fuels") > 0
    return summed.withColumns(
        {
            "distance_km": F.col("_mm") / 1e6,
            "gap_distance_km": F.col("_gap_mm") / 1e6,
            "moving_s": F.col("_moving_us") / 1e6,
            "idle_s": F.col("_idle_us") / 1e6,
            "gap_s": F.col("_gap_us") / 1e6,
            "fuel_used_pct": F.when(has_fuel, F.col("_used") / 1e6),
            "refuelled_pct": F.when(has_fuel, F.col("_refuelled") / 1e6),
        }
    )


def fleet_depot_distances(fixes: DataFrame, *, params: Params) -> DataFrame:
    """One row per vehicle and day."""
    away, metres = F.col("previous_s"), F.col("distance_from_depot_m")
    is_away = (metres > params.depot_radius_m) & (away <= params.gap_minutes * 60)
    summed = (
        add_day_steps(fixes, params)
        .groupBy(*_KEY)
        .agg(
            F.count(F.lit(1)).alias("fixes"),
            F.min(metres).alias("least_m"),
            F.max(metres).alias("greatest_m"),
            _total(metres, 1e3).alias("_mm"),
            _total(F.when(is_away, away), 1e6).alias("_us"),
            F.count(F.lit(1)).alias("_rows"),
        )
    )
    mean = F.col("_mm") / F.col("fixes") / 1e3
    return summed.withColumns({"mean_m": mean, "away_s": F.col("_us") / 1e6})
