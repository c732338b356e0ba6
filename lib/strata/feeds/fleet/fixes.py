"""Fixes: typed, judged by their vehicle, each vehicle and instant once, each with its step.

Which records are sound is told by the suite of `silver.fleet_fixes`; `_keeps` says the same
again, for a record that is not sound must neither supersede another nor end a step. A file of
records with their verdicts holds the two together.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from strata.feeds.fleet.geodesy import step_and_depot
from strata.feeds.fleet.params import OF_VEHICLE, UTC, Params
from strata.feeds.fleet.values import (
    INSTANT_SQL,
    add_vehicle_day,
    instant_of_fix,
    kmh_of_speed,
    of_vehicle_and_day,
    parse_number,
)
from strata.kit import geo
from strata.kit.columns import reasons
from strata.kit.history import (
    REPEATED,
    SUPERSEDED,
    LatestOf,
    conflict_of,
    is_sound,
    keep_latest,
)
from strata.kit.shared import Shared
from strata.kit.values import empty_to_null

FOLDS = (SUPERSEDED, REPEATED)

OF_VEHICLES = ("max_speed_kmh", "depot_lat_deg", "depot_lon_deg", "time_zone")
"""What a fix takes from its vehicle."""
STATUSES = ("moving", "idle")

JUMP_FACTOR, JUMP_NOISE_M = 1.5, 100.0
"""A step is a jump if the vehicle had to be faster than so many times its own maximum, beyond so
many metres that receivers are wrong by among buildings."""

_OF_STANDING = {
    "distance_from_depot_m": "double",
    "previous_s": "double",
    "previous_m": "double",
    "bearing_deg": "double",
    "fuel_change_pct": "double",
    "is_jump": "boolean",
    "h3_cell": "bigint",
    "day_date": "date",
}
"""What only a record that stands has."""
_CONTENT = ("lat_deg", "lon_deg", "speed_kmh", "engine_status", "fuel_level_pct")
_FIX = LatestOf(("vehicle_id", "fixed_at"), _CONTENT, conflict_of("vehicle and instant"))
UNIQUE = ("vehicle_id", INSTANT_SQL)
"""Most records have their vehicle and instant to themselves."""


def add_fix_date(events: DataFrame) -> DataFrame:
    """`fix_date` as `silver.fleet_fixes` has it; null where the timestamp cannot be read."""
    return events.withColumn("fix_date", instant_of_fix().cast("date"))


def fleet_fixes(
    events: DataFrame, vehicles: DataFrame, *, params: Params, shared: Shared
) -> DataFrame:
    """One row per record of a fix, of which one per vehicle and instant stands.

    A later delivery supersedes an earlier one. Of one delivery equal records are one, and records
    that differ are rejected. The step is the one from the vehicle's fix before on the UTC day.
    """

    judged = _judged(events, vehicles, params, shared)
    return _add_places(_add_step(judged), params)


def fleet_rejects(
    events: DataFrame, vehicles: DataFrame, *, params: Params, shared: Shared
) -> DataFrame:
    """The same rows without steps and places, which a record that does not stand lacks anyway."""
    judged = _judged(events, vehicles, params, shared)
    nothing = {name: F.lit(None).cast(kind) for name, kind in _OF_STANDING.items()}
    return judged.where(~F.col("_stands")).withColumns(nothing)


def _judged(events: DataFrame, vehicles: DataFrame, params: Params, shared: Shared) -> DataFrame:
    """Records as typed, each with whether it stands (`_stands`): sound, and the one of its vehicle
    and instant."""

    def read(records: DataFrame) -> DataFrame:
        # A fleet's vehicles are few beside their fixes: with them broadcast no fix is moved for it.
        typed = _typed(records, params)
        placed = typed.join(F.broadcast(vehicles), on="vehicle_id", how="left")
        return placed.withColumns({"_reasons": reasons(), "_keeps": _keeps()})

    # Read before the records are parted: behind that, each timestamp would be read a second time.
    alone, several = shared.split(events.withColumn("fixed_at", instant_of_fix()))
    one = _keep_latest(read(several)).unionByName(read(alone), allowMissingColumns=True)
    stands = F.col("_keeps") & F.col("_fold").isNull() & is_sound()
    return one.withColumns(
        {"_stands": stands, "versions": F.coalesce("versions", F.col("_keeps").cast("int"))}
    )


# --- values --------------------------------------------------------------------------------------


def _typed(events: DataFrame, params: Params) -> DataFrame:
    told = events.select(
        empty_to_null("vehicle_id").alias("vehicle_id"),
        "fixed_at",
        parse_number("lat").alias("_lat"),
        parse_number("lon").alias("lon_deg"),
        (parse_number("speed") * kmh_of_speed()).alias("speed_kmh"),
        _status().alias("engine_status"),
        _fuel().alias("fuel_level_pct"),
        _latest_at(params).alias("latest_at"),
        F.col("_delivery_date").alias("_order"),
        "_file_sha256",
        "_record_number",
    )
    # Receivers write 0, 0 for no position.
    is_nowhere = F.coalesce((F.col("_lat") == 0) & (F.col("lon_deg") == 0), F.lit(False))
    return told.withColumns(
        {"lat_deg": F.when(~is_nowhere, F.col("_lat")), "fix_date": F.to_date("fixed_at")}
    )


def _status() -> Column:
    """The state of the engine as the layout knows it, `unknown` where it knows no such; null where
    it tells none at all."""
    told = F.lower(F.trim("engine_status"))
    is_known = F.array_contains(F.split("statuses", " "), F.coalesce(told, F.lit("")))
    return F.when(F.col("statuses").isNotNull(), F.when(is_known, told).otherwise(F.lit("unknown")))


def _fuel() -> Column:
    """The fuel level; NaN where it is no number, null where the layout tells none."""
    told = F.coalesce(parse_number("fuel_level"), F.lit(float("nan")))
    return F.when(F.col("statuses").isNotNull(), told)


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


# --- one of each ---------------------------------------------------------------------------------


def _keep_latest(fixes: DataFrame) -> DataFrame:
    """Adds `_fold`, `versions` and `superseded_values`, and rejects records that differ.

    | delivered  | speed_kmh | gives                                                  |
    | ---------- | --------- | ------------------------------------------------------ |
    | 2026-10-02 | 50        | folded: superseded                                     |
    | 2026-10-03 | 52        | stands: versions 2, superseded_values {"speed_kmh":50…} |
    | 2026-10-03 | 52        | folded: same as another record                         |
    """
    same = Window.partitionBy(*_FIX.key)
    latest = keep_latest(fixes, _FIX, F.col("_keeps"))
    # Different contents, not records: how often a file was sent is no property of a fix.
    said = F.when(F.col("_keeps"), F.struct(*_FIX.content))
    old = F.when(F.col("_fold") == SUPERSEDED, F.struct("_order", *_FIX.content))
    told = latest.withColumns(
        {"versions": F.size(F.collect_set(said).over(same)), "_old": F.max(old).over(same)}
    )
    values = F.to_json(F.struct(*[F.col(f"_old.{name}") for name in _FIX.content]))
    return told.withColumn("superseded_values", F.when(F.col("_old").isNotNull(), values))


# --- steps and places ----------------------------------------------------------------------------


def _add_step(fixes: DataFrame) -> DataFrame:
    """Adds what lies between a fix and the one that stands before it on its vehicle's UTC day."""
    before = (
        of_vehicle_and_day("fix_date")
        .orderBy("fixed_at", "_file_sha256", "_record_number")
        .rowsBetween(Window.unboundedPreceding, -1)
    )
    told = F.struct("fixed_at", "lon_deg", "lat_deg", "fuel_level_pct")
    stands = F.col("_stands")
    found = F.last(F.when(stands, told), ignorenulls=True).over(before)
    stepped = add_vehicle_day(fixes, "fix_date").withColumn("_before", F.when(stands, found))
    return stepped.withColumns(
        {
            "previous_s": (F.unix_micros("fixed_at") - F.unix_micros("_before.fixed_at")) / 1e6,
            "_from_lon": F.col("_before.lon_deg"),
            "_from_lat": F.col("_before.lat_deg"),
            "fuel_change_pct": F.col("fuel_level_pct") - F.col("_before.fuel_level_pct"),
        }
    ).drop("_before")


