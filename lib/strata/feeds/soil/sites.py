"""Sampling sites: which records speak of the same place, and where it is."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from strata.feeds.soil.dates import add_date, parse_year_of_day
from strata.kit import systems
from strata.kit.columns import (
    add_reasons,
    blank_to_null,
    flag,
    marker_to_null,
    parse_bigint,
    parse_double,
    reasons,
)
from strata.kit.history import (
    PUT_IN_ORDER,
    SUPERSEDED,
    add_key,
    add_latest,
    differ,
    end_missing,
)
from strata.kit.shared import UNKNOWN, Shared
from strata.kit.values import mangled_text
from strata.kit.whole import ENDED, NONE_WHOLE, Whole

SAME_SITE = "same site as another record"
FOLDS = (SAME_SITE, SUPERSEDED, ENDED)

_POSITION = ("source", "source_site_id", "lon", "lat", "x", "y", "epsg", "geometry_type")
_DESCRIPTION = ("sampled_on", "sampled_on_precision", "taxon_wrb", "taxon_usda")
_PROVENANCE = ("_file_sha256", "_record_number", "_delivery_date")
_COLUMNS = (
    "site_id", "source", "source_site_id", "lon_deg", "lat_deg", "epsg", "position_error_m",
    *_DESCRIPTION,
    "_file_sha256", "_record_number", "_reasons", "_fold",
)  # fmt: skip


_OWN = r"btrim(source_site_id, ' \t\r\n\u00a0')"
SITE_KEY = (
    f"coalesce(case when {_OWN} not in ('', 'NA') then concat(source, ':', {_OWN}) end, '')",
)
"""What records of one site have in common: its id as `add_site_id` makes it. Those without an id
share one: only their positions tell whether they are one site.
"""


def soil_sites(
    samples: DataFrame,
    sites: DataFrame,
    *,
    shared: Shared = UNKNOWN,
    whole: Whole = NONE_WHOLE,
) -> DataFrame:
    """One row per record of a site or a sample, of which one row per site is neither rejected nor
    folded.

    A site is known by its source's id, else by its position rounded to 7 decimals of a degree. Of
    the records of a site the one that describes it stands for it, and of several equal ones the
    least by content, file and record number, so that arrival decides nothing. Within records that
    describe sites, and within samples, a later delivery supersedes an earlier one.

    | record                   | gives                                                           |
    | ------------------------ | --------------------------------------------------------------- |
    | profile BE1 at 5.9, 50.6 | the row of site isis:BE1                                        |
    | horizon of profile BE1   | folded: same site as another record                             |
    | horizon of profile XX9   | rejected: waits for the position of its site                    |
    """
    alone, several = shared.split(samples)
    if shared.hashes is not None:
        # One record of a sample, and no description, has nobody to agree with.
        described = sites.select(*map(F.expr, SITE_KEY)).distinct().toDF("_key")
        keyed = alone.withColumn("_key", F.expr(*SITE_KEY))
        is_described = keyed.join(described, on="_key", how="left_semi").drop("_key")
        alone = keyed.join(described, on="_key", how="left_anti").drop("_key")
        several = several.unionByName(is_described)
    records = _described(sites, whole).unionByName(_undescribed(several, whole))
    folded = _fold_by_site(add_site_id(records), whole).select(*_COLUMNS)
    if shared.hashes is None:
        return folded
    single = _alone(add_site_id(_undescribed(alone, whole)), whole).select(*_COLUMNS)
    return single.unionByName(folded)


def add_site_id(records: DataFrame) -> DataFrame:
    """Adds `site_id` to bronze records of sites or samples, and with it `lon_deg`, `lat_deg`,
    `epsg_code`, `has_position` and `_reasons`. Same grain.

    `site_id` is null where neither an id nor a usable position is told.
    """
    located = _add_position(records)
    own = _own_id()
    mapped = F.when(own.isNotNull(), F.concat(F.col("source"), F.lit(":"), own))
    placed = F.when(
        F.col("has_position"),
        F.concat(F.lit("at:"), _fixed("lon_deg"), F.lit(","), _fixed("lat_deg")),
    )
    return located.withColumn("site_id", F.coalesce(mapped, placed))


def _own_id() -> Column:
    """The id that the source gives the site; null for blanks and for `NA`, as R writes a missing
    value: of all records without an id one site would be made.
    """
    return marker_to_null(blank_to_null(F.col("source_site_id")), "NA")


def _fixed(name: str) -> Column:
    """A coordinate in degrees as text with 7 decimals."""
    return F.col(name).try_cast("decimal(10,7)").cast("string")


# --- records -------------------------------------------------------------------------------------


def _described(sites: DataFrame, whole: Whole) -> DataFrame:
    """Records that describe a site, from its own file."""
    date = F.coalesce(
        blank_to_null(F.col("sampled_on")), parse_year_of_day(F.col("sampled_day_number"))
    )
    return add_date(sites, date, "sampled_on", "sampled_on_precision").select(
        *_POSITION,
        "sampled_on",
        "sampled_on_precision",
        blank_to_null(F.col("taxon_wrb")).alias("taxon_wrb"),
        blank_to_null(F.col("taxon_usda")).alias("taxon_usda"),
        *_PROVENANCE,
        *whole.mark(),
        F.lit(True).alias("is_description"),
    )


def _undescribed(samples: DataFrame, whole: Whole) -> DataFrame:
    """Records of samples: they know their site's id or position, and nothing else of it."""
    unknown = [F.lit(None).cast("string").alias(name) for name in _DESCRIPTION]
    return samples.select(
        *_POSITION,
        *unknown,
        *_PROVENANCE,
        *whole.mark(),
        F.lit(False).alias("is_description"),
    )


