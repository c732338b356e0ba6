"""Sites in a row: the place of each along a space-filling curve through its country."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from strata.kit import geo

NO_COUNTRY = "in no country"
NO_CODE = "in a territory without a country code"
FOLDS = (NO_COUNTRY, NO_CODE)


def why_uncounted() -> Column:
    """Why a site counts in no country; null for one that does."""
    return F.when(F.col("country_id").isNull(), NO_COUNTRY).when(
        F.col("country_code").isNull(), NO_CODE
    )


def soil_curve_ranks(site_countries: DataFrame) -> DataFrame:
    """One row per site: its S2 cell, and its rank along the curve of such cells in its country.

    Ranks count from 1; sites in one cell stand in the order of their ids. A site without a country
    code is folded. The ranks are free of any sample size, so that every draw cuts the same row.
    """
    located = site_countries.withColumn("_fold", why_uncounted())
    order = Window.partitionBy("country_code").orderBy(*geo.along_curve("s2_cell"), "site_id")
    return located.select(
        "site_id",
        "country_code",
        "s2_cell",
        F.row_number().over(order).cast("bigint").alias("curve_rank"),
        "_file_sha256",
        "_record_number",
        "_fold",
    )
