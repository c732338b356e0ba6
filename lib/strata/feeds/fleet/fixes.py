"""Fixes: typed, judged by their vehicle, each vehicle and instant once, each with its step.

Which records are sound is told by the suite of `silver.fleet_fixes`; `_keeps` says the same
again, for a record that is not sound must neither supersede another nor end a step. A file of
records with their verdicts holds the two together.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from strata.feeds.fleet import tracks
from strata.feeds.fleet.params import OF_VEHICLE, UTC, Params
from strata.feeds.fleet.texts import add_values
from strata.feeds.fleet.tracks import STANDS, add_tracks
from strata.feeds.fleet.values import INSTANT_TEXT_SQL, instant_of_fix, kmh_of_speed
from strata.kit import geo
from strata.kit.history import REPEATED, SUPERSEDED, conflict_of
from strata.kit.values import empty_to_null

FOLDS = (SUPERSEDED, REPEATED)

OF_VEHICLES = ("max_speed_kmh", "depot_lat_deg", "depot_lon_deg", "time_zone")
"""What a fix takes from its vehicle."""
STATUSES = ("moving", "idle")

JUMP_FACTOR, JUMP_NOISE_M = 1.5, 100.0
"""A step is a jump if the vehicle had to be faster than so many times its own maximum, beyond so
many metres that receivers are wrong by among buildings."""

CONFLICT = conflict_of("vehicle and instant")


def add_fix_date(events: DataFrame) -> DataFrame:
    """`fix_date` as `silver.fleet_fixes` has it; null where the timestamp cannot be read."""
    return events.withColumn("fix_date", instant_of_fix().cast("date"))


def fleet_fixes(events: DataFrame, vehicles: DataFrame, *, params: Params) -> DataFrame:
    """One row per record of a fix, of which one per vehicle and instant stands.

    A later delivery supersedes an earlier one. Of one delivery equal records are one, and records
    that differ are rejected. The step is the one from the vehicle's fix before on the UTC day.
    """
    # A fleet's vehicles are few beside their fixes: with them broadcast no fix is moved for it.
    placed = _typed(events, params).join(F.broadcast(vehicles), on="vehicle_id", how="left")
    judged = placed.withColumn("keeps", _keeps())
    needed = judged if params.day_zone == OF_VEHICLE else judged.drop("time_zone")
    return _add_verdict(_add_places(add_tracks(needed), params))


# --- values --------------------------------------------------------------------------------------


def _typed(events: DataFrame, params: Params) -> DataFrame:
    told = events.select(
        empty_to_null("vehicle_id").alias("vehicle_id"),
        F.expr(INSTANT_TEXT_SQL).alias("fixed_at"),
        F.col("lat").alias("_lat"),
        F.col("lon").alias("lon_deg"),
        F.col("speed").alias("_speed"),
        kmh_of_speed().alias("_kmh"),
        _status().alias("engine_status"),
        F.col("fuel_level").alias("_fuel"),
        F.col("statuses").isNotNull().alias("_tells_fuel"),
        _latest_at(params).alias("latest_at"),
        F.col("_delivery_date").alias("_order"),
        "_file_sha256",
        "_record_number",
    )
    read = add_values(told, ("_lat", "lon_deg", "_speed", "_fuel"), "fixed_at")
    # Receivers write 0, 0 for no position.
    is_nowhere = F.coalesce((F.col("_lat") == 0) & (F.col("lon_deg") == 0), F.lit(False))
    # NaN where it is no number, null where the layout tells none.
    fuel = F.when(F.col("_tells_fuel"), F.coalesce("_fuel", F.lit(float("nan"))))
    return read.withColumns(
        {
            "lat_deg": F.when(~is_nowhere, F.col("_lat")),
            "speed_kmh": F.col("_speed") * F.col("_kmh"),
            "fuel_level_pct": fuel,
            "fix_date": F.to_date("fixed_at"),
        }
    ).drop("_lat", "_speed", "_kmh", "_fuel", "_tells_fuel")


def _status() -> Column:
    """The state of the engine as the layout knows it, `unknown` where it knows no such; null where
    it tells none at all."""
    told = F.coalesce(F.lower(F.trim("engine_status")), F.lit(""))
    blank = F.lit(" ")
    # Not by an array: to make one for each record takes longer than to look into the text.
    is_named = F.concat(blank, "statuses", blank).contains(F.concat(blank, told, blank))
    is_known = is_named & ~told.contains(" ")
    return F.when(F.col("statuses").isNotNull(), F.when(is_known, told).otherwise(F.lit("unknown")))


def _latest_at(params: Params) -> Column:
    """Two days after the delivery's begin: its day may end half a day later in the west. A record
    without a delivery date is bound by the parameter alone. Never the clock."""
    bound = F.lit(params.not_after).cast("timestamp")
    return F.least(bound, F.date_add("_delivery_date", 2).cast("timestamp"))


# --- which are sound -----------------------------------------------------------------------------


def _keeps() -> Column:
    """Whether a record keeps the suite's rules of rows; never null."""
    speed, fuel, status = F.col("speed_kmh"), F.col("fuel_level_pct"), F.col("engine_status")
    keeps = (
        F.col("vehicle_id").isNotNull()
        & F.col("lat_deg").between(-90, 90)
        & F.col("lon_deg").between(-180, 180)
        & speed.between(F.lit(0), F.col("max_speed_kmh"))
        & F.col("fixed_at").isNotNull()
        & (F.col("fixed_at") < F.col("latest_at"))
        & (status.isNull() | status.isin(*STATUSES))
        & (fuel.isNull() | fuel.between(0, 100))
    )
    return F.coalesce(keeps, F.lit(False))


