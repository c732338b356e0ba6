"""Fleet by plain PySpark and Delta, as somebody who knows them would write it: the same raw files to
the same tables, without gates, ledger, quarantine or increments.

Built-in functions and Sedona's alone, metadata broadcast, one shuffle by vehicle and day.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

_CONTENT = ("lat_deg", "lon_deg", "speed_kmh", "engine_status", "fuel_level_pct")
_DAY = ("vehicle_id", "day_date")


def build(spark: SparkSession, raw: Path, target: Path) -> dict[str, float]:
    """Writes every table as Delta; returns the fixes, the kilometres and the trips."""

    def save(name: str, frame: DataFrame) -> DataFrame:
        path = str(target / name)
        frame.write.format("delta").mode("overwrite").save(path)
        return spark.read.format("delta").load(path)

    names = ("vehicle_id", "timestamp", "lat", "lon", "speed_kmh", "engine_status", "fuel_level")
    schema = ", ".join(f"`{name}` string" for name in names) + ", delivery date"
    events = spark.read.schema(schema).option("header", True).csv(str(raw / "fleet" / "events"))
    bronze = save("bronze", events)
    fixes = save("fixes", _fixes(bronze, _vehicles(spark, raw)))
    days = save("vehicle_days", _vehicle_days(fixes))
    save("depot_distances", _depot_distances(fixes))
    save("cells", _cells(fixes))
    trips = save("trips", _trips(fixes))
    found: Any = days.agg(F.sum("fixes"), F.sum("distance_km")).first()
    return {"fixes": float(found[0]), "km": float(found[1]), "trips": float(trips.count())}


def _vehicles(spark: SparkSession, raw: Path) -> DataFrame:
    text = spark.read.text(str(raw / "fleet" / "vehicles"), wholetext=True)
    entry = "max_speed double, depot_lat double, depot_lon double"
    told = F.from_json("value", f"map<string, struct<{entry}>>")
    return text.select(F.explode(told)).selectExpr(
        "key as vehicle_id",
        "value.max_speed as max_speed_kmh",
        "value.depot_lat as depot_lat_deg",
        "value.depot_lon as depot_lon_deg",
    )


def _fixes(bronze: DataFrame, vehicles: DataFrame) -> DataFrame:
    typed = bronze.selectExpr(
        "vehicle_id",
        "try_cast(timestamp as timestamp) as fixed_at",
        "try_cast(lat as double) as lat_deg",
        "try_cast(lon as double) as lon_deg",
        "try_cast(speed_kmh as double) as speed_kmh",
        "engine_status",
        "try_cast(fuel_level as double) as fuel_level_pct",
        "cast(date_add(delivery, 2) as timestamp) as latest_at",
    )
    sound = typed.join(F.broadcast(vehicles), "vehicle_id").where(
        "lat_deg between -90 and 90 and lon_deg between -180 and 180"
        " and not (lat_deg = 0 and lon_deg = 0) and speed_kmh between 0 and max_speed_kmh"
        " and fuel_level_pct between 0 and 100 and engine_status in ('moving', 'idle')"
        " and fixed_at < latest_at"
    )
    dated = sound.withColumn("day_date", F.to_date("fixed_at")).repartition(*_DAY)
    same = Window.partitionBy(*_DAY, "fixed_at").orderBy("lat_deg").rowsBetween(
        Window.unboundedPreceding, Window.unboundedFollowing
    )  # fmt: skip
    said = F.struct(*_CONTENT)
    counted = dated.withColumns(
        {
            "_least": F.min(said).over(same),
            "_most": F.max(said).over(same),
            "_place": F.row_number().over(Window.partitionBy(*_DAY, "fixed_at").orderBy("lat_deg")),
        }
    )
    one = counted.where("_place = 1 and _least = _most").drop("_place", "_least", "_most")
    day = Window.partitionBy(*_DAY).orderBy("fixed_at")
    before = F.lag(F.struct("fixed_at", "lat_deg", "lon_deg", "fuel_level_pct")).over(day)
    here = "ST_Point(lon_deg, lat_deg)"
    stepped = one.withColumn("_before", before).selectExpr(
        *[name for name in one.columns if name not in ("latest_at",)],
        f"ST_DistanceSpheroid(ST_Point(depot_lon_deg, depot_lat_deg), {here})"
        " as distance_from_depot_m",
        "(unix_micros(fixed_at) - unix_micros(_before.fixed_at)) / 1e6 as previous_s",
        "case when _before is not null then"
        f" ST_DistanceSpheroid(ST_Point(_before.lon_deg, _before.lat_deg), {here}) end"
        " as previous_m",
        "degrees(atan2(sin(radians(lon_deg - _before.lon_deg)) * cos(radians(lat_deg)),"
        " cos(radians(_before.lat_deg)) * sin(radians(lat_deg)) - sin(radians(_before.lat_deg))"
        " * cos(radians(lat_deg)) * cos(radians(lon_deg - _before.lon_deg)))) as bearing_deg",
        "fuel_level_pct - _before.fuel_level_pct as fuel_change_pct",
        f"ST_H3CellIDs({here}, 8, false)[0] as h3_cell",
    )
    most = "previous_m > 100 + 1.5 * max_speed_kmh / 3.6 * previous_s"
    return stepped.withColumn("is_jump", F.expr(most))


def _vehicle_days(fixes: DataFrame) -> DataFrame:
    return fixes.groupBy(*_DAY).agg(
        F.count("*").alias("fixes"),
        F.min("fixed_at").alias("first_at"),
        F.max("fixed_at").alias("last_at"),
        F.expr("coalesce(sum(if(is_jump, 0, previous_m)), 0) / 1000 as distance_km"),
        F.expr("sum(if(previous_s <= 1800 and engine_status = 'moving', previous_s, 0)) as moving_s"),
        F.expr("sum(if(previous_s <= 1800 and engine_status = 'idle', previous_s, 0)) as idle_s"),
        F.expr("sum(if(previous_s > 1800, previous_s, 0)) as gap_s"),
        F.expr("count_if(previous_s > 1800) as gaps"),
        F.expr("count_if(is_jump) as jumps"),
        F.max("speed_kmh").alias("top_speed_kmh"),
        F.expr("sum(if(fuel_change_pct < 0, -fuel_change_pct, 0)) as fuel_used_pct"),
        F.expr("sum(if(fuel_change_pct >= 5, fuel_change_pct, 0)) as refuelled_pct"),
        F.expr("count_if(fuel_change_pct >= 5) as refuels"),
    )  # fmt: skip


def _depot_distances(fixes: DataFrame) -> DataFrame:
    away = "if(distance_from_depot_m > 500 and previous_s <= 1800, previous_s, 0)"
    return fixes.groupBy(*_DAY).agg(
        F.count("*").alias("fixes"),
        F.min("distance_from_depot_m").alias("least_m"),
        F.avg("distance_from_depot_m").alias("mean_m"),
        F.max("distance_from_depot_m").alias("greatest_m"),
        F.expr(f"sum({away}) as away_s"),
    )


def _cells(fixes: DataFrame) -> DataFrame:
    hour = F.date_trunc("hour", "fixed_at").alias("hour_at")
    by_vehicle = fixes.groupBy("h3_cell", hour, "vehicle_id").agg(
        F.count("*").alias("fixes"), F.sum("speed_kmh").alias("speed")
    )
    return by_vehicle.groupBy("h3_cell", "hour_at").agg(
        F.sum("fixes").alias("fixes"),
        F.count("*").alias("vehicles"),
        F.expr("sum(speed) / sum(fixes) as mean_speed_kmh"),
    )


def _trips(fixes: DataFrame) -> DataFrame:
    day = Window.partitionBy(*_DAY).orderBy("fixed_at")
    so_far = F.sum(F.expr("if(is_jump, 0, coalesce(previous_m, 0))")).over(day)
    moving = fixes.withColumn("_so_far", so_far).where("engine_status = 'moving'")
    stood = F.unix_micros("fixed_at") - F.unix_micros(F.lag("fixed_at").over(day))
    begins = (stood.isNull() | (stood > 600_000_000)).cast("int")
    numbered = moving.withColumn("_begins", begins)
    numbered = numbered.withColumn("trip_number", F.sum("_begins").over(day))
    place = F.struct("fixed_at", "lat_deg", "lon_deg", "_so_far")
    trips = numbered.groupBy(*_DAY, "trip_number").agg(
        F.min(place).alias("start"), F.max(place).alias("end"), F.count("*").alias("moving_fixes")
    )
    return trips.where("moving_fixes >= 2").selectExpr(
        *_DAY,
        "trip_number",
        "start.fixed_at as started_at",
        "end.fixed_at as ended_at",
        "moving_fixes",
        "(end._so_far - start._so_far) / 1000 as distance_km",
        "start.lat_deg as start_lat_deg",
        "start.lon_deg as start_lon_deg",
        "end.lat_deg as end_lat_deg",
        "end.lon_deg as end_lon_deg",
    )
