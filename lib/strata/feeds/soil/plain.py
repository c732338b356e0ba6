"""Samples that are plainly sound, as queries of DuckDB's: `kit.plain` tells what for.

Each condition is at most as wide as the transforms' own: one record of a site that has an id, in
longitude and latitude, with plain numbers. Profiles of several layers, projected positions and
what is written in another way are left to the transforms.
"""

from __future__ import annotations

from strata.feeds.soil.measurements import CLAY, SOC
from strata.kit.plain import Plain
from strata.kit.sql import literal
from strata.kit.values import MANGLED

FEWEST = 50_000
"""Samples of which on the queries pay: fewer are fetched and judged in the driver."""

_SITE = (
    "concat(source, ':', trim(source_site_id, chr(32) || chr(9) || chr(13) || chr(10) || chr(160)))"
)
# Printable ASCII without blanks around it.
_CLEAN = "[!-~]([ -~]*[!-~])?"
# A position that lies half way between two of seven decimals, or nearly, is left out.
_TAIL = "([0-36-9][0-9]*|4([0-8][0-9]*)?|5[1-9][0-9]*)"
_DEGREES = f"-?[0-9]{{1,3}}([.]([0-9]{{1,7}}|[0-9]{{7}}{_TAIL}))?"
_NUMBER = "[0-9]{1,4}([.][0-9]{1,4})?"
# A measurement's id is made of its value's text. Java 17, which does not always write the shortest
# text of a double, does so for each of the hundred million values of these digits, as DuckDB does.
# Below a thousandth it writes exponents.
_SMALLEST = "0.001"


def _blank(name: str) -> str:
    return f"coalesce({name}, '') = ''"


def _is_id(name: str) -> str:
    """Whether a text stands for itself: no blanks around it, no `NA`, not mangled."""
    return (
        f"regexp_full_match({name}, '{_CLEAN}') AND {name} <> 'NA' "
        f"AND NOT regexp_full_match({name}, {literal(MANGLED)})"
    )


SITES = Plain(
    by="",
    fewest=FEWEST,
    unique=(_SITE,),
    reads={
        "bronze.soil_samples": (
            "source",
            "source_site_id",
            "lon",
            "lat",
            "x",
            "y",
            "epsg",
            "geometry_type",
            "_file_sha256",
            "_record_number",
        ),
        "bronze.soil_sites": ("source", "source_site_id"),
    },
    query=f"""
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
        SELECT *, CASE WHEN {_blank("lon")} AND {_blank("lat")} THEN x ELSE lon END AS told_lon,
            CASE WHEN {_blank("lon")} AND {_blank("lat")} THEN y ELSE lat END AS told_lat
        FROM soil_samples
    ) AS r
    WHERE {_is_id("source_site_id")}
        AND (NOT ({_blank("lon")} AND {_blank("lat")}) OR epsg IN ('4326', 'EPSG:4326'))
        AND (geometry_type IS NULL OR geometry_type = 'Point')
        AND regexp_full_match(told_lon, '{_DEGREES}')
        AND regexp_full_match(told_lat, '{_DEGREES}')
) AS placed
ANTI JOIN (
    SELECT {_SITE} AS site_id FROM soil_sites
) AS described USING (site_id)
WHERE lon_deg > -180 AND lon_deg <= 180 AND lat_deg BETWEEN -90 AND 90
    AND NOT (lon_deg = 0 AND lat_deg = 0)
""",
)


# --- measurements --------------------------------------------------------------------------------


def _number(name: str) -> str:
    """The number that a field tells; null where it is blank or `NA`."""
    return f"CASE WHEN {_is_told(name)} THEN try_cast({name} AS DOUBLE) END"


def _is_told(name: str) -> str:
    return f"coalesce({name}, '') NOT IN ('', 'NA')"


def _is_plain(name: str) -> str:
    """Whether a field is a plain number, or tells nothing."""
    return f"(NOT ({_is_told(name)}) OR regexp_full_match({name}, '{_NUMBER}'))"


def _is_text(name: str) -> str:
    """Whether a field is a plain text, or blank."""
    return f"({_blank(name)} OR regexp_full_match({name}, '{_CLEAN}'))"


def _value(name: str, whole: int) -> str:
    """The value in silver's unit, of which 100 % are `whole`, by the transform's own steps."""
    number, part = _number(name), f"CAST({100 // whole} AS DOUBLE)"
    return (
        f"CASE {name}_unit WHEN '%' THEN {number} / {part} "
        f"WHEN 'g/kg' THEN {number} / CAST(10 AS DOUBLE) / {part} "
        f"WHEN '1' THEN {number} * CAST({whole} AS DOUBLE) END"
    )


def _is_safe(name: str) -> str:
    """Whether a number is null, or has one text in every language."""
    return f"({name} IS NULL OR {name} = 0 OR {name} >= {_SMALLEST})"