# --- positions -----------------------------------------------------------------------------------


def _add_position(records: DataFrame) -> DataFrame:
    """Adds `lon_deg` and `lat_deg` (WGS 84, 7 decimals), `epsg_code`, `has_position`, `is_placed`
    and `_reasons`.

    Longitude and latitude are taken where either is told, else x and y with their EPSG code. A
    position out of range is kept as it is, without `has_position`: the gate's rule rejects it.
    """
    told = records.withColumns(
        {f"_{name}": blank_to_null(F.col(name)) for name in ("lon", "lat", "x", "y", "epsg")}
    )
    is_geographic = F.col("_lon").isNotNull() | F.col("_lat").isNotNull()
    chosen = told.withColumns(
        {
            "_first": F.when(is_geographic, F.col("_lon")).otherwise(F.col("_x")),
            "_second": F.when(is_geographic, F.col("_lat")).otherwise(F.col("_y")),
            "epsg_code": F.when(is_geographic, F.lit(systems.WGS84)).otherwise(
                parse_epsg(F.col("_epsg"))
            ),
        }
    ).withColumns(
        {
            "_x": parse_double(F.col("_first"), exponent=True),
            "_y": parse_double(F.col("_second"), exponent=True),
        }
    )
    known = systems.add_geographic_system(chosen, "epsg_code", "_geographic")
    placed = systems.add_wgs84(known, "_x", "_y", "epsg_code", "_geographic", "_wgs84")
    return (
        placed.withColumns(
            {"lon_deg": _lon_deg(F.col("_wgs84.lon")), "lat_deg": F.round("_wgs84.lat", 7)}
        )
        .withColumns(
            {
                "is_placed": F.col("_first").isNotNull() | F.col("_second").isNotNull(),
                "_reasons": _position_reasons(),
            }
        )
        .withColumn("has_position", _is_usable())
        .withColumn("is_placed", F.col("is_placed") | (F.size("_reasons") > 0))
        .drop("_lon", "_lat", "_x", "_y", "_epsg", "_first", "_second", "_geographic", "_wgs84")
    )


def parse_epsg(text: Column) -> Column:
    """The EPSG code as an int, from `25833`, `EPSG:25833`, or `25833.0` as programs write a column
    of numbers with gaps; null for anything else."""
    return parse_bigint(F.regexp_extract(text, r"^(?:EPSG:)?([0-9]{4,6})(?:\.0)?\z", 1)).cast("int")


def _lon_deg(lon: Column) -> Column:
    """Rounded to 7 decimals; the meridian at -180 degrees stands at 180, so that one place has one
    position.
    """
    rounded = F.round(lon, 7)
    return F.when(rounded == -180, F.lit(180.0)).otherwise(rounded)


def _position_reasons() -> Column:
    first, second, x, y = F.col("_first"), F.col("_second"), F.col("_x"), F.col("_y")
    is_told = x.isNotNull() & y.isNotNull()
    code, is_known = F.col("epsg_code"), F.col("_geographic").isNotNull()
    return reasons(
        mangled_text(_own_id(), "the site's id"),
        _geometry_reason(),
        flag(first.isNull() != second.isNull(), "both coordinates must be told; only one is"),
        flag(
            first.isNotNull() & x.isNull(),
            "the longitude or easting must be a plain decimal number",
        ),
        flag(
            second.isNotNull() & y.isNull(),
            "the latitude or northing must be a plain decimal number",
        ),
        flag(is_told & code.isNull() & F.col("_epsg").isNull(), "x and y need an EPSG code"),
        flag(
            is_told & code.isNull() & F.col("_epsg").isNotNull(),
            "the coordinate system must be one of EPSG, named by its code as EPSG:25833",
        ),
        flag(
            is_told & code.isNotNull() & ~is_known,
            "the EPSG code must be of a projected or geographic system",
        ),
        flag(
            is_told & is_known & F.col("_wgs84").isNull(),
            "the position must lie in its system's area",
        ),
        flag(
            (F.col("lon_deg") == 0) & (F.col("lat_deg") == 0),
            "the position (0, 0) stands for a missing one",
        ),
    )


