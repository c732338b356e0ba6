"""Areas that clients submit as tables: the areas, and the statistics of the sites in each.

`strata soil areas` gives the same figures of a file that nobody keeps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from strata.feeds.soil.draw import RANDOM
from strata.feeds.soil.params import Params
from strata.feeds.soil.sample import add_draw
from strata.feeds.soil.site_values import site_values
from strata.feeds.soil.stats import sample_columns, with_figures
from strata.kit import geo
from strata.kit.cell_join import join_cells
from strata.kit.columns import reasons
from strata.kit.history import PUT_IN_ORDER, SUPERSEDED, LatestOf, add_key, keep_latest
from strata.kit.whole import ENDED, NONE_WHOLE, Whole

if TYPE_CHECKING:
    from strata.kit.cells import Cell

SAME_AREA = "same area as another record"
FOLDS = (SAME_AREA, SUPERSEDED, ENDED)

_CHECKED = "name string, wkb binary, km2 double, repaired string, refused string"
_CONTENT = ("area_id", "area_wkb", "area_km2", "repaired")
_AREA = LatestOf(
    ("_key",),
    _CONTENT,
    f"the records of its name draw different areas, and no order is stated: {PUT_IN_ORDER}",
    SAME_AREA,
)
_CELLS = (
    "array<struct<cell_id: bigint, is_whole: boolean, is_touching: boolean, piece_wkb: binary>>"
)


# --- areas ----------------------------------------------------------------------------------------


def soil_areas(areas: DataFrame, *, whole: Whole = NONE_WHOLE) -> DataFrame:
    """One row per record of an area, of which one row per area is neither rejected nor folded.

    An area is known by its name, else by its file and record number. It is repaired or refused by
    the rules of `areas`. A later delivery supersedes an earlier one; without that two areas of one
    name are a conflict.
    """
    # A UDF: geometry is repaired and measured by shapely and PROJ, as for `strata soil areas`.
    checked = areas.withColumn("_area", F.udf(_checked, _CHECKED)("_extra", "geometry", "epsg"))
    unnamed = F.concat(F.substring("_file_sha256", 1, 12), F.lit("#"), F.col("_record_number"))
    named = checked.select(
        F.coalesce(F.col("_area.name"), unnamed).alias("area_id"),
        F.col("_area.wkb").alias("area_wkb"),
        F.col("_area.km2").alias("area_km2"),
        F.col("_area.repaired").alias("repaired"),
        reasons(F.col("_area.refused")).alias("_reasons"),
        F.col("_delivery_date").alias("_order"),
        *whole.mark(),
        "_file_sha256",
        "_record_number",
    )
    latest = keep_latest(add_key(named, "area_id"), _AREA, whole=whole)
    return latest.select(*_CONTENT, "_file_sha256", "_record_number", "_reasons", "_fold")


def _checked(extra: str | None, geometry: str | None, epsg: str | None) -> tuple[Any, ...]:
    # In the executors alone: whoever only lists tables needs no shapely.
    from strata.feeds.soil import areas

    area = areas.check_area("", geometry, epsg or "EPSG:4326")
    name = areas.name_of(areas.properties_of(extra)) or None
    wkb = None if area.shape is None else area.shape.wkb
    return name, wkb, area.km2, area.repaired or None, area.refused or None


# --- their statistics -----------------------------------------------------------------------------


def soil_area_stats(
    areas: DataFrame,
    sites: DataFrame,
    measurements: DataFrame,
    site_countries: DataFrame,
    *,
    params: Params,
) -> DataFrame:
    """One row per area, also of one without sites. Areas that overlap each have their sites.

    An area takes the place of a country in `gold.soil_country_stats`; the rules are the same. The
    row from which clusters are cut is that of the S2 cells in the area.
    """
    inside = _sites_in(areas, sites)
    valued = inside.join(site_values(measurements, params.depth), on="site_id", how="left")
    if params.method != RANDOM:
        valued = valued.join(site_countries.select("site_id", "s2_cell"), on="site_id", how="left")
    order = (*geo.along_curve("s2_cell"), F.col("site_id"))
    drawn = add_draw(valued, "area_id", order, params)
    counted = drawn.groupBy("area_id").agg(F.count(F.lit(1)).alias("n_sites"), *sample_columns())
    known = areas.select("area_id", "area_km2").join(counted, on="area_id", how="left")
    filled = known.withColumns(_nothing_for_null()).withColumns(
        {"_rows": F.lit(1), "_fold": F.lit(None).cast("string")}
    )
    return with_figures(filled, ("area_id", "area_km2", "n_sites"), params)


def _sites_in(areas: DataFrame, sites: DataFrame) -> DataFrame:
    """One row per area and site that it holds, its edge included."""
    cut = F.udf(_cells_of, _CELLS)
    mapped = areas.select("area_id", F.explode(cut("area_wkb")).alias("_cell"))
    points = sites.select("site_id", "lon_deg", "lat_deg")
    found = join_cells(points, mapped.select("area_id", "_cell.*"), "area_id", 0.0)
    return found.select("site_id", F.explode("holders").alias("area_id"))


def _cells_of(wkb: bytes) -> list[Cell]:
    from strata.kit import cells

    return cells.cells_of(wkb, 0.0)


def _nothing_for_null() -> dict[str, Column]:
    """What an area without sites has: counts of 0 and empty lists."""
    zero = F.lit(0).cast("bigint")
    counts = {
        name: F.coalesce(F.col(name), zero)
        for name in ("n_sites", "n_available", "n_drawn", "n_clay")
    }
    values = F.array().cast("array<struct<_cluster: bigint, soc: double>>")
    return counts | {
        "_soc": F.coalesce("_soc", values),
        "_clay": F.coalesce("_clay", F.array().cast("array<double>")),
    }
