"""Statistics of each country's soils, from a sample of its sites."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from strata.feeds.soil.measurements import CLAY, SOC

NO_COUNTRY = "in no country"
NO_CODE = "in a territory without a country code"
FOLDS = (NO_COUNTRY, NO_CODE)

METHODS = ("random",)
# Depth rules, and the interval in centimetres of which each takes the layers; None takes all of
# them.
DEPTHS: dict[str, tuple[float, float] | None] = {"all": None, "0-30": (0.0, 30.0)}


@dataclass(frozen=True)
class Params:
    """What a user may ask of the soil feed."""

    samples: int = field(default=30, metadata={"help": "sites to draw in each country"})
    seed: int = field(default=7, metadata={"help": "seed of the draw"})
    method: str = field(
        default="random", metadata={"help": "how sites are drawn", "choices": METHODS}
    )
    depth: str = field(
        default="all", metadata={"help": "which depths count, in cm", "choices": tuple(DEPTHS)}
    )

    def __post_init__(self) -> None:
        if not 1 <= self.samples <= 2**31 - 1:
            raise ValueError(f"samples must be in [1, 2147483647]; got {self.samples}")
        if not -(2**63) <= self.seed < 2**63:
            raise ValueError(f"seed must fit in 64 bits; got {self.seed}")
        if self.method not in METHODS:
            raise ValueError(f"method must be one of {', '.join(METHODS)}; got {self.method!r}")
        if self.depth not in DEPTHS:
            raise ValueError(f"depth must be one of {', '.join(DEPTHS)}; got {self.depth!r}")


def soil_country_stats(
    site_countries: DataFrame, measurements: DataFrame, *, params: Params
) -> DataFrame:
    """One row per country that has a site; and one row, folded, per reason why sites have no
    country code.

    `_rows` is the number of the country's sites, with organic carbon or without. Figures are bit
    for bit the same for any partitioning: layers are added in a stated order, and sites by exact
    sums (`math.fsum`).
    """
    sites = site_countries.join(_site_values(measurements, params.depth), on="site_id", how="left")
    drawn = _add_draw(sites, params)
    grouped = drawn.groupBy("country_code", _fold().alias("_fold")).agg(
        F.min("country_name").alias("country_name"),
        F.count(F.col(SOC)).alias("n_available"),
        F.count(F.when(F.col("is_drawn"), 1)).alias("n_drawn"),
        F.count(F.when(F.col("is_drawn"), F.col(CLAY))).alias("n_clay"),
        F.collect_list(F.when(F.col("is_drawn"), F.col(SOC))).alias("_soc"),
        F.collect_list(F.when(F.col("is_drawn"), F.col(CLAY))).alias("_clay"),
        F.count(F.lit(1)).alias("_rows"),
    )
    return _with_figures(grouped, params)


def _fold() -> Column:
    return F.when(F.col("country_id").isNull(), NO_COUNTRY).when(
        F.col("country_code").isNull(), NO_CODE
    )


# --- the value of a site -------------------------------------------------------------------------


def _site_values(measurements: DataFrame, depth: str) -> DataFrame:
    """One row per site with measurements: `soc` (%) and `clay` (fraction), each null where no layer
    counts.

    A layer is a depth interval of a site and property; its replicates are averaged.
    """
    weighed = measurements.withColumn("_weight_cm", _weight_cm(DEPTHS[depth]))
    unweighed = F.col("_weight_cm").isNull() if DEPTHS[depth] is None else F.lit(False)
    used = weighed.where((F.col("_weight_cm") > 0) | unweighed)
    # Sorted by value, as the sum of floating-point numbers depends on their order.
    values = F.sort_array(F.collect_list("value"))
    layers = used.groupBy(
        "site_id", "property", "upper_depth_cm", "lower_depth_cm", "_weight_cm"
    ).agg((_sum(values) / F.count("value")).alias("_value"))
    entries = F.sort_array(
        F.collect_list(F.struct("upper_depth_cm", "lower_depth_cm", "_weight_cm", "_value"))
    )
    means = layers.groupBy("site_id", "property").agg(_weighted_mean(entries).alias("_mean"))
    return means.groupBy("site_id").agg(
        F.max(F.when(F.col("property") == SOC, F.col("_mean"))).alias(SOC),
        F.max(F.when(F.col("property") == CLAY, F.col("_mean"))).alias(CLAY),
    )


def _weight_cm(interval: tuple[float, float] | None) -> Column:
    """Thickness of the layer, or of what lies in the interval; null where the layer's depths are
    not told.
    """
    upper, lower = F.col("upper_depth_cm"), F.col("lower_depth_cm")
    if interval is None:
        return lower - upper
    top, bottom = (F.lit(edge) for edge in interval)
    # greatest and least skip nulls, and would give a layer without depths the whole interval.
    is_told = upper.isNotNull() & lower.isNotNull()
    return F.when(is_told, F.greatest(F.least(lower, bottom) - F.greatest(upper, top), F.lit(0.0)))


def _sum(values: Column) -> Column:
    return F.aggregate(values, F.lit(0.0), lambda total, value: total + value)


def _weighted_mean(layers: Column) -> Column:
    """Mean of the layers by their weights; by equal weights where a layer has none."""
    is_weighed = F.forall(layers, lambda layer: layer["_weight_cm"].isNotNull())
    weight = F.transform(
        layers, lambda layer: F.when(is_weighed, layer["_weight_cm"]).otherwise(F.lit(1.0))
    )
    weighted = F.zip_with(layers, weight, lambda layer, cm: layer["_value"] * cm)
    return _sum(weighted) / _sum(weight)


# --- the sample ----------------------------------------------------------------------------------


def _add_draw(sites: DataFrame, params: Params) -> DataFrame:
    """Adds `is_drawn`: the first `samples` available sites of each country by SHA-256 of
    `seed|site_id`.

    Exactly so many, or all that there are; a smaller sample of the same seed is part of a larger
    one.
    """
    lot = F.sha2(F.concat(F.lit(f"{params.seed}|"), F.col("site_id")), 256)
    is_available = F.col(SOC).isNotNull() & F.col("country_code").isNotNull()
    order = Window.partitionBy("country_code", is_available).orderBy(lot, "site_id")
    return sites.withColumn(
        "is_drawn", is_available & (F.row_number().over(order) <= params.samples)
    )


# --- figures -------------------------------------------------------------------------------------

_FIGURES = "mean double, variance double, lower double, upper double, clay double"


def _with_figures(grouped: DataFrame, params: Params) -> DataFrame:
    # A UDF: Spark has no quantile of Student's t and no exact sum. It sees one row a country.
    figures = F.udf(summarise, _FIGURES)("_soc", "_clay", "n_available")
    return grouped.withColumn("_figures", figures).select(
        "country_code",
        "country_name",
        F.lit(params.method).alias("method"),
        F.lit(params.samples).cast("int").alias("n_asked"),
        F.lit(params.seed).cast("bigint").alias("seed"),
        F.lit("site").alias("sampling_unit"),
        F.lit(params.depth).alias("depth_rule"),
        "n_available",
        "n_drawn",
        F.col("_figures.mean").alias("soc_mean_pct"),
        F.col("_figures.variance").alias("soc_variance_pct2"),
        F.col("_figures.lower").alias("soc_ci95_lower_pct"),
        F.col("_figures.upper").alias("soc_ci95_upper_pct"),
        "n_clay",
        F.col("_figures.clay").alias("clay_mean_fraction"),
        "_rows",
        "_fold",
    )


def summarise(soc: list[float], clay: list[float], available: int) -> tuple[float | None, ...]:
    """Mean, variance, lower and upper 95 % limit of `soc`, and the mean of `clay`; None where not
    defined.

    Simple random sampling without replacement (Cochran, Sampling Techniques, 3rd ed., 1977,
    sections 2.3-2.8): the mean's standard error is s / sqrt(n) * sqrt(1 - n / N), its limits are
    that times Student's t of n - 1 degrees of freedom. The sums are exact, so the order of the
    values does not matter.
    """
    mean, variance = _mean(soc), _variance(soc)
    if mean is None or variance is None:
        return mean, None, None, None, _mean(clay)
    half = _t975(len(soc) - 1) * math.sqrt(variance / len(soc) * (1 - len(soc) / available))
    return mean, variance, mean - half, mean + half, _mean(clay)


def _mean(values: list[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


def _variance(values: list[float]) -> float | None:
    mean = _mean(values)
    if mean is None or len(values) < 2:
        return None
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)


def _t975(freedom: int) -> float:
    from scipy import stats

    return float(stats.t.ppf(0.975, freedom))
