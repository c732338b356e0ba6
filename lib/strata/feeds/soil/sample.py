"""The sites that are drawn of each group, a country or an area, as columns."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from strata.feeds.soil import draw
from strata.feeds.soil.draw import RANDOM
from strata.feeds.soil.measurements import SOC
from strata.feeds.soil.params import Params


def add_draw(
    sites: DataFrame, group: str, order: Sequence[str | Column], params: Params
) -> DataFrame:
    """Adds `is_drawn`, `_cluster` (null for single sites), and for every site of a group
    `_n_clusters`, `_least` and `_greatest` (probability to be drawn), null where none is available.

    A site is available if it has organic carbon and a group. `order` is the row along the curve
    from which clusters are cut; single sites need none.
    """
    is_available = F.col(SOC).isNotNull() & F.col(group).isNotNull()
    known = sites.withColumn("_is_available", is_available)
    if params.method == RANDOM:
        return _add_random_draw(known, group, params)
    return _add_cluster_draw(known, group, order, params)


def _add_random_draw(sites: DataFrame, group: str, params: Params) -> DataFrame:
    """The first `samples` available sites of each group by SHA-256 of `seed|site_id`.

    Exactly so many, or all that there are; a smaller sample of the same seed is part of a larger
    one.
    """
    lot = F.sha2(F.concat(F.lit(f"{params.seed}|"), F.col("site_id")), 256)
    mine = Window.partitionBy(group, "_is_available")
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


def _add_cluster_draw(
    sites: DataFrame, group: str, order: Sequence[str | Column], params: Params
) -> DataFrame:
    """The available sites of each group in the order of the curve, cut into clusters of which one
    or more are drawn; the rules stand in `draw`.
    """
    row = Window.partitionBy(group, "_is_available").orderBy(*order)
    placed = sites.withColumn("_place", F.row_number().over(row) - 1)
    exact = params.method == draw.CLUSTER_EXACT
    # A UDF: a lot is a whole number of 256 bits. It sees one row a group.
    cut = F.udf(partial(_cut, params.samples, params.clusters, exact, params.seed), _CUT)
    cuts = (
        sites.where("_is_available")
        .groupBy(group)
        .agg(F.count(F.lit(1)).alias("_n"))
        .select(group, cut(group, "_n").alias("_cut"))
    )
    joined = placed.join(F.broadcast(cuts), on=group, how="left")
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


def _cut(asked: int, clusters: int, exact: bool, seed: int, group: str, n: int) -> draw.Cut:
    return draw.cut(n, asked, clusters, exact, f"{seed}|{group}")
