"""Statistics of soils, from a sample of the sites of each country."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from strata.feeds.soil.curve import FOLDS, why_uncounted
from strata.feeds.soil.draw import RANDOM
from strata.feeds.soil.figures import FIGURES, summarise
from strata.feeds.soil.measurements import CLAY, SOC
from strata.feeds.soil.params import Params
from strata.feeds.soil.sample import add_draw
from strata.feeds.soil.site_values import site_values

__all__ = ["FOLDS", "sample_columns", "soil_country_stats", "with_figures"]


def soil_country_stats(
    site_countries: DataFrame,
    measurements: DataFrame,
    curve_ranks: DataFrame,
    *,
    params: Params,
) -> DataFrame:
    """One row per country that has a site; and one row, folded, per reason why sites have no
    country code.

    `_rows` is the number of the country's sites, with organic carbon or without. Figures are bit
    for bit the same for any partitioning: layers are added in a stated order, and sites by exact
    sums (`math.fsum`).
    """
    sites = site_countries.join(site_values(measurements, params.depth), on="site_id", how="left")
    if params.method != RANDOM:
        sites = sites.join(curve_ranks.select("site_id", "curve_rank"), on="site_id", how="left")
    drawn = add_draw(sites, "country_code", ("curve_rank", "site_id"), params)
    grouped = drawn.groupBy("country_code", why_uncounted().alias("_fold")).agg(
        F.min("country_name").alias("country_name"),
        F.count(F.lit(1)).alias("_rows"),
        *sample_columns(),
    )
    return with_figures(grouped, ("country_code", "country_name"), params)


def sample_columns() -> tuple[Column, ...]:
    """The aggregates of a group's sites from which `with_figures` works out its figures."""
    is_drawn = F.col("is_drawn")
    return (
        F.count(F.col(SOC)).alias("n_available"),
        F.count(F.when(is_drawn, 1)).alias("n_drawn"),
        F.count(F.when(is_drawn, F.col(CLAY))).alias("n_clay"),
        F.collect_list(F.when(is_drawn, F.struct("_cluster", SOC))).alias("_soc"),
        F.collect_list(F.when(is_drawn, F.col(CLAY))).alias("_clay"),
        *(F.max(name).alias(name) for name in ("_n_clusters", "_least", "_greatest")),
    )


def with_figures(grouped: DataFrame, named: tuple[str, ...], params: Params) -> DataFrame:
    """What a table of statistics has of each group: the `named` columns, what was asked, and the
    figures. Same grain. Reads `sample_columns`, `_rows` and `_fold`.
    """
    # A UDF: Spark has no quantile of Student's t and no exact sum. It sees one row a group.
    figures = F.udf(summarise, FIGURES)("_soc", "_clay", "n_available", "_n_clusters")
    return grouped.withColumn("_figures", figures).select(
        *named,
        F.lit(params.method).alias("method"),
        F.lit(params.samples).cast("int").alias("n_asked"),
        F.lit(params.clusters).cast("int").alias("n_clusters_asked"),
        F.lit(params.seed).cast("bigint").alias("seed"),
        F.lit("site").alias("sampling_unit"),
        F.lit(params.depth).alias("depth_rule"),
        "n_available",
        F.col("_n_clusters").alias("n_clusters"),
        "n_drawn",
        F.col("_least").alias("inclusion_probability_least"),
        F.col("_greatest").alias("inclusion_probability_greatest"),
        F.col("_figures.mean").alias("soc_mean_pct"),
        F.col("_figures.variance").alias("soc_variance_pct2"),
        F.col("_figures.lower").alias("soc_ci95_lower_pct"),
        F.col("_figures.upper").alias("soc_ci95_upper_pct"),
        F.col("_figures.rule").alias("soc_ci95_rule"),
        "n_clay",
        F.col("_figures.clay").alias("clay_mean_fraction"),
        "_rows",
        "_fold",
    )
