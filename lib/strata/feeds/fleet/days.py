"""What each vehicle did on each day, and how far from its depot it was.

Sums are taken of whole millimetres, microseconds and millionths, so that they are the same in any
order of the rows.
"""

from __future__ import annotations

from dataclasses import asdict

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from strata.feeds.fleet.fixes import is_jump
from strata.feeds.fleet.geodesy import geodesic
from strata.feeds.fleet.params import UTC, Params
from strata.feeds.fleet.values import VEHICLE_DAY, add_vehicle_day, of_vehicle_and_day, whole
from strata.kit.plain import EACH, Plain, by_query, for_duckdb, with_params

MOVING_KMH = 3.0
"""A vehicle whose layout tells no status moves from this speed on: less is receivers' noise."""
REFUEL_PCT = 5.0
"""A rise of the fuel level by less is the tank's swashing."""

MOVES = f"coalesce(engine_status = 'moving', speed_kmh >= CAST({MOVING_KMH} AS DOUBLE))"
"""Whether a fix moves: by its status, else by its speed."""
_IS_ASTRAY = "coalesce(is_jump AND next_is_jump, is_jump, next_is_jump, false)"
"""Whether nothing but jumps joins a fix to the others of its day: its place is not believed."""
IN_UTC = {"day_zone": UTC}
"""Silver's steps are those of days of UTC."""
_FIXES = "fleet_fixes"


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


def fleet_vehicle_days(fixes: DataFrame, *, params: Params) -> DataFrame:
    """One row per vehicle and day."""
    return _sums(_DAYS, fixes, params)


def fleet_depot_distances(fixes: DataFrame, *, params: Params) -> DataFrame:
    """One row per vehicle and day; the distances are null where every fix is astray."""
    return _sums(_DEPOTS, fixes, params)


def _sums(query: str, fixes: DataFrame, params: Params) -> DataFrame:
    return by_query(with_params(query, asdict(params)), fleet_fixes=add_day_steps(fixes, params))


def plain_sums(query: str, *columns: str) -> Plain:
    """The same by DuckDB, for whole tables of days of UTC."""
    read = {f"silver.{_FIXES}": ("vehicle_id", "day_date", *columns)}
    return Plain(for_duckdb(query, _FIXES), read, "vehicle_id", fewest=EACH, only=IN_UTC)


_DAYS = f"""
WITH steps AS (
    SELECT vehicle_id, day_date, fixed_at, speed_kmh, fuel_level_pct, is_jump, fuel_change_pct,
        previous_s > CAST({{gap_minutes}} AS BIGINT) * 60 AS is_gap,
        {MOVES} AS moves,
        CASE WHEN NOT is_jump THEN {whole("previous_m", 3)} END AS mm,
        {whole("previous_s", 6)} AS us,
        {whole("abs(fuel_change_pct)", 6)} AS fuel
    FROM {{{_FIXES}}}
), sums AS (
    SELECT vehicle_id, day_date, count(*) AS fixes, min(fixed_at) AS first_at,
        max(fixed_at) AS last_at, sum(mm) AS mm, sum(CASE WHEN is_gap THEN mm END) AS gap_mm,
        sum(CASE WHEN NOT is_gap AND moves THEN us END) AS moving_us,
        sum(CASE WHEN NOT is_gap AND NOT moves THEN us END) AS idle_us,
        sum(CASE WHEN is_gap THEN us END) AS gap_us,
        sum(CASE WHEN is_gap THEN 1 ELSE 0 END) AS gaps,
        sum(CASE WHEN is_jump THEN 1 ELSE 0 END) AS jumps,
        max(speed_kmh) AS top_speed_kmh, count(fuel_level_pct) AS fuels,
        sum(CASE WHEN fuel_change_pct < 0 THEN fuel END) AS used,
        sum(CASE WHEN fuel_change_pct >= {REFUEL_PCT} THEN fuel END) AS refuelled,
        sum(CASE WHEN fuel_change_pct >= {REFUEL_PCT} THEN 1 ELSE 0 END) AS refuels
    FROM steps GROUP BY vehicle_id, day_date
)
SELECT vehicle_id, day_date, fixes, first_at, last_at, coalesce(mm, 0) / 1e6 AS distance_km,
    coalesce(gap_mm, 0) / 1e6 AS gap_distance_km, coalesce(moving_us, 0) / 1e6 AS moving_s,
    coalesce(idle_us, 0) / 1e6 AS idle_s, coalesce(gap_us, 0) / 1e6 AS gap_s,
    CAST(gaps AS BIGINT) AS gaps, CAST(jumps AS BIGINT) AS jumps, top_speed_kmh,
    CASE WHEN fuels > 0 THEN coalesce(used, 0) / 1e6 END AS fuel_used_pct,
    CASE WHEN fuels > 0 THEN coalesce(refuelled, 0) / 1e6 END AS refuelled_pct,
    CAST(refuels AS BIGINT) AS refuels, fixes AS _rows
FROM sums
"""
_DEPOTS = f"""
WITH steps AS (
    SELECT vehicle_id, day_date, previous_s, distance_from_depot_m, is_jump,
        lead(is_jump) OVER (PARTITION BY vehicle_id, day_date ORDER BY fixed_at) AS next_is_jump
    FROM {{{_FIXES}}}
), known AS (
    SELECT vehicle_id, day_date, previous_s, CASE WHEN NOT {_IS_ASTRAY}
        THEN distance_from_depot_m END AS metres
    FROM steps
), sums AS (
    SELECT vehicle_id, day_date, count(*) AS fixes, count(metres) AS known,
        min(metres) AS least_m, max(metres) AS greatest_m, sum({whole("metres", 3)}) AS mm,
        sum(CASE WHEN metres > {{depot_radius_m}}
                AND previous_s <= CAST({{gap_minutes}} AS BIGINT) * 60
            THEN {whole("previous_s", 6)} END) AS us
    FROM known GROUP BY vehicle_id, day_date
)
SELECT vehicle_id, day_date, fixes, fixes - known AS astray_fixes, least_m,
    mm / CAST(nullif(known, 0) AS DOUBLE) / 1e3 AS mean_m, greatest_m,
    coalesce(us, 0) / 1e6 AS away_s, fixes AS _rows
FROM sums
"""
PLAIN_DAYS = plain_sums(
    _DAYS,
    *("fixed_at", "speed_kmh", "engine_status", "fuel_level_pct", "is_jump", "fuel_change_pct"),
    *("previous_s", "previous_m"),
)
PLAIN_DEPOTS = plain_sums(_DEPOTS, "fixed_at", "distance_from_depot_m", "previous_s", "is_jump")
