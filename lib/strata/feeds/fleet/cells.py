"""Where vehicles were: fixes, vehicles and speed by cell and hour."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from strata.feeds.fleet.values import whole_units


def fleet_cells(fixes: DataFrame) -> DataFrame:
    """One row per H3 cell and hour.

    Counted first by vehicle: counting distinct vehicles at once would double every row.
    """
    thousandths = whole_units(F.col("speed_kmh"), 1e3)
    by_vehicle = fixes.groupBy(
        "h3_cell", F.date_trunc("hour", "fixed_at").alias("hour_at"), "fix_date", "vehicle_id"
    ).agg(F.count(F.lit(1)).alias("fixes"), F.sum(thousandths).alias("_speed"))
    summed = by_vehicle.groupBy("h3_cell", "hour_at", "fix_date").agg(
        F.sum("fixes").alias("fixes"),
        F.count(F.lit(1)).alias("vehicles"),
        F.sum("_speed").alias("_speed"),
    )
    return summed.withColumns(
        {
            "h3_cell": F.lower(F.hex("h3_cell")),
            "mean_speed_kmh": F.col("_speed") / F.col("fixes") / 1000,
            "_rows": F.col("fixes"),
        }
    )