def _add_places(fixes: DataFrame, params: Params) -> DataFrame:
    """Adds distances, bearing, jump, cell and day; all null for a record that does not stand."""
    stands = F.col("_stands")
    ends = fixes.withColumns(
        {"_lon": F.when(stands, F.col("lon_deg")), "_lat": F.when(stands, F.col("lat_deg"))}
    )
    depot, here = ("depot_lon_deg", "depot_lat_deg"), ("_lon", "_lat")
    placed = ends.withColumn("_place", step_and_depot(("_from_lon", "_from_lat"), depot, here))
    metres = F.col("_place.previous_m")
    return placed.withColumns(
        {
            "distance_from_depot_m": F.col("_place.distance_from_depot_m"),
            "previous_m": metres,
            "bearing_deg": F.col("_place.bearing_deg"),
            "is_jump": is_jump(metres, F.col("previous_s"), F.col("max_speed_kmh")),
            "h3_cell": geo.h3_cell(F.col("_lon"), F.col("_lat"), params.cell_resolution),
            "day_date": F.when(stands, _day(params)),
        }
    )


def is_jump(metres: Column, seconds: Column, max_speed_kmh: Column) -> Column:
    """Whether no vehicle can have made the step; null where there is no step."""
    return metres > F.lit(JUMP_NOISE_M) + seconds * max_speed_kmh * F.lit(JUMP_FACTOR / 3.6)


def _day(params: Params) -> Column:
    if params.day_zone == UTC:
        return F.col("fix_date")
    own = F.coalesce("time_zone", F.lit(UTC))
    zone = own if params.day_zone == OF_VEHICLE else F.lit(params.day_zone)
    return F.from_utc_timestamp("fixed_at", zone).cast("date")