def _part(text: str) -> str:
    """What a value adds to a measurement's id: see `kit.columns.content_hash`."""
    told = f"CAST({text} AS VARCHAR)"
    return f"CASE WHEN {text} IS NULL THEN '-' ELSE concat(length({told}), ':', {told}) END"


_CONTENT = (
    "site_id", "source", "dataset", "source_sample_id", "told.property", "upper_depth_cm",
    "lower_depth_cm", "told.value", "told.unit", "method", "quality", "uncertainty", "sampled_on",
    "sampled_on_precision",
)  # fmt: skip
_OF_SOC = f"{{'property': '{SOC}', 'value': soc_value, 'unit': '%', 'rows': 1}}"
_OF_CLAY = (
    f"{{'property': '{CLAY}', 'value': clay_value, 'unit': '1', "
    "'rows': CASE WHEN soc_value IS NULL THEN 1 ELSE 0 END}"
)

MEASUREMENTS = Plain(
    by="",
    fewest=FEWEST,
    unique=SITES.unique,
    reads={
        "bronze.soil_samples": (
            "source",
            "dataset",
            "source_site_id",
            "source_sample_id",
            "upper_depth_cm",
            "lower_depth_cm",
            "depth_range",
            "soc",
            "soc_unit",
            "soc_json",
            "clay",
            "clay_unit",
            "clay_json",
            "sampled_on",
            "_file_sha256",
            "_record_number",
        ),
        "silver.soil_sites": ("site_id", "sampled_on", "sampled_on_precision"),
    },
    query=f"""
SELECT sha256(concat({", ".join(map(_part, _CONTENT))})) AS measurement_id, site_id, source,
    dataset, source_sample_id, told.property AS property, upper_depth_cm, lower_depth_cm,
    told.value AS value, told.unit AS unit, method, quality, uncertainty, sampled_on,
    sampled_on_precision, _file_sha256, _record_number,
    CAST(told.rows AS BIGINT) AS _rows
FROM (
    SELECT *, unnest(CASE WHEN soc_value IS NULL THEN [{_OF_CLAY}]
        WHEN clay_value IS NULL THEN [{_OF_SOC}] ELSE [{_OF_SOC}, {_OF_CLAY}] END) AS told
    FROM (
        SELECT s.site_id, r.source, nullif(r.dataset, '') AS dataset,
            CASE WHEN {_is_told("r.source_sample_id")} THEN r.source_sample_id END
                AS source_sample_id,
            {_number("r.upper_depth_cm")} AS upper_depth_cm,
            {_number("r.lower_depth_cm")} AS lower_depth_cm,
            {_value("soc", 100)} AS soc_value, {_value("clay", 1)} AS clay_value,
            CAST(NULL AS VARCHAR) AS method, CAST(NULL AS VARCHAR) AS quality,
            CAST(NULL AS VARCHAR) AS uncertainty,
            CASE WHEN {_blank("r.sampled_on")} THEN s.sampled_on ELSE r.sampled_on END
                AS sampled_on,
            CASE WHEN {_blank("r.sampled_on")} THEN s.sampled_on_precision
                WHEN length(r.sampled_on) = 4 THEN 'year' ELSE 'day' END AS sampled_on_precision,
            r._file_sha256, r._record_number, {_is_told("soc")} AS tells_soc,
            {_is_told("clay")} AS tells_clay
        FROM soil_samples AS r
        JOIN soil_sites AS s ON concat(r.source, ':', r.source_site_id) = s.site_id
        WHERE {_is_id("r.source_site_id")} AND {_is_text("r.dataset")}
            AND (NOT ({_is_told("r.source_sample_id")}) OR {_is_id("r.source_sample_id")})
            AND {_blank("depth_range")} AND {_blank("soc_json")} AND {_blank("clay_json")}
            AND {_is_plain("upper_depth_cm")} AND {_is_plain("lower_depth_cm")}
            AND {_is_plain("soc")} AND {_is_plain("clay")}
            AND ({_blank("r.sampled_on")} OR regexp_full_match(r.sampled_on, '[12][0-9]{{3}}')
                OR regexp_full_match(r.sampled_on, '[12][0-9]{{3}}-[0-9]{{2}}-[0-9]{{2}}')
                AND try_cast(r.sampled_on AS DATE) IS NOT NULL)
    ) AS typed
    WHERE tells_soc = (soc_value IS NOT NULL) AND tells_clay = (clay_value IS NOT NULL)
        AND (tells_soc OR tells_clay)
        AND coalesce(soc_value, 0) <= 100 AND coalesce(clay_value, 0) <= 1
        AND {_is_safe("soc_value")} AND {_is_safe("clay_value")}
        AND {_is_safe("upper_depth_cm")} AND {_is_safe("lower_depth_cm")}
        AND (upper_depth_cm IS NULL AND lower_depth_cm IS NULL
            OR upper_depth_cm < lower_depth_cm AND lower_depth_cm <= 5000)
) AS parts
""",
)
