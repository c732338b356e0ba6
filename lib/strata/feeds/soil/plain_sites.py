"""Sites of samples in longitude and latitude, by DuckDB: `kit.plain` tells what for.

The first query takes single records that are plainly sound. The second one reads positions as the
transform does, folds the records of a site, and tells why one is rejected; what it cannot tell of
all records of a site it leaves out: projected positions, mangled ids, sites that a file describes.
Neither asks Sedona anything, whose functions Spark takes long to plan.
"""

from __future__ import annotations

import math
import re

import pyarrow as pa
import pyarrow.compute as pc

from strata.feeds.soil.sites import SAME_SITE
from strata.kit.columns import BLANKS, NUMBER
from strata.kit.history import PUT_IN_ORDER, SUPERSEDED
from strata.kit.plain import EACH, Doubtful, GroupOf, Plain
from strata.kit.sql import literal, number, reasons
from strata.kit.values import MANGLED

_BLANKS = " || ".join(f"chr({ord(one)})" for one in BLANKS)
SITE = f"concat(source, ':', trim(source_site_id, {_BLANKS}))"
# Printable ASCII without blanks around it.
CLEAN = "[!-~]([ -~]*[!-~])?"
# A position that lies half way between two of seven decimals, or nearly, is left out.
_TAIL = "([0-36-9][0-9]*|4([0-8][0-9]*)?|5[1-9][0-9]*)"
_DEGREES = f"-?[0-9]{{1,3}}([.]([0-9]{{1,7}}|[0-9]{{7}}{_TAIL}))?"
_WGS84 = "(EPSG:)?4326([.]0)?"
_DECIMALS = "CAST(1e7 AS DOUBLE)"
_NEAR_MIDDLE = 0.001
"""Of the last decimal of a degree: so near to the middle of two, a double's text decides which one
it is rounded to."""
_SAME = "(PARTITION BY coalesce(site_id, concat(_file_sha256, '#', _record_number)))"


def is_blank(name: str) -> str:
    """Whether a field tells nothing."""
    return f"coalesce({name}, '') = ''"


def is_id(name: str) -> str:
    """Whether a text stands for itself: no blanks around it, no `NA`, not mangled."""
    return (
        f"regexp_full_match({name}, '{CLEAN}') AND {name} <> 'NA' "
        f"AND NOT regexp_full_match({name}, {literal(MANGLED)})"
    )


_QUERY = f"""
SELECT site_id, source, source_site_id, lon_deg, lat_deg, CAST(4326 AS INTEGER) AS epsg,
    CAST(0 AS DOUBLE) AS position_error_m, CAST(NULL AS VARCHAR) AS sampled_on,
    CAST(NULL AS VARCHAR) AS sampled_on_precision, CAST(NULL AS VARCHAR) AS taxon_wrb,
    CAST(NULL AS VARCHAR) AS taxon_usda, _file_sha256, _record_number
FROM (
    SELECT concat(source, ':', source_site_id) AS site_id, source, source_site_id,
        CAST(try_cast(told_lon AS DECIMAL(10, 7)) AS DOUBLE) AS lon_deg,
        CAST(try_cast(told_lat AS DECIMAL(10, 7)) AS DOUBLE) AS lat_deg,
        _file_sha256, _record_number
    FROM (
        SELECT *, CASE WHEN {is_blank("lon")} AND {is_blank("lat")} THEN x ELSE lon END AS told_lon,
            CASE WHEN {is_blank("lon")} AND {is_blank("lat")} THEN y ELSE lat END AS told_lat
        FROM soil_samples
    ) AS r
    WHERE {is_id("source_site_id")}
        AND (NOT ({is_blank("lon")} AND {is_blank("lat")}) OR epsg IN ('4326', 'EPSG:4326'))
        AND (geometry_type IS NULL OR geometry_type = 'Point')
        AND regexp_full_match(told_lon, '{_DEGREES}')
        AND regexp_full_match(told_lat, '{_DEGREES}')
) AS placed
ANTI JOIN (
    SELECT {SITE} AS site_id FROM soil_sites
) AS described USING (site_id)
WHERE lon_deg > -180 AND lon_deg <= 180 AND lat_deg BETWEEN -90 AND 90
    AND NOT (lon_deg = 0 AND lat_deg = 0)
"""


# --- the records left out ------------------------------------------------------------------------


def _trimmed(name: str) -> str:
    return f"nullif(trim({name}, {_BLANKS}), '')"


def _rounded(name: str) -> str:
    """To seven decimals: the quotient is the double nearest to them."""
    return f"floor({name} * {_DECIMALS} + 0.5) / {_DECIMALS}"


def _is_rounded_alike(name: str) -> str:
    """Whether it does not lie near the middle of two such numbers."""
    over = f"{name} * {_DECIMALS} - floor({name} * {_DECIMALS})"
    return f"({name} IS NULL OR abs({name}) < 1000 AND abs({over} - 0.5) > {_NEAR_MIDDLE})"


def _is_one(name: str) -> str:
    """Whether the current records of a site agree in a column."""
    current = f"({name}) FILTER (is_current) OVER same"
    return f"coalesce(min{current} = max{current}, true)"


