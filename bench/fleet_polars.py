"""Fleet by Polars: the same raw files to the same tables as Parquet, without gates or ledger.

Distances are those of a sphere, cells hundredths of a degree, as in `fleet_duckdb`.
"""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl

_CONTENT = ("lat_deg", "lon_deg", "speed_kmh", "engine_status", "fuel_level_pct")
_DAY = ["vehicle_id", "day_date"]


def build(raw: Path, target: Path) -> dict[str, float]:
    """Writes every table as Parquet; returns the fixes and the kilometres."""
    events = pl.scan_csv(
        raw / "fleet" / "events" / "**" / "*.csv", infer_schema=False, include_file_paths="path"
    )
    bronze = events.collect()
    bronze.write_parquet(target / "bronze.parquet", compression="zstd")
    fixes = _fixes(bronze.lazy(), _vehicles(raw)).collect()
    fixes.write_parquet(target / "fixes.parquet", compression="zstd")
    days = _vehicle_days(fixes.lazy()).collect()
    trips = _trips(fixes.lazy()).collect()
    tables = {
        "vehicle_days": days,
        "depot_distances": _depot_distances(fixes.lazy()).collect(),
        "cells": _cells(fixes.lazy()).collect(),
        "trips": trips,
    }
    for name, table in tables.items():
        table.write_parquet(target / f"{name}.parquet", compression="zstd")
    return {
        "fixes": float(days["fixes"].sum()),
        "km": float(days["distance_km"].sum()),
        "trips": float(trips.height),
    }


def _vehicles(raw: Path) -> pl.LazyFrame:
    told: dict[str, dict[str, float]] = {}
    for path in (raw / "fleet" / "vehicles").glob("*.json"):
        told |= json.loads(path.read_text())
    return pl.LazyFrame(
        {
            "vehicle_id": list(told),
            "max_speed_kmh": [float(v["max_speed"]) for v in told.values()],
            "depot_lat_deg": [v["depot_lat"] for v in told.values()],
            "depot_lon_deg": [v["depot_lon"] for v in told.values()],
        }
    )


def _metres(lat: str, lon: str, to_lat: str, to_lon: str) -> pl.Expr:
    one, other = pl.col(lat).radians(), pl.col(to_lat).radians()
    east = (pl.col(lon) - pl.col(to_lon)).radians()
    half = ((one - other) / 2).sin() ** 2 + one.cos() * other.cos() * (east / 2).sin() ** 2
    return 2 * 6371008.8 * half.sqrt().clip(upper_bound=1).arcsin()


def _fixes(bronze: pl.LazyFrame, vehicles: pl.LazyFrame) -> pl.LazyFrame:
    delivered = pl.col("path").str.extract(r"delivery=(\d{4}-\d\d-\d\d)").str.to_date()
    typed = bronze.select(
        "vehicle_id",
        pl.col("timestamp").str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False).alias("fixed_at"),
        pl.col("lat").cast(pl.Float64, strict=False).alias("lat_deg"),
        pl.col("lon").cast(pl.Float64, strict=False).alias("lon_deg"),
        pl.col("speed_kmh").cast(pl.Float64, strict=False),
        "engine_status",
        pl.col("fuel_level").cast(pl.Float64, strict=False).alias("fuel_level_pct"),
        delivered.dt.offset_by("2d").cast(pl.Datetime).alias("latest_at"),
    )
    sound = typed.join(vehicles, on="vehicle_id").filter(
        pl.col("lat_deg").is_between(-90, 90)
        & pl.col("lon_deg").is_between(-180, 180)
        & ~((pl.col("lat_deg") == 0) & (pl.col("lon_deg") == 0))
        & pl.col("speed_kmh").is_between(0, pl.col("max_speed_kmh"))
        & pl.col("fuel_level_pct").is_between(0, 100)
        & pl.col("engine_status").is_in(["moving", "idle"])
        & (pl.col("fixed_at") < pl.col("latest_at"))
    )
    distinct = sound.unique(["vehicle_id", "fixed_at", *_CONTENT])
    one = distinct.unique(["vehicle_id", "fixed_at"], keep="none").sort("vehicle_id", "fixed_at")
    held = one.with_columns(pl.col("fixed_at").dt.date().alias("day_date"))
    before = {
        "_at": "fixed_at",
        "_lat": "lat_deg",
        "_lon": "lon_deg",
        "_fuel": "fuel_level_pct",
    }
    stepped = held.with_columns(
        **{name: pl.col(column).shift(1).over(_DAY) for name, column in before.items()}
    )
    seconds = (pl.col("fixed_at") - pl.col("_at")).dt.total_microseconds() / 1e6
    most = 100 + 1.5 * pl.col("max_speed_kmh") / 3.6 * pl.col("previous_s")
    east = (pl.col("lon_deg") - pl.col("_lon")).radians()
    here, there = pl.col("lat_deg").radians(), pl.col("_lat").radians()
    north = there.cos() * here.sin() - there.sin() * here.cos() * east.cos()
    return (
        stepped.with_columns(
            _metres("lat_deg", "lon_deg", "depot_lat_deg", "depot_lon_deg").alias(
                "distance_from_depot_m"
            ),
            seconds.alias("previous_s"),
            _metres("lat_deg", "lon_deg", "_lat", "_lon").alias("previous_m"),
            pl.arctan2(east.sin() * here.cos(), north).degrees().alias("bearing_deg"),
            (pl.col("fuel_level_pct") - pl.col("_fuel")).alias("fuel_change_pct"),
            (pl.col("lat_deg") * 100).floor().cast(pl.Int32).alias("cell_lat"),
            (pl.col("lon_deg") * 100).floor().cast(pl.Int32).alias("cell_lon"),
        )
        .with_columns((pl.col("previous_m") > most).alias("is_jump"))
        .drop("_at", "_lat", "_lon", "_fuel", "latest_at")
    )


