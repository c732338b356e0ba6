"""Statistics of each country's soils, from a sample of its sites."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from strata.feeds.soil import draw
from strata.feeds.soil.curve import FOLDS, why_uncounted
from strata.feeds.soil.draw import METHODS, RANDOM
from strata.feeds.soil.measurements import CLAY, SOC

__all__ = ["FOLDS", "Params", "soil_country_stats"]

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
    clusters: int = field(
        default=1,
        metadata={"help": "clusters to draw in each country, which share the sites; for cluster"},
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
        most = min(self.samples, 1000) if self.method == draw.CLUSTER else 1
        if not 1 <= self.clusters <= most:
            raise ValueError(
                f"clusters must be in [1, {most}] for method {self.method} and samples "
                f"{self.samples}; got {self.clusters}"
            )


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
    sites = site_countries.join(_site_values(measurements, params.depth), on="site_id", how="left")
    drawn = _add_draw(sites, curve_ranks, params)
    is_drawn = F.col("is_drawn")
    grouped = drawn.groupBy("country_code", why_uncounted().alias("_fold")).agg(
        F.min("country_name").alias("country_name"),
        F.count(F.col(SOC)).alias("n_available"),
        F.count(F.when(is_drawn, 1)).alias("n_drawn"),
        F.count(F.when(is_drawn, F.col(CLAY))).alias("n_clay"),
        F.collect_list(F.when(is_drawn, F.struct("_cluster", SOC))).alias("_soc"),
        F.collect_list(F.when(is_drawn, F.col(CLAY))).alias("_clay"),
        F.count(F.lit(1)).alias("_rows"),
        *(F.max(name).alias(name) for name in ("_n_clusters", "_least", "_greatest")),
    )
    return _with_figures(grouped, params)


# --- the value of a site -------------------------------------------------------------------------


def _site_values(measurements: DataFrame, depth: str) -> DataFrame:
    """One row per site with measurements: `soc` (%) and `clay` (fraction), each null where no layer
    counts.

    A layer is a depth interval of a site and property; its replicates are averaged.
    """
    weighed = measurements.withColumn("_weight_cm", _weight_cm(DEPTHS[depth]))
    unweighed = F.col("_weight_cm").isNull() if DEPTHS[depth] is None else F.lit(False)
    # One exchange serves the three groupings below, and the join of their result with sites.
    used = weighed.where((F.col("_weight_cm") > 0) | unweighed).repartition("site_id")
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


def _add_draw(sites: DataFrame, curve_ranks: DataFrame, params: Params) -> DataFrame:
    """Adds `is_drawn`, `_cluster` (null for single sites), and for every site of a country
    `_n_clusters`, `_least` and `_greatest` (probability to be drawn), null where none is available.
    """
    is_available = F.col(SOC).isNotNull() & F.col("country_code").isNotNull()
    known = sites.withColumn("_is_available", is_available)
    if params.method == RANDOM:
        return _add_random_draw(known, params)
    return _add_cluster_draw(known, curve_ranks, params)


def _add_random_draw(sites: DataFrame, params: Params) -> DataFrame:
    """The first `samples` available sites of each country by SHA-256 of `seed|site_id`.

    Exactly so many, or all that there are; a smaller sample of the same seed is part of a larger
    one.
    """
    lot = F.sha2(F.concat(F.lit(f"{params.seed}|"), F.col("site_id")), 256)
    mine = Window.partitionBy("country_code", "_is_available")
    place = F.row_number().over(mine.orderBy(lot, "site_id"))
    share = F.least(F.lit(float(params.samples)) / F.count(F.lit(1)).over(mine), F.lit(1.0))
    probability = F.when(F.col("_is_available"), share)
    return sites.withColumns(
        {
            "is_drawn": F.col("_is_available") & (place <= params.samples),
            "_cluster": F.lit(None).cast("bigint"),
            "_n_clusters": F.lit(None).cast("bigint"),
            "_least": probability,
            "_greatest": probability,
        }
    )


_CUT = (
    "n_clusters bigint, least double, greatest double, "
    "drawn array<struct<cluster: bigint, first: bigint, end: bigint>>"
)


def _add_cluster_draw(sites: DataFrame, curve_ranks: DataFrame, params: Params) -> DataFrame:
    """The available sites of each country in the order of the curve, cut into clusters of which one
    or more are drawn; the rules stand in `draw`.
    """
    ranked = sites.join(curve_ranks.select("site_id", "curve_rank"), on="site_id", how="left")
    row = Window.partitionBy("country_code", "_is_available").orderBy("curve_rank", "site_id")
    placed = ranked.withColumn("_place", F.row_number().over(row) - 1)
    exact = params.method == draw.CLUSTER_EXACT
    # A UDF: a lot is a whole number of 256 bits. It sees one row a country.
    cut = F.udf(partial(_cut, params.samples, params.clusters, exact, params.seed), _CUT)
    cuts = (
        sites.where("_is_available")
        .groupBy("country_code")
        .agg(F.count(F.lit(1)).alias("_n"))
        .select("country_code", cut("country_code", "_n").alias("_cut"))
    )
    joined = placed.join(F.broadcast(cuts), on="country_code", how="left")
    place = F.col("_place")
    holders = F.filter("_cut.drawn", lambda one: (one["first"] <= place) & (place < one["end"]))
    cluster = F.when(F.col("_is_available"), F.try_element_at(holders, F.lit(1))["cluster"])
    return joined.withColumns(
        {
            "_cluster": cluster,
            "is_drawn": F.col("_is_available") & cluster.isNotNull(),
            "_n_clusters": F.col("_cut.n_clusters"),
            "_least": F.col("_cut.least"),
            "_greatest": F.col("_cut.greatest"),
        }
    )


def _cut(asked: int, clusters: int, exact: bool, seed: int, country_code: str, n: int) -> draw.Cut:
    return draw.cut(n, asked, clusters, exact, f"{seed}|{country_code}")


# --- figures -------------------------------------------------------------------------------------

_FIGURES = "mean double, variance double, lower double, upper double, clay double, rule string"

ALL_DRAWN = "all_drawn"
STUDENT_T = "student_t"
BETWEEN_CLUSTERS = "between_clusters"
ONE_CLUSTER = "none_one_cluster"
TOO_FEW = "none_too_few"


def _with_figures(grouped: DataFrame, params: Params) -> DataFrame:
    # A UDF: Spark has no quantile of Student's t and no exact sum. It sees one row a country.
    figures = F.udf(summarise, _FIGURES)("_soc", "_clay", "n_available", "_n_clusters")
    return grouped.withColumn("_figures", figures).select(
        "country_code",
        "country_name",
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


def summarise(
    soc: list[tuple[int | None, float]],
    clay: list[float],
    available: int,
    n_clusters: int | None = None,
) -> tuple[float | str | None, ...]:
    """Mean, variance, lower and upper 95 % limit of organic carbon, mean of clay, and the rule that
    gave the limits; None where not defined.

    `soc` holds (cluster, value), the cluster None where single sites were drawn. The sums are
    exact, so the order of the values does not matter.
    """
    values = [value for _, value in soc]
    mean, variance = _mean(values), _variance(values)
    rule, half = TOO_FEW, None
    if mean is not None and variance is not None:
        rule, half = _half_width(soc, mean, variance, available, n_clusters)
    if mean is None or half is None:
        return mean, variance, None, None, _mean(clay), rule
    return mean, variance, mean - half, mean + half, _mean(clay), rule


def _half_width(
    soc: list[tuple[int | None, float]],
    mean: float,
    variance: float,
    available: int,
    n_clusters: int | None,
) -> tuple[str, float | None]:
    """The rule of the limits, and their distance from the mean; None where there is no rule."""
    if len(soc) == available:
        return ALL_DRAWN, 0.0
    if n_clusters is None:
        return STUDENT_T, _half_of_sites(len(soc), variance, available)
    clusters: dict[int | None, list[float]] = {}
    for number, value in soc:
        clusters.setdefault(number, []).append(value)
    if len(clusters) < 2:
        return ONE_CLUSTER, None
    return BETWEEN_CLUSTERS, _half_of_clusters(list(clusters.values()), mean, n_clusters)


def _half_of_sites(n: int, variance: float, available: int) -> float:
    """Simple random sampling without replacement (Cochran, Sampling Techniques, 3rd ed., 1977,
    sections 2.3-2.8): the mean's standard error is s / sqrt(n) * sqrt(1 - n / N), its limits are
    that times Student's t of n - 1 degrees of freedom.
    """
    return _t975(n - 1) * math.sqrt(variance / n * (1 - n / available))


def _half_of_clusters(clusters: list[list[float]], mean: float, n_clusters: int) -> float:
    """Single-stage cluster sampling, ratio to size (Cochran 1977, chapter 9A): the variance of the
    mean is (1 - c / k) / (c m²) * sum((m_i (y_i - y))²) / (c - 1), of c drawn clusters of k, with
    sizes m_i, means y_i, and mean size m; Student's t of c - 1 degrees of freedom.
    """
    count = len(clusters)
    size = sum(map(len, clusters)) / count
    squares = math.fsum((math.fsum(own) - len(own) * mean) ** 2 for own in clusters)
    error = (1 - count / n_clusters) / (count * size**2) * squares / (count - 1)
    return _t975(count - 1) * math.sqrt(error)


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
