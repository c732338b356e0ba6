"""Coordinate systems: positions and shapes in any system of EPSG, transformed to WGS 84.

Longitude comes first everywhere.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from strata.kit.sedona import call

WGS84 = 4326


def add_geographic_system(frame: DataFrame, code: str, name: str) -> DataFrame:
    """Adds `name`, the EPSG code of the geographic system by which `add_wgs84` leads from system
    `code` to WGS 84.

    Same grain. Null for null, for codes that EPSG lacks, and for vertical, compound and
    earth-centred systems, which give a point no place on a map. Sedona's transform stops the job on
    those, so they must be known before it. Looking a code up is slow, so each is looked up once.
    """
    # WGS 84 is known; most files have nothing else, and are then spared EPSG's database.
    codes = frame.select(F.col(code).alias("_code")).where(F.col("_code") != WGS84).distinct()
    looked_up = codes.withColumn("_definition", _definition(F.col("_code"))).select(
        "_code", _geographic_code().alias(name)
    )
    # A handful of codes: broadcasting them spares a shuffle of the points.
    joined = frame.join(F.broadcast(looked_up), F.col(code) == F.col("_code"), how="left")
    own = F.when(F.col(code) == WGS84, F.lit(WGS84)).otherwise(F.col(name))
    return joined.withColumn(name, own).drop("_code")


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
    point = call("ST_Point", F.col(x), F.col(y))
    there = F.when(~is_geographic, call("ST_Transform", point, given, target))
    back = F.when(~is_geographic, call("ST_Transform", F.col("_there"), target, given))
    lon, lat = call("ST_X", F.col("_there")), call("ST_Y", F.col("_there"))
    returns = _is_near(call("ST_X", F.col("_back")), F.col(x)) & _is_near(
        call("ST_Y", F.col("_back")), F.col(y)
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


def to_wgs84(shape: Column, code: str, geographic: str) -> Column:
    """The shape in WGS 84; as it is where its system is geographic and EPSG shifts it by nothing.

    Vertices are transformed, edges stay straight: between vertices 50 km apart, a boundary moves by
    tens of metres.
    """
    given = F.concat(F.lit("EPSG:"), F.col(code).cast("string"))
    target = F.concat(F.lit("EPSG:"), F.col(geographic).cast("string"))
    is_geographic = F.col(code) == F.col(geographic)
    moved = F.when(F.col(geographic).isNotNull(), call("ST_Transform", shape, given, target))
    return F.when(is_geographic, shape).otherwise(moved)
