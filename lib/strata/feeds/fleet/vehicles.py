"""Vehicles: what was known of each from when to when."""

from __future__ import annotations

import zoneinfo

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from strata.feeds.fleet.values import parse_number, trimmed
from strata.kit.columns import flag, reasons
from strata.kit.history import (
    REPEATED,
    LatestOf,
    PeriodsOf,
    add_periods,
    conflict_of,
    keep_latest,
)
from strata.kit.values import missing
from strata.kit.whole import NONE_WHOLE, Whole

UNCHANGED = "nothing has changed since the vehicle's earlier record"
FOLDS = (REPEATED, UNCHANGED)
NOWHERE = "depot_lat and depot_lon must not both be 0, which stands for no position"

UNDATED = "1900-01-01"
"""`valid_from` of what came without a delivery date: before every dated delivery."""

_STATE = ("max_speed_kmh", "service_region", "depot_lat_deg", "depot_lon_deg", "time_zone")
# Two deliveries of one day differ in nothing that could order them.
_VEHICLE = LatestOf(("vehicle_id", "delivered_on"), _STATE, conflict_of("vehicle"))
_PERIODS = PeriodsOf("vehicle_id", "delivered_on", _STATE, UNCHANGED)


def fleet_vehicles(raw: DataFrame, *, whole: Whole = NONE_WHOLE) -> DataFrame:
    """One row per record of a vehicle, of which those neither rejected nor folded are the periods
    of its history.

    A record tells the whole state of its vehicle from its delivery date on; a period begins where
    that differs from the one before, and ends where a whole delivery lacks the vehicle.
    """
    one_a_day = keep_latest(_typed(raw, whole).withColumn("_order", F.lit(0)), _VEHICLE)
    return add_periods(one_a_day, _PERIODS, whole)


def _typed(raw: DataFrame, whole: Whole) -> DataFrame:
    typed = raw.select(
        "vehicle_id",
        F.coalesce("_delivery_date", F.lit(UNDATED).cast("date")).alias("delivered_on"),
        parse_number("max_speed").alias("max_speed_kmh"),
        trimmed("service_region").alias("service_region"),
        parse_number("depot_lat").alias("depot_lat_deg"),
        parse_number("depot_lon").alias("depot_lon_deg"),
        trimmed("time_zone").alias("time_zone"),
        "_file_sha256",
        "_record_number",
        *whole.mark(),
    )
    known = sorted(zoneinfo.available_timezones())
    is_strange = F.col("time_zone").isNotNull() & ~F.col("time_zone").isin(known)
    is_low = ~(F.col("max_speed_kmh") > 0) | ~(F.col("max_speed_kmh") <= 500)
    lat, lon = F.col("depot_lat_deg"), F.col("depot_lon_deg")
    return typed.withColumn(
        "_reasons",
        reasons(
            # An empty one stays as it is: by it the record is found when its group is made anew.
            flag(F.coalesce("vehicle_id", F.lit("")) == "", "a vehicle must have an id"),
            missing("max_speed_kmh", "max_speed must be a plain decimal number"),
            flag(is_low, "max_speed must be above 0 and at most 500 km/h"),
            missing("depot_lat_deg", "depot_lat must be a plain decimal number"),
            missing("depot_lon_deg", "depot_lon must be a plain decimal number"),
            flag((lat == 0) & (lon == 0), NOWHERE),
            flag(~lat.between(-90, 90), "depot_lat must be in [-90, 90]"),
            flag(~lon.between(-180, 180), "depot_lon must be in [-180, 180]"),
            flag(is_strange, "time_zone must be a name of the IANA database, e.g. America/Chicago"),
        ),
    )