def _reasons(*told: tuple[str, str]) -> str:
    return reasons(*((when, literal(why)) for when, why in told))


_POSITION_REASONS = _reasons(
    ("geometry_type = 'none'", "a feature must have a geometry; this one has none"),
    ("geometry_type = 'empty'", "a geometry must not be empty"),
    (
        "geometry_type NOT IN ('none', 'empty', 'Point')",
        "a sample must be a point, not an area or line",
    ),
    ("(told_x IS NULL) <> (told_y IS NULL)", "both coordinates must be told; only one is"),
    (
        "told_x IS NOT NULL AND number_x IS NULL",
        "the longitude or easting must be a plain decimal number",
    ),
    (
        "told_y IS NOT NULL AND number_y IS NULL",
        "the latitude or northing must be a plain decimal number",
    ),
    (
        "NOT has_system AND number_x IS NOT NULL AND number_y IS NOT NULL",
        "x and y need an EPSG code",
    ),
    ("lon_deg = 0 AND lat_deg = 0", "the position (0, 0) stands for a missing one"),
)
_SITE_REASONS = _reasons(
    (
        "NOT agrees",
        "the records of its site tell different positions, and no order is stated: " + PUT_IN_ORDER,
    ),
    (
        "site_id IS NOT NULL AND NOT is_placed AND NOT is_located",
        "waits for the position of its site",
    ),
)
_DEGREE = "CAST(CAST({} AS DECIMAL(10, 7)) AS VARCHAR)"
_TRIMS = ", ".join(f"{_trimmed(name)} AS t_{name}" for name in ("lon", "lat", "x", "y", "epsg"))
_FITS = f"""
source <> 'at' AND {_is_rounded_alike("number_x")} AND {_is_rounded_alike("number_y")}
    AND (source_site_id IS NULL OR regexp_full_match(source_site_id, '[ -~]*')
        AND NOT regexp_full_match(coalesce(own_id, ''), {literal(MANGLED)}))
    AND (is_geographic OR t_epsg IS NULL OR regexp_full_match(t_epsg, '{_WGS84}'))
"""
_REST = f"""
WITH trimmed AS (
    SELECT *, {_TRIMS}, nullif({_trimmed("source_site_id")}, 'NA') AS own_id FROM soil_samples
), chosen AS (
    SELECT *, CASE WHEN is_geographic THEN t_lon ELSE t_x END AS told_x,
        CASE WHEN is_geographic THEN t_lat ELSE t_y END AS told_y,
        is_geographic OR t_epsg IS NOT NULL AS has_system
    FROM (SELECT *, t_lon IS NOT NULL OR t_lat IS NOT NULL AS is_geographic FROM trimmed)
), numbers AS (
    SELECT *, {number("told_x", NUMBER)} AS number_x, {number("told_y", NUMBER)} AS number_y
    FROM chosen
), placed AS (
    SELECT *, CASE WHEN has_system AND number_y IS NOT NULL THEN
            CASE WHEN {_rounded("number_x")} = -180 THEN 180 ELSE {_rounded("number_x")} END
            END AS lon_deg,
        CASE WHEN has_system AND number_x IS NOT NULL THEN {_rounded("number_y")} END AS lat_deg
    FROM numbers
), judged AS (
    SELECT *, {_POSITION_REASONS} AS reasons FROM placed
), located AS (
    SELECT *, coalesce(lon_deg BETWEEN -180 AND 180 AND lat_deg BETWEEN -90 AND 90, false)
            AND len(reasons) = 0 AS has_position,
        told_x IS NOT NULL OR told_y IS NOT NULL OR len(reasons) > 0 AS is_placed
    FROM judged
), named AS (
    SELECT *, CASE WHEN own_id IS NOT NULL THEN concat(source, ':', own_id) WHEN has_position
            THEN concat('at:', {_DEGREE.format("lon_deg")}, ',', {_DEGREE.format("lat_deg")})
        END AS site_id,
        CASE WHEN own_id IS NOT NULL THEN concat(source, ':', own_id) ELSE '' END AS key
    FROM located
), dated AS (
    SELECT *, has_position AND _delivery_date IS NOT DISTINCT FROM
        max(_delivery_date) FILTER (has_position) OVER same AS is_current
    FROM named WINDOW same AS {_SAME}
), compared AS (
    SELECT *, coalesce(bool_or(is_current) OVER same, false) AS is_located,
        {_is_one("lon_deg")} AND {_is_one("lat_deg")} AS agrees,
        {_is_one("_file_sha256")} AS is_one_file,
        row_number() OVER (PARTITION BY site_id, is_current
            ORDER BY source, own_id, _record_number) AS place
    FROM dated WINDOW same AS {_SAME}
), told AS (
    SELECT * FROM compared
    ANTI JOIN (
        SELECT CASE WHEN own_id IS NOT NULL THEN concat(source, ':', own_id) ELSE '' END AS key
        FROM (SELECT source, nullif({_trimmed("source_site_id")}, 'NA') AS own_id FROM soil_sites)
    ) AS described USING (key)
    QUALIFY bool_and(coalesce({_FITS}, false) AND (NOT agrees OR is_one_file))
        OVER (PARTITION BY key)
), final AS (
    SELECT *, {_SITE_REASONS} AS site_reasons FROM told
)
SELECT site_id, source, own_id AS source_site_id, lon_deg, lat_deg,
    CASE WHEN has_system THEN 4326 END AS epsg,
    CASE WHEN has_system THEN CAST(0 AS DOUBLE) END AS position_error_m,
    CAST(NULL AS VARCHAR) AS sampled_on, CAST(NULL AS VARCHAR) AS sampled_on_precision,
    CAST(NULL AS VARCHAR) AS taxon_wrb, CAST(NULL AS VARCHAR) AS taxon_usda,
    _file_sha256, _record_number, reasons || site_reasons AS _reasons,
    CASE WHEN len(site_reasons) > 0 THEN NULL
        WHEN NOT is_placed AND is_located THEN '{SAME_SITE}'
        WHEN has_position AND NOT is_current THEN '{SUPERSEDED}'
        WHEN is_current AND place > 1 THEN '{SAME_SITE}' END AS _fold
FROM final
"""