def _vehicle_days(fixes: pl.LazyFrame) -> pl.LazyFrame:
    seconds, change = pl.col("previous_s"), pl.col("fuel_change_pct")
    short, moves = seconds <= 1800, pl.col("engine_status") == "moving"
    return fixes.group_by(_DAY).agg(
        pl.len().alias("fixes"),
        pl.col("fixed_at").min().alias("first_at"),
        pl.col("fixed_at").max().alias("last_at"),
        (pl.col("previous_m").filter(~pl.col("is_jump")).sum() / 1000).alias("distance_km"),
        seconds.filter(short & moves).sum().alias("moving_s"),
        seconds.filter(short & ~moves).sum().alias("idle_s"),
        seconds.filter(seconds > 1800).sum().alias("gap_s"),
        (seconds > 1800).sum().alias("gaps"),
        pl.col("is_jump").sum().alias("jumps"),
        pl.col("speed_kmh").max().alias("top_speed_kmh"),
        (-change.filter(change < 0)).sum().alias("fuel_used_pct"),
        change.filter(change >= 5).sum().alias("refuelled_pct"),
        (change >= 5).sum().alias("refuels"),
    )


def _depot_distances(fixes: pl.LazyFrame) -> pl.LazyFrame:
    metres, seconds = pl.col("distance_from_depot_m"), pl.col("previous_s")
    return fixes.group_by(_DAY).agg(
        pl.len().alias("fixes"),
        metres.min().alias("least_m"),
        metres.mean().alias("mean_m"),
        metres.max().alias("greatest_m"),
        seconds.filter((metres > 500) & (seconds <= 1800)).sum().alias("away_s"),
    )


def _cells(fixes: pl.LazyFrame) -> pl.LazyFrame:
    hour = pl.col("fixed_at").dt.truncate("1h").alias("hour_at")
    return fixes.group_by("cell_lat", "cell_lon", hour).agg(
        pl.len().alias("fixes"),
        pl.col("vehicle_id").n_unique().alias("vehicles"),
        pl.col("speed_kmh").mean().alias("mean_speed_kmh"),
    )


def _trips(fixes: pl.LazyFrame) -> pl.LazyFrame:
    driven = pl.when(~pl.col("is_jump")).then(pl.col("previous_m")).fill_null(0)
    moving = (
        fixes.sort("vehicle_id", "fixed_at")
        .with_columns(driven.cum_sum().over(_DAY).alias("_so_far"))
        .filter(pl.col("engine_status") == "moving")
    )
    stood = (pl.col("fixed_at") - pl.col("fixed_at").shift(1).over(_DAY)).dt.total_seconds()
    begins = (stood.is_null() | (stood > 600)).cast(pl.Int32)
    numbered = moving.with_columns(begins.alias("_begins")).with_columns(
        pl.col("_begins").cum_sum().over(_DAY).alias("trip_number")
    )
    trips = numbered.group_by(*_DAY, "trip_number").agg(
        pl.col("fixed_at").min().alias("started_at"),
        pl.col("fixed_at").max().alias("ended_at"),
        pl.len().alias("moving_fixes"),
        (pl.col("_so_far").max() - pl.col("_so_far").min()).alias("distance_m"),
        pl.col("lat_deg", "lon_deg").first().name.prefix("start_"),
        pl.col("lat_deg", "lon_deg").last().name.prefix("end_"),
    )
    return trips.filter(pl.col("moving_fixes") >= 2)
