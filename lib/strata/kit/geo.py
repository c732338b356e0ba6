"""Cells of positions, and boundaries as well-known binary.

Longitude comes first everywhere. Tables never hold Sedona's own geometry type, which other readers
cannot open: a boundary goes in and out as well-known binary (WKB), a position as two doubles.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from strata.kit.sedona import call
from strata.kit.systems import to_wgs84

# --- a curve through all positions ---------------------------------------------------------------

_S2_LEAF = 30


def s2_cell(lon: Column, lat: Column) -> Column:
    """The smallest S2 cell (under 1 cm²) that holds a position, as a signed 64-bit number.

    Cells in the order of their numbers, taken as unsigned, follow a Hilbert curve over each of six
    faces of the globe (S2 Geometry, "S2 cell hierarchy"): neighbours on the curve are neighbours on
    the ground.
    """
    return F.element_at(call("ST_S2CellIDs", call("ST_Point", lon, lat), F.lit(_S2_LEAF)), F.lit(1))


def h3_cell(lon: Column, lat: Column, resolution: int) -> Column:
    """The H3 cell of this resolution (0 to 15) that holds a position, as a 64-bit number; null
    where either is null.
    """
    cells = call("ST_H3CellIDs", call("ST_Point", lon, lat), F.lit(resolution), F.lit(False))
    return F.when(lon.isNotNull() & lat.isNotNull(), F.element_at(cells, F.lit(1)))


def along_curve(cell: str) -> tuple[Column, Column]:
    """An ordering by S2 cells along their curve: numbers above 2⁶³ are negative here, and come
    last.
    """
    return F.col(cell) < 0, F.col(cell)


# --- boundaries ----------------------------------------------------------------------------------

_GEOJSON = "struct<type:string,coordinates:string>"
_NOWHERE = '{"type":"MultiPolygon","coordinates":[]}'


def add_polygon_wkb(
    frame: DataFrame, geojson: str, name: str, systems: tuple[str, str] | None = None
) -> DataFrame:
    """Adds `name`, the WKB of a GeoJSON Polygon or MultiPolygon, made valid; null where it is
    neither, or has no area.

    Same grain. Every ring must have four positions or more, the last as the first, all of finite
    numbers: on other text Sedona stops the job, so it never sees any. What is invalid only in its
    shape (a bow tie, rings that overlap) is repaired by JTS' GeometryFixer; lines and points that
    the repair leaves are dropped. `systems` names two columns: the EPSG code of the coordinates,
    which are then transformed to WGS 84, and what `add_geographic_system` gives for it; null where
    that is null.
    """
    # Not null: Sedona's reader raises a NullPointerException on that too.
    sound = F.when(_is_sound(F.col("_polygons")), F.col(geojson)).otherwise(F.lit(_NOWHERE))
    valid = call(
        "ST_CollectionExtract", call("ST_MakeValid", call("ST_GeomFromGeoJSON", sound)), F.lit(3)
    )
    # Step by step, so that a large boundary is parsed and repaired once.
    parsed = frame.withColumn("_parsed", F.from_json(geojson, _GEOJSON)).withColumn(
        "_polygons", _polygons(F.col("_parsed"))
    )
    shaped = parsed.withColumn("_valid", valid)
    if systems:
        shaped = shaped.withColumn("_valid", to_wgs84(F.col("_valid"), *systems))
    wkb = F.when(call("ST_Area", F.col("_valid")) > 0, call("ST_AsBinary", F.col("_valid")))
    return shaped.withColumn(name, wkb).drop("_parsed", "_polygons", "_valid")


def _polygons(parsed: Column) -> Column:
    """The coordinates of a polygon or multipolygon, as those of a multipolygon; null for other
    geometries.
    """
    one = F.from_json(parsed["coordinates"], "array<array<array<double>>>")
    many = F.from_json(parsed["coordinates"], "array<array<array<array<double>>>>")
    return F.when(parsed["type"] == "Polygon", F.array(one)).when(
        parsed["type"] == "MultiPolygon", many
    )


def _is_sound(polygons: Column) -> Column:
    has_rings = F.forall(
        polygons, lambda rings: (F.size(rings) > 0) & F.forall(rings, _is_sound_ring)
    )
    return F.coalesce((F.size(polygons) > 0) & has_rings, F.lit(False))


def _is_sound_ring(ring: Column) -> Column:
    first, last = F.element_at(ring, 1), F.element_at(ring, -1)
    closes = (first[0] == last[0]) & (first[1] == last[1])
    return (F.size(ring) >= 4) & F.forall(ring, _is_sound_position) & closes


def _is_sound_position(position: Column) -> Column:
    # Half way round the Earth is 2e7 m, and the largest false easting, that of EPSG:4647, 3.25e7.
    limit = F.lit(6e7)
    # NaN is greater than any number in Spark, so the limit refuses it too.
    return (F.size(position) >= 2) & (F.abs(position[0]) < limit) & (F.abs(position[1]) < limit)


def box(wkb: Column) -> dict[str, Column]:
    """The edges of a boundary's box: `min_lon_deg`, `min_lat_deg`, `max_lon_deg`, `max_lat_deg`."""
    shape = call("ST_GeomFromWKB", wkb)
    return {
        "min_lon_deg": call("ST_XMin", shape),
        "min_lat_deg": call("ST_YMin", shape),
        "max_lon_deg": call("ST_XMax", shape),
        "max_lat_deg": call("ST_YMax", shape),
    }