# --- the site of a record ------------------------------------------------------------------------

_TELL = (
    "source_site_id", "source", "lon", "lat", "x", "y", "epsg", "geometry_type"
)  # fmt: skip


def site_of(records: pa.Table) -> pa.ChunkedArray:
    """The site of each record, as `sites.add_site_id` tells it; raises `Doubtful` where a position
    that must be transformed tells it, or one that lies near the middle of two."""
    own = _own_ids(records["source_site_id"])
    named = pc.binary_join_element_wise(records["source"], own, ":")
    unnamed = pc.is_null(own)
    if not pc.any(unnamed).as_py():
        return named
    places = pa.array(map(_place, records.filter(unnamed).to_pylist()), pa.string())
    told = pc.replace_with_mask(named.combine_chunks(), unnamed.combine_chunks(), places)
    return pa.chunked_array([told])


def may_be_of(ids: pa.ChunkedArray, sites: pa.Array) -> pa.ChunkedArray:
    """Whether these ids may be those of the sites; a blank one, where some site is a place."""
    texts = [text for text in sites.to_pylist() if text is not None]
    parts = [text.split(":")[1:] for text in texts]
    ends = {":".join(part[n:]) for part in parts for n in range(len(part))}
    own = _own_ids(ids)
    found = pc.is_in(own, value_set=pa.array(sorted(ends), pa.string()))
    is_place = any(text.startswith("at:") for text in texts)
    return pc.or_(found, pc.is_null(own)) if is_place else found


def _own_ids(ids: pa.ChunkedArray) -> pa.ChunkedArray:
    trimmed = pc.utf8_trim(ids.cast(pa.string()), characters=BLANKS)
    return pc.if_else(pc.is_in(trimmed, value_set=pa.array(["", "NA"])), None, trimmed)


def _place(record: dict[str, str | None]) -> str | None:
    """The site of a record without an id."""
    told = {name: (record[name] or "").strip(BLANKS) for name in ("lon", "lat", "x", "y", "epsg")}
    is_geographic = bool(told["lon"] or told["lat"])
    texts = [told[name] for name in (("lon", "lat") if is_geographic else ("x", "y"))]
    if record["geometry_type"] not in (None, "Point"):
        return None
    if not all(re.fullmatch(NUMBER, text, re.ASCII) for text in texts):
        return None
    if not is_geographic and not re.fullmatch(_WGS84, told["epsg"]):
        if told["epsg"]:
            raise Doubtful
        return None
    lon, lat = (_ten_millionths(float(text)) for text in texts)
    if lon == -1_800_000_000:
        lon = -lon
    is_there = abs(lon) <= 1_800_000_000 and abs(lat) <= 900_000_000 and (lon, lat) != (0, 0)
    return f"at:{_text(lon)},{_text(lat)}" if is_there else None


def _ten_millionths(degrees: float) -> int:
    if abs(degrees) >= 1000:
        return 1 << 62
    whole = math.floor(degrees * 1e7)
    over = degrees * 1e7 - whole
    if abs(over - 0.5) <= _NEAR_MIDDLE:
        raise Doubtful
    return whole + (over > 0.5)


def _text(ten_millionths: int) -> str:
    whole, part = divmod(abs(ten_millionths), 10_000_000)
    return f"{'-' if ten_millionths < 0 else ''}{whole}.{part:07}"


_SAMPLES = (
    "source",
    "source_site_id",
    "lon",
    "lat",
    "x",
    "y",
    "epsg",
    "geometry_type",
    "_delivery_date",
    "_file_sha256",
    "_record_number",
)
OF_SITE = GroupOf(_TELL, site_of, may_be_of)
"""Of which site a raw record is."""

SITES = Plain(
    fewest=EACH,
    unique=(SITE,),
    reads={"bronze.soil_samples": _SAMPLES, "bronze.soil_sites": ("source", "source_site_id")},
    query=_QUERY,
    rest=_REST,
    group=OF_SITE,
)
