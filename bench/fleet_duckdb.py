"""Fleet by DuckDB: the same raw files to the same tables as Parquet, without gates or ledger.

It has neither geodesics nor H3 without a network: distances are those of a sphere (up to 0.6 % off),
cells are hundredths of a degree. Both are cheaper than what the others compute.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

_KM = """
create or replace macro metres(lat1, lon1, lat2, lon2) as
    2 * 6371008.8 * asin(least(1, sqrt(pow(sin(radians(lat1 - lat2) / 2), 2)
        + cos(radians(lat1)) * cos(radians(lat2)) * pow(sin(radians(lon1 - lon2) / 2), 2))))
"""
_READ = """
create table bronze as select * from read_csv('{events}/**/*.csv', header = true, all_varchar = true,
    filename = true, hive_partitioning = true, hive_types_autocast = false);
create table vehicles as select key as vehicle_id, (value->>'max_speed')::double as max_speed_kmh,
    (value->>'depot_lat')::double as depot_lat_deg, (value->>'depot_lon')::double as depot_lon_deg
    from (select unnest(map_entries(json::map(varchar, json)), recursive := true)
          from read_json_objects('{vehicles}/*.json', maximum_object_size = 200000000))
"""
_FIXES = """
create table fixes as
with typed as (
    select vehicle_id, try_cast("timestamp" as timestamp) as fixed_at, try_cast(lat as double) as lat_deg,
        try_cast(lon as double) as lon_deg, try_cast(speed_kmh as double) as speed_kmh, engine_status,
        try_cast(fuel_level as double) as fuel_level_pct, try_cast(delivery as date) + interval 2 day as latest_at
    from bronze
), sound as (
    select t.*, v.max_speed_kmh, v.depot_lat_deg, v.depot_lon_deg from typed as t join vehicles as v using (vehicle_id)
    where lat_deg between -90 and 90 and lon_deg between -180 and 180 and not (lat_deg = 0 and lon_deg = 0)
        and speed_kmh between 0 and max_speed_kmh and fuel_level_pct between 0 and 100
        and engine_status in ('moving', 'idle') and fixed_at < latest_at
), one as (
    select *, count(distinct (lat_deg, lon_deg, speed_kmh, engine_status, fuel_level_pct)) over same as versions
    from sound
    window same as (partition by vehicle_id, fixed_at)
    qualify row_number() over (partition by vehicle_id, fixed_at order by speed_kmh) = 1
), step as (
    select *, fixed_at::date as day_date, lag(fixed_at) over day as before_at, lag(lat_deg) over day as before_lat,
        lag(lon_deg) over day as before_lon, lag(fuel_level_pct) over day as before_fuel
    from one where versions = 1
    window day as (partition by vehicle_id, fixed_at::date order by fixed_at)
)
select vehicle_id, fixed_at, day_date, lat_deg, lon_deg, speed_kmh, engine_status, fuel_level_pct, max_speed_kmh,
    metres(lat_deg, lon_deg, depot_lat_deg, depot_lon_deg) as distance_from_depot_m,
    epoch(fixed_at - before_at) as previous_s, metres(lat_deg, lon_deg, before_lat, before_lon) as previous_m,
    degrees(atan2(sin(radians(lon_deg - before_lon)) * cos(radians(lat_deg)),
        cos(radians(before_lat)) * sin(radians(lat_deg))
        - sin(radians(before_lat)) * cos(radians(lat_deg)) * cos(radians(lon_deg - before_lon)))) as bearing_deg,
    fuel_level_pct - before_fuel as fuel_change_pct,
    previous_m > 100 + 1.5 * max_speed_kmh / 3.6 * previous_s as is_jump,
    floor(lat_deg * 100)::int as cell_lat, floor(lon_deg * 100)::int as cell_lon
from step
"""
_GOLD = {
    "vehicle_days": """
        select vehicle_id, day_date, count(*) as fixes, min(fixed_at) as first_at, max(fixed_at) as last_at,
            coalesce(sum(previous_m) filter (not is_jump), 0) / 1000 as distance_km,
            coalesce(sum(previous_s) filter (previous_s <= 1800 and engine_status = 'moving'), 0) as moving_s,
            coalesce(sum(previous_s) filter (previous_s <= 1800 and engine_status = 'idle'), 0) as idle_s,
            coalesce(sum(previous_s) filter (previous_s > 1800), 0) as gap_s, count_if(previous_s > 1800) as gaps,
            count_if(is_jump) as jumps, max(speed_kmh) as top_speed_kmh,
            coalesce(sum(-fuel_change_pct) filter (fuel_change_pct < 0), 0) as fuel_used_pct,
            coalesce(sum(fuel_change_pct) filter (fuel_change_pct >= 5), 0) as refuelled_pct,
            count_if(fuel_change_pct >= 5) as refuels
        from fixes group by all""",
    "depot_distances": """
        select vehicle_id, day_date, count(*) as fixes, min(distance_from_depot_m) as least_m,
            avg(distance_from_depot_m) as mean_m, max(distance_from_depot_m) as greatest_m,
            coalesce(sum(previous_s) filter (distance_from_depot_m > 500 and previous_s <= 1800), 0) as away_s
        from fixes group by all""",
    "cells": """
        select cell_lat, cell_lon, date_trunc('hour', fixed_at) as hour_at, count(*) as fixes,
            count(distinct vehicle_id) as vehicles, avg(speed_kmh) as mean_speed_kmh
        from fixes group by all""",
    "trips": """
        with marked as (
            select *, engine_status = 'moving' as moves, sum(case when is_jump then 0 else previous_m end) over w as so_far,
                lag(case when engine_status = 'moving' then fixed_at end ignore nulls) over w as moved_at
            from fixes window w as (partition by vehicle_id, day_date order by fixed_at)
        ), numbered as (
            select *, count_if(moves and (moved_at is null or epoch(fixed_at - moved_at) > 600))
                over (partition by vehicle_id, day_date order by fixed_at) as trip_number
            from marked
        )
        select vehicle_id, day_date, trip_number, min(fixed_at) as started_at, max(fixed_at) as ended_at,
            count(*) as moving_fixes, max(so_far) - min(so_far) as distance_m,
            arg_min(lat_deg, fixed_at) as start_lat_deg, arg_min(lon_deg, fixed_at) as start_lon_deg,
            arg_max(lat_deg, fixed_at) as end_lat_deg, arg_max(lon_deg, fixed_at) as end_lon_deg
        from numbered where moves group by all having count(*) >= 2""",
}


def build(raw: Path, target: Path) -> dict[str, float]:
    """Writes every table as Parquet; returns the fixes and the kilometres."""
    connection = duckdb.connect()
    # As many threads as the others have cores.
    connection.execute("set threads = 2; set preserve_insertion_order = false")
    connection.execute(_KM)
    events, vehicles = raw / "fleet" / "events", raw / "fleet" / "vehicles"
    connection.execute(_READ.format(events=events, vehicles=vehicles))
    connection.execute(_FIXES)
    for name in ("bronze", "fixes"):
        connection.execute(f"copy {name} to '{target}/{name}.parquet' (compression zstd)")
    for name, query in _GOLD.items():
        connection.execute(f"create table {name} as {query}")
        connection.execute(f"copy {name} to '{target}/{name}.parquet' (compression zstd)")
    found = connection.execute(
        "select sum(fixes), sum(distance_km), (select count(*) from trips) from vehicle_days"
    ).fetchone()
    assert found, "an aggregate gives a row"
    return {"fixes": float(found[0]), "km": float(found[1]), "trips": float(found[2])}