def _geometry_reason() -> Column:
    """Why a geometry is no place: a point is one, and a multipoint of one point."""
    kind = F.col("geometry_type")
    return (
        F.when(kind == "none", "a feature must have a geometry; this one has none")
        .when(kind == "empty", "a geometry must not be empty")
        .when(kind.isNotNull() & (kind != "Point"), "a sample must be a point, not an area or line")
    )


def _is_usable() -> Column:
    in_range = F.col("lon_deg").between(-180, 180) & F.col("lat_deg").between(-90, 90)
    return F.coalesce(in_range, F.lit(False)) & (F.size("_reasons") == 0)


# --- one record for each site --------------------------------------------------------------------


def _fold_by_site(records: DataFrame, whole: Whole) -> DataFrame:
    """Adds to `_reasons`, and adds `_fold`; at most one record of a site is left with neither."""
    # One exchange serves every window below: without it the first, by site and kind, makes another.
    keyed = _add_system(add_key(records, "site_id").repartition("_key"))
    known = end_missing(keyed, ("_key",), whole)
    stands = F.col("_ended_on").isNull()
    # Descriptions and samples come in files of their own, each with its deliveries.
    kind = ("_key", "is_description")
    usable = F.col("has_position") & stands
    current = add_latest(known, kind, usable, "_delivery_date", "_is_current")
    site = Window.partitionBy("_key")
    is_current, is_description = F.col("_is_current"), F.col("is_description")
    judged = current.withColumns(
        {
            "_has_position": F.max(is_current).over(site),
            "_positions_differ": differ(("_key",), is_current, ("lon_deg", "lat_deg")),
            "_descriptions_differ": differ(("_key",), is_current & is_description, _DESCRIPTION),
            "_rank": _rank(),
        }
    ).withColumn("_first_rank", F.min(F.when(is_current, F.col("_rank"))).over(site))
    return judged.withColumns({"_reasons": _site_reasons(), "_fold": _site_fold()})


def _alone(records: DataFrame, whole: Whole) -> DataFrame:
    """What `_fold_by_site` gives of records that are the only ones of their sites."""
    known = end_missing(_add_system(records), None, whole)
    no, is_current = F.lit(False), F.col("has_position") & F.col("_ended_on").isNull()
    judged = known.withColumns(
        {
            "_is_current": is_current,
            "_has_position": is_current,
            "_positions_differ": no,
            "_descriptions_differ": no,
            "_rank": F.lit(1),
            "_first_rank": F.lit(1),
        }
    )
    return judged.withColumns({"_reasons": _site_reasons(), "_fold": _site_fold()})


def _add_system(records: DataFrame) -> DataFrame:
    return records.withColumns(
        {
            "epsg": F.col("epsg_code"),
            "position_error_m": systems.measured_error_m(F.col("epsg_code")),
            "source_site_id": _own_id(),
        }
    )


def _rank() -> Column:
    """The order in which records of a site may stand for it: total, by content first."""
    content = ("lon_deg", "lat_deg", "epsg", "source", "source_site_id", *_DESCRIPTION)
    return F.struct(
        (~F.col("is_description")).alias("_is_sample"), *content, "_file_sha256", "_record_number"
    )


def _site_reasons() -> Column:
    waits = F.col("site_id").isNotNull() & ~F.col("is_placed") & ~F.col("_has_position")
    waits = waits & F.col("_ended_on").isNull()
    return add_reasons(
        flag(
            F.col("_positions_differ"),
            "the records of its site tell different positions, and no order is stated: "
            + PUT_IN_ORDER,
        ),
        flag(
            F.col("_descriptions_differ"),
            "the records of its site describe it differently, and no order is stated: "
            + PUT_IN_ORDER,
        ),
        flag(waits, "waits for the position of its site"),
    )


def _site_fold() -> Column:
    return (
        F.when(F.col("_ended_on").isNotNull(), ENDED)
        .when(F.size(_site_reasons()) > 0, None)
        .when(~F.col("is_placed") & F.col("_has_position"), SAME_SITE)
        .when(F.col("has_position") & ~F.col("_is_current"), SUPERSEDED)
        .when(F.col("_is_current") & (F.col("_rank") != F.col("_first_rank")), SAME_SITE)
    )
