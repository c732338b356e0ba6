"""Trips: from where a vehicle moves until it stands."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from strata.feeds.fleet.days import add_day_steps, is_moving
from strata.feeds.fleet.params import Params
from strata.feeds.fleet.values import VEHICLE_DAY, add_vehicle_day, of_vehicle_and_day

STOOD = "the vehicle stood"
SINGLE = "a single moving fix is no trip"
FOLDS = (STOOD, SINGLE)


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
    day = of_vehicle_and_day("day_date").orderBy("fixed_at")
    so_far = day.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    before = day.rowsBetween(Window.unboundedPreceding, -1)
    driven = F.when(~F.col("is_jump"), F.round(F.col("previous_m") * 1e3).cast("bigint"))
    dated = add_vehicle_day(add_day_steps(fixes, params), "day_date")
    marked = dated.withColumn("_moves", is_moving())
    moved_at = F.last(F.when(F.col("_moves"), F.col("fixed_at")), ignorenulls=True).over(before)
    timed = marked.withColumns(
        {
            "_mm": F.coalesce(F.sum(driven).over(so_far), F.lit(0).cast("bigint")),
            "_stood_us": F.unix_micros("fixed_at") - F.unix_micros(moved_at),
        }
    )
    is_rest = F.col("_stood_us").isNull() | (F.col("_stood_us") > params.stop_minutes * 60_000_000)
    number = F.count_if(F.col("_moves") & is_rest).over(so_far)
    numbered = timed.withColumn("trip_number", F.when(F.col("_moves"), number.cast("int")))
    place = F.struct("fixed_at", "lat_deg", "lon_deg", "_mm")
    summed = numbered.groupBy(VEHICLE_DAY, "vehicle_id", "day_date", "trip_number").agg(
        F.min(place).alias("_start"), F.max(place).alias("_end"), F.count(F.lit(1)).alias("_rows")
    )
    return summed.select(
        "vehicle_id",
        "day_date",
        "trip_number",
        F.col("_start.fixed_at").alias("started_at"),
        F.col("_end.fixed_at").alias("ended_at"),
        F.col("_rows").alias("moving_fixes"),
        ((F.unix_micros("_end.fixed_at") - F.unix_micros("_start.fixed_at")) / 1e6).alias(
            "duration_s"
        ),
        ((F.col("_end._mm") - F.col("_start._mm")) / 1e6).alias("distance_km"),
        *[F.col(f"_start.{name}").alias(f"start_{name}") for name in ("lat_deg", "lon_deg")],
        *[F.col(f"_end.{name}").alias(f"end_{name}") for name in ("lat_deg", "lon_deg")],
        "_rows",
        F.when(F.col("trip_number").isNull(), STOOD)
        .when(F.col("_rows") < 2, SINGLE)
        .alias("_fold"),
    )
