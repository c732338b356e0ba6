"""Soil by plain PySpark, Sedona and Delta, as somebody who knows them would write it: the same CSV
and boundaries to statistics of each country, without gates, ledger, normalised measurements, coasts
or increments.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

_NUMBERS = ("lon", "lat", "soc_pct", "clay_pct")


def build(spark: SparkSession, raw: Path, target: Path) -> dict[str, int]:
    """Writes bronze, silver and gold as Delta; returns the sites drawn of each country."""

    def save(name: str, frame: DataFrame) -> DataFrame:
        path = str(target / name)
        frame.write.format("delta").mode("overwrite").save(path)
        return spark.read.format("delta").load(path)

    bronze = save("bronze", spark.read.option("header", True).csv(str(raw / "samples")))
    typed = bronze.select("site_id", *[F.col(name).cast("double") for name in _NUMBERS])
    silver = save("silver", _with_country(typed, _pieces(spark, raw / "boundaries")))
    lot = F.sha2(F.concat(F.lit("7|"), "site_id"), 256)
    place = F.row_number().over(Window.partitionBy("country").orderBy(lot))
    drawn = silver.withColumn("n", place).where("n <= 30").groupBy("country")
    gold = save(
        "gold",
        drawn.agg(
            F.count(F.lit(1)).alias("sites"),
            F.avg("soc_pct").alias("soc_mean_pct"),
            F.var_samp("soc_pct").alias("soc_variance_pct2"),
            F.avg("clay_pct").alias("clay_mean_pct"),
        ),
    )
    return {row["country"]: row["sites"] for row in gold.collect()}


def _pieces(spark: SparkSession, folder: Path) -> DataFrame:
    features: list[Any] = json.loads(next(folder.glob("*.geojson")).read_text())["features"]
    rows = [(f["properties"]["name"], json.dumps(f["geometry"])) for f in features]
    return spark.createDataFrame(rows, "country string, shape string").selectExpr(
        "country", "ST_SubdivideExplode(ST_MakeValid(ST_GeomFromGeoJSON(shape)), 256) as piece"
    )


def _with_country(sites: DataFrame, pieces: DataFrame) -> DataFrame:
    placed = sites.withColumn("point", F.expr("ST_Point(lon, lat)"))
    joined = placed.join(F.broadcast(pieces), F.expr("ST_Intersects(piece, point)"))
    return joined.drop("piece", "point").dropDuplicates(["site_id"])
