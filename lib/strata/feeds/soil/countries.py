"""Countries: their boundaries, the cells in which they lie, and the one country of each site."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from strata.feeds.soil.iso3166 import ALPHA_2, ALPHA_2_OF_3, USER_ASSIGNED
from strata.feeds.soil.sites import parse_epsg
from strata.kit import geo, systems
from strata.kit.cell_join import join_cells
from strata.kit.columns import blank_to_null, flag, reasons
from strata.kit.history import (
    PUT_IN_ORDER,
    SUPERSEDED,
    LatestOf,
    add_key,
    is_sound,
    keep_latest,
)
from strata.kit.whole import ENDED, NONE_WHOLE, Whole

if TYPE_CHECKING:
    from strata.kit.cells import Cell

SAME_BOUNDARY = "same boundary as another record"
NO_COUNTRY = "no country: a region, a land area or a border line"
FOLDS = (SAME_BOUNDARY, SUPERSEDED, ENDED, NO_COUNTRY)

INSIDE, BORDER, COAST, NONE = "inside", "border", "coast", "none"
"""The rules that give a site its country."""

COAST_M = 5_000.0
"""A site that no country holds belongs to the nearest within so many metres: boundaries at
1:10,000,000 are drawn to a few kilometres, and soil is not sampled in the sea."""

# The EU's own codes for two countries (Interinstitutional style guide, annex A5).
_EU_CODES = {"EL": "GR", "UK": "GB"}

# How sources write that a territory has no numeric code.
_NO_CODE = ("-99", "-099", "NaN", "nan", "None", "null")

_CONTENT = ("country_id", "country_code", "country_name", "source", "boundary_wkb")
_COUNTRY = LatestOf(
    ("_key",),
    _CONTENT,
    f"the records of its country draw different boundaries, and no order is stated: {PUT_IN_ORDER}",
    SAME_BOUNDARY,
)
_BOX = ("min_lon_deg", "min_lat_deg", "max_lon_deg", "max_lat_deg")


# --- boundaries ----------------------------------------------------------------------------------


def soil_countries(boundaries: DataFrame, *, whole: Whole = NONE_WHOLE) -> DataFrame:
    """One row per record of a boundary, of which one row per country is neither rejected nor
    folded.

    Equal boundaries of one country are one, the least by file and record number; a later delivery
    supersedes an earlier one; without that two boundaries are a conflict. A country that a later
    whole delivery lacks is folded.
    """
    named = boundaries.withColumns(
        {
            "_own_code": _country_code(),
            "country_name": F.coalesce(
                *(blank_to_null(F.col(name)) for name in ("name_en", "name_int", "name"))
            ),
            "boundary_srid": F.lit(systems.WGS84),
        }
    )
    coded = named.withColumn("country_code", F.coalesce("_own_code", _code_of_name())).drop(
        "_own_code"
    )
    told = coded.withColumn("_system", parse_epsg(F.coalesce("epsg", F.lit("4326"))))
    known = systems.add_geographic_system(told, "_system", "_geographic")
    shaped = geo.add_polygon_wkb(known, "geometry", "boundary_wkb", ("_system", "_geographic"))
    typed = shaped.withColumns({"country_id": _country_id(), **geo.box(F.col("boundary_wkb"))})
    flagged = typed.withColumns(
        {"_reasons": _boundary_reasons(), "_order": F.col("_delivery_date")}
    )
    is_other = ~_is_country() & is_sound()
    # Nor does it take part where boundaries of one country are compared.
    takes_part = is_sound() & _is_country() & _is_on_the_map()
    latest = keep_latest(add_key(flagged, "country_id"), _COUNTRY, takes_part, whole)
    folded = latest.withColumn("_fold", F.coalesce("_fold", F.when(is_other, NO_COUNTRY)))
    return folded.select(
        *_CONTENT, "boundary_srid", *_BOX, "_file_sha256", "_record_number", "_reasons", "_fold"
    )


def _is_country() -> Column:
    """Whether the source counts the area among countries: OpenStreetMap has their land areas and
    border lines too, NUTS and geoBoundaries their regions.
    """
    has_level = F.col("country_level").isNull() | F.col("level").eqNullSafe(F.col("country_level"))
    return has_level & F.coalesce(F.col("kind") == "administrative", F.lit(True))


def _is_on_the_map() -> Column:
    """Whether it has a name, and a boundary on the globe, without which the gate rejects it."""
    [west, south, east, north] = map(F.col, _BOX)
    is_on_globe = (west >= -180) & (east <= 180) & (south >= -90) & (north <= 90)
    return F.col("country_name").isNotNull() & F.coalesce(is_on_globe, F.lit(False))


def _numeric_code(name: str) -> Column:
    """Three digits, from `56`, `056` or `56.0`; null where the source says that there is none."""
    told = blank_to_null(F.col(name))
    digits = F.lpad(F.regexp_extract(told, r"^([0-9]{1,3})(?:\.0)?\z", 1), 3, "0")
    return F.when(
        told.isNotNull() & ~told.isin(*_NO_CODE),
        F.when(told.rlike(r"^[0-9]{1,3}(\.0)?\z"), digits).otherwise(told),
    )


def _country_code() -> Column:
    """ISO 3166-1 alpha-2 by the numeric code; else by Natural Earth's own codes for countries whose
    territory it draws differently (Norway, France); else by the codes of letters; by name only for
    a territory that has none.
    """
    codes, three = _lookup(ALPHA_2), _lookup(ALPHA_2_OF_3)
    has_none = _numeric_code("iso_n3").isNull() & _numeric_code("iso_n3_eh").isNull()
    by_name = F.when(has_none, F.element_at(_lookup(USER_ASSIGNED), F.col("name")))
    return F.coalesce(
        F.element_at(codes, _numeric_code("iso_n3")),
        F.element_at(codes, _numeric_code("iso_n3_eh")),
        _two_letters("iso_a2_eh"),
        _two_letters("iso_a2"),
        F.element_at(three, F.upper(blank_to_null(F.col("iso_a3_eh")))),
        F.element_at(three, F.upper(blank_to_null(F.col("iso_a3")))),
        by_name,
    )


def _code_of_name() -> Column:
    """The code that another record of the country's name tells, if all tell one: a later, fuller
    record continues a country that was first told without its code.
    """
    same = Window.partitionBy("source", "country_name")
    least, most = F.min("_own_code").over(same), F.max("_own_code").over(same)
    return F.when(F.col("country_name").isNotNull() & (least == most), least)


def _two_letters(name: str) -> Column:
    """The alpha-2 code that a field tells, the EU's own as ISO's; null where it tells none."""
    told = F.upper(blank_to_null(F.col(name)))
    own = F.coalesce(F.element_at(_lookup(_EU_CODES), told), told)
    return F.when(own.isin(*ALPHA_2.values(), *USER_ASSIGNED.values()), own)


def _lookup(texts: dict[str, str]) -> Column:
    return F.create_map(*[F.lit(text) for pair in texts.items() for text in pair])


def _country_id() -> Column:
    return F.coalesce("country_code", F.concat(F.lit("name:"), F.col("country_name")))


def _boundary_reasons() -> Column:
    is_unknown = _numeric_code("iso_n3").isNotNull() & F.col("country_code").isNull()
    is_shapeless = (
        F.col("geometry").isNotNull()
        & F.col("boundary_wkb").isNull()
        & F.col("_geographic").isNotNull()
    )
    return reasons(
        flag(
            F.col("_geographic").isNull(),
            "the file's coordinate system must be a projected or geographic one of EPSG",
        ),
        flag(is_unknown, "iso_n3 must be a numeric code of ISO 3166-1"),
        flag(
            is_shapeless,
            "the geometry must be a GeoJSON polygon or multipolygon of closed rings, with an area",
        ),
    )


# --- the map as cells ----------------------------------------------------------------------------

_CELLS = (
    "array<struct<cell_id: bigint, is_whole: boolean, is_touching: boolean, piece_wkb: binary>>"
)


def soil_country_cells(countries: DataFrame) -> DataFrame:
    """One row per country and cell of the grid in which it lies, or within 5 km of which it does.

    `_rows` is 1 on the first row of a country, and 0 on its others.
    """
    # A UDF: shapely cuts a boundary in halves again and again; it sees one row a country.
    cut = F.udf(_cells_of, _CELLS)
    named = countries.select(
        "country_id", "country_code", "country_name", "_file_sha256", "_record_number",
        F.posexplode(cut("boundary_wkb")).alias("_place", "_cell"),
    )  # fmt: skip
    return named.select(
        "_cell.*",
        "country_id",
        "country_code",
        "country_name",
        F.when(F.col("_place") == 0, 1).otherwise(0).alias("_rows"),
        "_file_sha256",
        "_record_number",
    )


def _cells_of(wkb: bytes) -> list[Cell]:
    # In the executors alone: whoever only lists tables needs no shapely.
    from strata.kit import cells

    return cells.cells_of(wkb, COAST_M)


# --- the country of a site -----------------------------------------------------------------------


def soil_site_countries(sites: DataFrame, country_cells: DataFrame) -> DataFrame:
    """One row per site, with its country, if any, the rule that gave it (`inside`, `border`,
    `coast`, `none`), and its cell along the curve from which clusters are cut.

    Reads `lon_deg`, `lat_deg` of the sites. The rules stand in the contract.
    """
    mapped = country_cells.withColumn(
        "country", F.struct("country_id", "country_code", "country_name")
    )
    points = sites.select("site_id", "lon_deg", "lat_deg", "_file_sha256", "_record_number")
    count, nearest = F.col("n_holders"), F.col("nearest")
    # Countries compare by their first field, country_id, which is unique: the first holder is the
    # first by id.
    country = F.coalesce(F.col("holder"), nearest["country"])
    rule = (
        F.when(count == 1, INSIDE)
        .when(count > 1, BORDER)
        .when(nearest.isNotNull(), COAST)
        .otherwise(NONE)
    )
    return join_cells(points, mapped, "country", COAST_M).select(
        "site_id",
        country["country_id"].alias("country_id"),
        country["country_code"].alias("country_code"),
        country["country_name"].alias("country_name"),
        rule.alias("rule"),
        F.when(rule == COAST, nearest["distance_m"]).alias("coast_distance_m"),
        geo.s2_cell(F.col("lon_deg"), F.col("lat_deg")).alias("s2_cell"),
        "_file_sha256",
        "_record_number",
    )