# --- what stands ---------------------------------------------------------------------------------


def _add_places(fixes: DataFrame, params: Params) -> DataFrame:
    """Adds jump, cell and day; all null for a record that does not stand."""
    stands = F.col("outcome") == STANDS
    lon, lat = (F.when(stands, F.col(name)) for name in ("lon_deg", "lat_deg"))
    jumps = is_jump(F.col("previous_m"), F.col("previous_s"), F.col("max_speed_kmh"))
    return fixes.withColumns(
        {
            "is_jump": jumps,
            "h3_cell": geo.h3_cell(lon, lat, params.cell_resolution),
            "day_date": F.when(stands, _day(params)),
        }
    )


def _add_verdict(fixes: DataFrame) -> DataFrame:
    """Adds `_reasons` and `_fold`.

    | delivered  | speed_kmh | gives                                                  |
    | ---------- | --------- | ------------------------------------------------------ |
    | 2026-10-02 | 50        | folded: superseded                                     |
    | 2026-10-03 | 52        | stands: versions 2, superseded_values {"speed_kmh":50…} |
    | 2026-10-03 | 52        | folded: same as another record                         |
    """
    outcome = F.col("outcome")
    fold = F.when(outcome == tracks.SUPERSEDED, SUPERSEDED).when(
        outcome == tracks.REPEATED, REPEATED
    )
    differ = F.when(outcome == tracks.DIFFERS, F.array(F.lit(CONFLICT)))
    none = F.array().cast("array<string>")
    return fixes.withColumns({"_fold": fold, "_reasons": F.coalesce(differ, none)})


def is_jump(metres: Column, seconds: Column, max_speed_kmh: Column) -> Column:
    """Whether no vehicle can have made the step; null where there is no step."""
    return metres > F.lit(JUMP_NOISE_M) + seconds * max_speed_kmh * F.lit(JUMP_FACTOR / 3.6)


def _day(params: Params) -> Column:
    if params.day_zone == UTC:
        return F.col("fix_date")
    own = F.coalesce("time_zone", F.lit(UTC))
    zone = own if params.day_zone == OF_VEHICLE else F.lit(params.day_zone)
    return F.from_utc_timestamp("fixed_at", zone).cast("date")
