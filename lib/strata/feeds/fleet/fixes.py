"""Fixes: typed, judged by their vehicle, each vehicle and instant once, each with its step.

Which records are sound is told by the suite of `silver.fleet_fixes`; `KEEPS` says the same
again, for a record that is not sound must neither supersede another nor end a step. A file of
records with their verdicts holds the two together.
"""

from __future__ import annotations

from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from strata.feeds.fleet import tracks
from strata.feeds.fleet.params import OF_VEHICLE, UTC, Params
from strata.feeds.fleet.texts import add_values
from strata.feeds.fleet.tracks import STANDS, add_tracks
from strata.feeds.fleet.values import INSTANT_TEXT_SQL, KMH_SQL, STATUS_SQL, instant_of_fix
from strata.kit import geo
from strata.kit.history import REPEATED, SUPERSEDED, conflict_of

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
    judged = placed.withColumn("keeps", F.expr(KEEPS))
    needed = judged if params.day_zone == OF_VEHICLE else judged.drop("time_zone")
    return _add_verdict(_add_places(add_tracks(needed), params))


# --- values --------------------------------------------------------------------------------------


def told(not_after: str) -> list[str]:
    """SQL of what a record tells, texts as they are, for Spark and DuckDB."""
    # The delivery's day may end half a day later in the west. Never the clock.
    latest = f"CAST('{not_after}' AS TIMESTAMP)"
    delivered = "CAST(_delivery_date + INTERVAL '2' DAY AS TIMESTAMP)"
    return [
        "nullif(vehicle_id, '') AS vehicle_id",
        f"{INSTANT_TEXT_SQL} AS fixed_at",
        "lat AS _lat",
        "lon AS lon_deg",
        "speed AS _speed",
        f"{KMH_SQL} AS _kmh",
        f"{STATUS_SQL} AS engine_status",
        "fuel_level AS _fuel",
        "statuses IS NOT NULL AS _tells_fuel",
        f"least({latest}, {delivered}) AS latest_at",
        "_delivery_date AS _order",
        "_file_sha256",
        "_record_number",
    ]


NUMBERS, INSTANT = ("_lat", "lon_deg", "_speed", "_fuel"), "fixed_at"
"""What `told` leaves to be read."""
TYPED = (
    "vehicle_id",
    "fixed_at",
    # Receivers write 0, 0 for no position.
    "CASE WHEN _lat = 0 AND lon_deg = 0 THEN NULL ELSE _lat END AS lat_deg",
    "lon_deg",
    "_speed * _kmh AS speed_kmh",
    "engine_status",
    # NaN where it is no number, null where the layout tells none.
    "CASE WHEN _tells_fuel THEN coalesce(_fuel, CAST('NaN' AS DOUBLE)) END AS fuel_level_pct",
    "latest_at",
    "CAST(fixed_at AS DATE) AS fix_date",
    "_order",
    "_file_sha256",
    "_record_number",
)
"""SQL of a record's values, of what `told` gives, read."""
KEEPS = f"""
coalesce(vehicle_id IS NOT NULL AND lat_deg BETWEEN -90 AND 90 AND lon_deg BETWEEN -180 AND 180
    AND speed_kmh BETWEEN 0 AND max_speed_kmh AND max_speed_kmh <= 500
    AND fixed_at IS NOT NULL AND fixed_at < latest_at
    AND (engine_status IS NULL OR engine_status IN {STATUSES})
    AND (fuel_level_pct IS NULL OR fuel_level_pct BETWEEN 0 AND 100), false)
"""
"""SQL: whether a record keeps the suite's rules of rows; never null."""


def _typed(events: DataFrame, params: Params) -> DataFrame:
    read = add_values(events.selectExpr(*told(params.not_after)), NUMBERS, INSTANT)
    return read.selectExpr(*TYPED)


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


def is_jump(metres: Any, seconds: Any, max_speed_kmh: Any) -> Any:
    """Whether no vehicle can have made the step, of Columns or of arrays; null where there is no
    step."""
    return metres > JUMP_NOISE_M + seconds * max_speed_kmh * (JUMP_FACTOR / 3.6)


def _day(params: Params) -> Column:
    if params.day_zone == UTC:
        return F.col("fix_date")
    own = F.coalesce("time_zone", F.lit(UTC))
    zone = own if params.day_zone == OF_VEHICLE else F.lit(params.day_zone)
    return F.from_utc_timestamp("fixed_at", zone).cast("date")
