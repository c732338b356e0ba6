"""Positions and boundaries: which areas hold each point, by the cells of a map (`kit.cells`)."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from strata.kit import grid
from strata.kit.grid import ECCENTRICITY_2, TOUCH_DEG
from strata.kit.sedona import call


def cell_number(lon: Column, lat: Column) -> Column:
    """The cell of a position in the grid, in the same steps as `grid.cell_of`."""
    row, column = (F.floor(edge * grid.CELLS_PER_DEG) for edge in (lat + 90, lon + 180))
    return row * grid.COLUMNS + column


def join_cells(points: DataFrame, mapped: DataFrame, area: str, near_m: float) -> DataFrame:
    """Adds to each point the areas that hold it, and else the nearest within `near_m` metres.

    Same grain. Reads `lon_deg`, `lat_deg` of the points, and of the map, which `cells.cells_of`
    made with the same `near_m`, `cell_id`, `is_whole`, `is_touching`, `piece_wkb` and the column
    `area` (any type that has an order). Adds `holder`, the first of the areas that hold the point,
    null where none does; `holders`, all of them in their order, empty where none does; `n_holders`;
    and `nearest`, the struct of `distance_m` (geodesic, WGS 84, to the millimetre; of equally near
    areas the first) and `area`, null where one holds it or none is near.
    """
    lon, lat = F.col("lon_deg"), F.col("lat_deg")
    # Tens of thousands of cells against any number of points, none of which is then shuffled.
    by_cell = F.broadcast(_by_cell(mapped, area))
    placed = points.withColumn("_cell", cell_number(lon, lat)).join(
        by_cell, F.col("_cell") == F.col("_map_cell"), how="left"
    )
    square = _square(F.lit(TOUCH_DEG), F.lit(TOUCH_DEG))
    touched = F.filter("_edges", lambda edge: call("ST_Intersects", _piece(edge), square))
    held = F.array_union("_wholes", F.transform(touched, lambda edge: edge["area"]))
    # Most points lie in a cell that one area holds: they are asked for nothing, and spared arrays.
    is_plain = F.col("_only").isNotNull()
    found = placed.withColumn(
        "_held", F.when(~is_plain & F.col("_map_cell").isNotNull(), F.array_sort(held))
    )
    around = F.transform(
        F.concat("_edges", "_nears"),
        lambda edge: F.struct(
            _distance_m(_piece(edge)).alias("distance_m"), edge["area"].alias(area)
        ),
    )
    measured = found.withColumn("_nearest", F.when(F.size("_held") == 0, F.array_min(around)))
    nobody = F.array().cast(f"array<{mapped.schema[area].dataType.simpleString()}>")
    return measured.select(
        *points.columns,
        F.coalesce("_only", F.try_element_at("_held", F.lit(1))).alias("holder"),
        F.when(is_plain, F.array("_only")).otherwise(F.coalesce("_held", nobody)).alias("holders"),
        F.when(is_plain, 1).otherwise(F.coalesce(F.size("_held"), F.lit(0))).alias("n_holders"),
        F.when(F.col("_nearest.distance_m") <= near_m, F.col("_nearest")).alias("nearest"),
    )


def _by_cell(mapped: DataFrame, area: str) -> DataFrame:
    """One row per cell: the areas that hold it whole, and the pieces that touch it or are near; or
    in `_only` the one area that holds it, where nothing else is in it.
    """
    whole, touching = F.col("is_whole"), F.col("is_touching")
    edge = F.struct(F.col(area).alias("area"), F.col("piece_wkb").alias("piece"))
    grouped = mapped.groupBy(F.col("cell_id").alias("_map_cell")).agg(
        F.collect_set(F.when(whole, F.col(area))).alias("_wholes"),
        F.collect_list(F.when(~whole & touching, edge)).alias("_edges"),
        F.collect_list(F.when(~whole & ~touching, edge)).alias("_nears"),
    )
    is_plain = (F.size("_wholes") == 1) & (F.size("_edges") == 0)
    return grouped.select(
        "_map_cell",
        F.when(is_plain, F.try_element_at("_wholes", F.lit(1))).alias("_only"),
        *[F.when(~is_plain, F.col(name)).alias(name) for name in ("_wholes", "_edges", "_nears")],
    )


def _piece(edge: Column) -> Column:
    return call("ST_GeomFromWKB", edge["piece"])


def _square(lon_reach: Column, lat_reach: Column) -> Column:
    lon, lat = F.col("lon_deg"), F.col("lat_deg")
    return call(
        "ST_PolygonFromEnvelope", lon - lon_reach, lat - lat_reach, lon + lon_reach, lat + lat_reach
    )


def _distance_m(piece: Column) -> Column:
    """Geodesic distance from the point to the nearest place of a piece that does not hold it, to
    the millimetre.

    Which place is the nearest is judged in a plane that has, at the point, the proportions of the
    ellipsoid; over a few kilometres this misplaces it by metres along the shore, and so the
    distance by millimetres.
    """
    lon, lat = F.col("lon_deg"), F.col("lat_deg")
    shrink = _lon_per_lat(lat)
    nearest = call(
        "ST_ClosestPoint",
        call("ST_Scale", piece, shrink, F.lit(1.0)),
        call("ST_Point", lon * shrink, lat),
    )
    place = call("ST_Point", call("ST_X", nearest) / shrink, call("ST_Y", nearest))
    return F.round(call("ST_DistanceSpheroid", call("ST_Point", lon, lat), place), 3)


def _lon_per_lat(lat: Column) -> Column:
    """Length of a degree of longitude in degrees of latitude, on the ellipsoid: (N / M)
    cos(latitude).
    """
    sine = F.sin(F.radians(lat))
    prime_over_meridional = (1 - F.lit(ECCENTRICITY_2) * sine * sine) / (1 - ECCENTRICITY_2)
    return F.greatest(prime_over_meridional * F.cos(F.radians(lat)), F.lit(1e-9))
