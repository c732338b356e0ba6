"""Everything spatial; the only module that calls Sedona.

Its functions are called by name, as SQL does: they are there in every session that has Sedona's
extension, also behind Spark Connect, and no Python package of Sedona's is needed.

Longitude comes first everywhere. Tables never hold Sedona's own geometry type, which other readers
cannot open: a boundary goes in and out as well-known binary (WKB), a position as two doubles.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from strata.kit import grid

WGS84 = 4326

# The square of the eccentricity of WGS 84's ellipsoid.
_ECCENTRICITY_2 = 0.0066943799901413165

TOUCH_DEG = 1e-9
"""A position this near to a boundary, in longitude and in latitude, lies on it: 0.1 mm, far below
what positions are told to, and far above what cutting a boundary into pieces moves its edges by
(1e-14)."""


def _call(name: str, *arguments: Column) -> Column:
    return F.call_function(name, *arguments)


# --- positions -----------------------------------------------------------------------------------


def add_geographic_system(frame: DataFrame, code: str, name: str) -> DataFrame:
    """Adds `name`, the EPSG code of the geographic system by which `add_wgs84` leads from system
    `code` to WGS 84.

    Same grain. Null for null, for codes that EPSG lacks, and for vertical, compound and
    earth-centred systems, which give a point no place on a map. Sedona's transform stops the job on
    those, so they must be known before it. Looking a code up is slow, so each is looked up once.
    """
    codes = frame.select(F.col(code).alias("_code")).where(F.col("_code").isNotNull()).distinct()
    looked_up = codes.withColumn("_definition", _definition(F.col("_code"))).select(
        "_code", _geographic_code().alias(name)
    )
    # A handful of codes: broadcasting them spares a shuffle of the points.
    return frame.join(F.broadcast(looked_up), F.col(code) == F.col("_code"), how="left").drop(
        "_code"
    )


def _definition(code: Column) -> Column:
    """The system's definition as well-known text, from the EPSG data inside GeoTools; null if there
    is none.
    """
    return F.try_reflect(
        F.lit("org.geotools.referencing.CRS"),
        F.lit("decode"),
        F.concat(F.lit("EPSG:"), code.cast("string")),
    )


def _geographic_code() -> Column:
    """WGS 84's code; the code of the system's own geographic system, where EPSG ties that to WGS 84
    by zeros.

    Longitudes and latitudes in ETRS89 and its like are those in WGS 84: that is what the zeros say,
    and what PROJ does. GeoTools works a shift out all the same, by Molodensky's formula, and comes
    out 4 mm to the north.
    """
    text = F.col("_definition")
    axes = F.size(F.split(text, r"AXIS\[")) - 1
    is_flat = text.startswith("PROJCS[") | (text.startswith("GEOGCS[") & (axes == 2))
    is_unshifted = (
        text.rlike(r"TOWGS84\[[-0., ]*\]")
        & text.contains('PRIMEM["Greenwich"')
        & text.contains('UNIT["degree"')
    )
    own = F.regexp_extract(
        text, r'AUTHORITY\["EPSG","([0-9]+)"\]\](?:,\s*PROJECTION|\s*$)', 1
    ).try_cast("int")
    return F.when(is_flat, F.coalesce(F.when(is_unshifted, own), F.lit(WGS84)))


def add_wgs84(frame: DataFrame, x: str, y: str, code: str, geographic: str, name: str) -> DataFrame:
    """Adds `name`, `struct<lon, lat>` in degrees of WGS 84, of a position in the system of the EPSG
    code.

    Same grain. x is the easting or longitude and y the northing or latitude, whatever order of axes
    EPSG names; `geographic` comes from `add_geographic_system`. Null where one of them is null, and
    where the position cannot be transformed: far outside of its system's area GeoTools gives wrong
    positions without a word, but they do not lead back to where they came from.
    """
    # What is told in a geographic system needs no arithmetic; and Sedona might stop the job at a
    # latitude of 95.
    is_geographic = F.col(code) == F.col(geographic)
    given = F.when(~is_geographic, F.concat(F.lit("EPSG:"), F.col(code).cast("string")))
    target = F.concat(F.lit("EPSG:"), F.col(geographic).cast("string"))
    point = _call("ST_Point", F.col(x), F.col(y))
    there = F.when(~is_geographic, _call("ST_Transform", point, given, target))
    back = F.when(~is_geographic, _call("ST_Transform", F.col("_there"), target, given))
    lon, lat = _call("ST_X", F.col("_there")), _call("ST_Y", F.col("_there"))
    returns = _is_near(_call("ST_X", F.col("_back")), F.col(x)) & _is_near(
        _call("ST_Y", F.col("_back")), F.col(y)
    )
    as_told = F.when(
        is_geographic & F.col(x).isNotNull() & F.col(y).isNotNull(),
        F.struct(F.col(x).alias("lon"), F.col(y).alias("lat")),
    )
    # Step by step, so that no transformation is worked out more than once.
    placed = frame.withColumn("_there", there).withColumn("_back", back)
    transformed = F.when(returns, F.struct(lon.alias("lon"), lat.alias("lat")))
    return placed.withColumn(name, F.coalesce(as_told, transformed)).drop("_there", "_back")


def _is_near(found: Column, given: Column) -> Column:
    """Equal to about a metre in a projected system, and to about a metre in degrees."""
    return F.abs(found - given) <= F.lit(1e-6) * (F.abs(given) + 10)


MEASURED_M: dict[int, float] = {
    4167: 0.0, 4258: 0.0, 4269: 0.0, 4283: 0.0, 4326: 0.0, 7844: 0.0,
    3857: 0.0, 5070: 0.0, 7801: 0.0, 3301: 0.0, 3763: 0.0, 3794: 0.0,
    3978: 0.0, 3812: 0.0, 2154: 0.0, 2157: 0.0, 3765: 0.0, 6707: 0.0,
    25829: 0.0, 32635: 0.0, 32632: 0.0, 32634: 0.0, 32630: 0.0, 32631: 0.0,
    32628: 0.0, 32633: 0.0, 3046: 0.0, 3045: 0.0, 32629: 0.0, 25834: 0.0,
    25833: 0.0, 25831: 0.0, 25830: 0.0, 25832: 0.0, 25835: 0.0, 25828: 0.0,
    3059: 0.0001, 3346: 0.0001, 2180: 0.0001, 2193: 0.0005, 3035: 0.0007, 3067: 0.0025,
    29902: 0.0043, 27700: 0.0044, 31370: 0.0045, 2100: 0.0045, 27572: 0.0047, 2169: 0.0052,
    28992: 0.0077, 3006: 0.0088, 2056: 0.0448, 21781: 0.0448, 31256: 1.3544, 31287: 1.8575,
    31468: 2.4391, 31467: 2.69, 3844: 3.526, 23032: 3.7801, 23031: 6.7668, 5514: 14.4632,
    3004: 68.5938, 3003: 82.5405, 23030: 99.7166, 4230: 197.0375, 4267: 222.3114,
}  # fmt: skip
"""The furthest that positions of a system lie from where PROJ puts them, in metres, as measured by
`bench/crs.py` with Sedona 1.8.0 and PROJ 9 without grids of datum shifts: where the two choose
another datum shift, it is metres. docs/SOIL_SYSTEMS.md has the names."""


def measured_error_m(code: Column) -> Column:
    """How far a position in the system of this EPSG code may lie from PROJ's, in metres; null for a
    system that was not measured.
    """
    pairs = [F.lit(part) for pair in MEASURED_M.items() for part in pair]
    return F.try_element_at(F.create_map(*pairs), code)


# --- a curve through all positions ---------------------------------------------------------------

_S2_LEAF = 30


def s2_cell(lon: Column, lat: Column) -> Column:
    """The smallest S2 cell (under 1 cm²) that holds a position, as a signed 64-bit number.

    Cells in the order of their numbers, taken as unsigned, follow a Hilbert curve over each of six
    faces of the globe (S2 Geometry, "S2 cell hierarchy"): neighbours on the curve are neighbours on
    the ground.
    """
    return F.element_at(
        _call("ST_S2CellIDs", _call("ST_Point", lon, lat), F.lit(_S2_LEAF)), F.lit(1)
    )


def h3_cell(lon: Column, lat: Column, resolution: int) -> Column:
    """The H3 cell of this resolution (0 to 15) that holds a position, as a 64-bit number; null
    where either is null.
    """
    cells = _call("ST_H3CellIDs", _call("ST_Point", lon, lat), F.lit(resolution), F.lit(False))
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
    valid = _call(
        "ST_CollectionExtract", _call("ST_MakeValid", _call("ST_GeomFromGeoJSON", sound)), F.lit(3)
    )
    # Step by step, so that a large boundary is parsed and repaired once.
    parsed = frame.withColumn("_parsed", F.from_json(geojson, _GEOJSON)).withColumn(
        "_polygons", _polygons(F.col("_parsed"))
    )
    shaped = parsed.withColumn("_valid", valid)
    if systems:
        shaped = shaped.withColumn("_valid", _in_wgs84(F.col("_valid"), *systems))
    wkb = F.when(_call("ST_Area", F.col("_valid")) > 0, _call("ST_AsBinary", F.col("_valid")))
    return shaped.withColumn(name, wkb).drop("_parsed", "_polygons", "_valid")


def _in_wgs84(shape: Column, code: str, geographic: str) -> Column:
    """The shape in WGS 84; as it is where its system is geographic and EPSG shifts it by nothing.

    Vertices are transformed, edges stay straight: between vertices 50 km apart, a boundary moves by
    tens of metres.
    """
    given = F.concat(F.lit("EPSG:"), F.col(code).cast("string"))
    target = F.concat(F.lit("EPSG:"), F.col(geographic).cast("string"))
    is_geographic = F.col(code) == F.col(geographic)
    moved = F.when(F.col(geographic).isNotNull(), _call("ST_Transform", shape, given, target))
    return F.when(is_geographic, shape).otherwise(moved)


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
    shape = _call("ST_GeomFromWKB", wkb)
    return {
        "min_lon_deg": _call("ST_XMin", shape),
        "min_lat_deg": _call("ST_YMin", shape),
        "max_lon_deg": _call("ST_XMax", shape),
        "max_lat_deg": _call("ST_YMax", shape),
    }


# --- positions and boundaries --------------------------------------------------------------------


def cell_number(lon: Column, lat: Column) -> Column:
    """The cell of a position in the grid, in the same steps as `grid.cell_of`."""
    row, column = (F.floor(edge * grid.CELLS_PER_DEG) for edge in (lat + 90, lon + 180))
    return row * grid.COLUMNS + column


def join_cells(points: DataFrame, mapped: DataFrame, area: str, near_m: float) -> DataFrame:
    """Adds to each point the areas that hold it, and else the nearest within `near_m` metres.

    Same grain. Reads `lon_deg`, `lat_deg` of the points, and of the map, which `cells.cells_of`
    made with the same `near_m`, `cell_id`, `is_whole`, `is_touching`, `piece_wkb` and the column
    `area` (any type that has an order). Adds `holders`, all areas that hold the point, in their
    order, empty where none does; and `nearest`, the struct of `distance_m` (geodesic, WGS 84, to
    the millimetre; of equally near areas the first) and `area`, null where one holds it or none is
    near.
    """
    lon, lat = F.col("lon_deg"), F.col("lat_deg")
    # Tens of thousands of cells against any number of points, none of which is then shuffled.
    by_cell = F.broadcast(_by_cell(mapped, area))
    placed = points.withColumn("_cell", cell_number(lon, lat)).join(
        by_cell, F.col("_cell") == F.col("_map_cell"), how="left"
    )
    square = _square(F.lit(TOUCH_DEG), F.lit(TOUCH_DEG))
    touched = F.filter("_edges", lambda edge: _call("ST_Intersects", _piece(edge), square))
    # Most points lie in a cell without a boundary: they are asked for nothing.
    held = F.when(
        F.size("_edges") > 0,
        F.array_union("_wholes", F.transform(touched, lambda edge: edge["area"])),
    ).otherwise(F.col("_wholes"))
    nobody = F.array().cast(f"array<{mapped.schema[area].dataType.simpleString()}>")
    found = placed.withColumn(
        "holders",
        F.coalesce(F.array_sort(held), nobody),
    )
    around = F.transform(
        F.concat("_edges", "_nears"),
        lambda edge: F.struct(
            _distance_m(_piece(edge)).alias("distance_m"), edge["area"].alias(area)
        ),
    )
    is_alone = (F.size("holders") == 0) & F.col("_map_cell").isNotNull()
    nearest = F.when(is_alone, F.array_min(around))
    measured = found.withColumn("_nearest", nearest)
    return measured.select(
        *points.columns,
        "holders",
        F.when(F.col("_nearest.distance_m") <= near_m, F.col("_nearest")).alias("nearest"),
    )


def _by_cell(mapped: DataFrame, area: str) -> DataFrame:
    """One row per cell: the areas that hold it whole, and the pieces that touch it or are near."""
    whole, touching = F.col("is_whole"), F.col("is_touching")
    edge = F.struct(F.col(area).alias("area"), F.col("piece_wkb").alias("piece"))
    return mapped.groupBy(F.col("cell_id").alias("_map_cell")).agg(
        F.collect_set(F.when(whole, F.col(area))).alias("_wholes"),
        F.collect_list(F.when(~whole & touching, edge)).alias("_edges"),
        F.collect_list(F.when(~whole & ~touching, edge)).alias("_nears"),
    )


def _piece(edge: Column) -> Column:
    return _call("ST_GeomFromWKB", edge["piece"])


def _square(lon_reach: Column, lat_reach: Column) -> Column:
    lon, lat = F.col("lon_deg"), F.col("lat_deg")
    return _call(
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
    nearest = _call(
        "ST_ClosestPoint",
        _call("ST_Scale", piece, shrink, F.lit(1.0)),
        _call("ST_Point", lon * shrink, lat),
    )
    place = _call("ST_Point", _call("ST_X", nearest) / shrink, _call("ST_Y", nearest))
    return F.round(_call("ST_DistanceSpheroid", _call("ST_Point", lon, lat), place), 3)


def _lon_per_lat(lat: Column) -> Column:
    """Length of a degree of longitude in degrees of latitude, on the ellipsoid: (N / M)
    cos(latitude).
    """
    sine = F.sin(F.radians(lat))
    prime_over_meridional = (1 - F.lit(_ECCENTRICITY_2) * sine * sine) / (1 - _ECCENTRICITY_2)
    return F.greatest(prime_over_meridional * F.cos(F.radians(lat)), F.lit(1e-9))
