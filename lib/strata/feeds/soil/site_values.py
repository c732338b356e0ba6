"""The value of a site: its layers, weighted by the depth rule."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from strata.feeds.soil.measurements import CLAY, SOC
from strata.feeds.soil.params import DEPTHS

_DEPTHS = ("upper_depth_cm", "lower_depth_cm", "_weight_cm")


def site_values(measurements: DataFrame, depth: str) -> DataFrame:
    """One row per site with measurements: `soc` (%) and `clay` (fraction), each null where no layer
    counts.

    A layer is a depth interval of a site and property; its replicates are averaged.
    """
    weighed = measurements.withColumn("_weight_cm", _weight_cm(DEPTHS[depth]))
    unweighed = F.col("_weight_cm").isNull() if DEPTHS[depth] is None else F.lit(False)
    # One exchange serves the grouping, and the join of its result with sites.
    used = weighed.where((F.col("_weight_cm") > 0) | unweighed).repartition("site_id")
    told = F.struct(*_DEPTHS, "value")
    layers = {
        name: F.collect_list(F.when(F.col("property") == name, told)).alias(f"_{name}")
        for name in (SOC, CLAY)
    }
    return (
        used.groupBy("site_id")
        .agg(*layers.values())
        .select("site_id", *(_mean(F.col(f"_{name}")).alias(name) for name in layers))
    )


def _mean(told: Column) -> Column:
    """Mean of the layers that a site's values lie in; null where it has no value."""
    only = F.try_element_at(told, F.lit(1))
    # Most sites of a survey have one value: they are spared the arrays.
    return (
        F.when(F.size(told) == 0, F.lit(None).cast("double"))
        .when(F.size(told) > 1, _weighted_mean(_layers(told)))
        .when(only["_weight_cm"].isNull(), only["value"])
        .otherwise(only["value"] * only["_weight_cm"] / only["_weight_cm"])
    )


def _layers(told: Column) -> Column:
    """Each layer with the mean of its replicates, in the order of depths, weight and mean."""
    layers = F.array_distinct(F.transform(told, _interval))
    return F.sort_array(F.transform(layers, lambda layer: _layer_mean(told, layer)))


def _interval(one: Column) -> Column:
    return F.struct(*[one[name].alias(name) for name in _DEPTHS])


def _layer_mean(told: Column, layer: Column) -> Column:
    """The layer with `_value`: replicates are added in their order, on which the sum of
    floating-point numbers depends.
    """
    own = F.filter(told, lambda one: _interval(one).eqNullSafe(layer))
    values = F.sort_array(F.transform(own, lambda one: one["value"]))
    mean = _sum(values) / F.size(values)
    return F.struct(*[layer[name].alias(name) for name in _DEPTHS], mean.alias("_value"))


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
