"""Measurements that are plainly sound, as queries of DuckDB's: `kit.plain` tells what for.

Each condition is at most as wide as the transform's own: plain numbers, and no quality told as
JSON. What is written in another way is left to the transform.
"""

from __future__ import annotations

from strata.feeds.soil.measurements import CLAY, NOT_MEASURED, REPEATED, SOC
from strata.feeds.soil.plain_sites import CLEAN, OF_SITE, SITE, is_blank, is_id
from strata.kit.history import SUPERSEDED
from strata.kit.plain import EACH, Plain

_NUMBER = "[0-9]{1,4}([.][0-9]{1,4})?"
# A measurement's id is made of its value's text. Java 17, which does not always write the shortest
# text of a double, does so for each of the hundred million values of these digits, as DuckDB does.
# Below a thousandth it writes exponents.
_SMALLEST = "0.001"


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
    return f"({is_blank(name)} OR regexp_full_match({name}, '{CLEAN}'))"


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

# Whose every value the query reads as the transform does.
_IS_PLAIN = f"""
{is_id("r.source_site_id")} AND {_is_text("r.dataset")}
    AND (NOT ({_is_told("r.source_sample_id")}) OR {is_id("r.source_sample_id")})
    AND {is_blank("depth_range")} AND {is_blank("soc_json")} AND {is_blank("clay_json")}
    AND {_is_plain("upper_depth_cm")} AND {_is_plain("lower_depth_cm")}
    AND {_is_plain("soc")} AND {_is_plain("clay")}
    AND ({is_blank("r.sampled_on")} OR regexp_full_match(r.sampled_on, '[12][0-9]{{3}}')
        OR regexp_full_match(r.sampled_on, '[12][0-9]{{3}}-[0-9]{{2}}-[0-9]{{2}}')
        AND try_cast(r.sampled_on AS DATE) IS NOT NULL)
"""
_TYPED = f"""
s.site_id, r.source, nullif(r.dataset, '') AS dataset,
    CASE WHEN {_is_told("r.source_sample_id")} THEN r.source_sample_id END AS source_sample_id,
    {_number("r.upper_depth_cm")} AS upper_depth_cm,
    {_number("r.lower_depth_cm")} AS lower_depth_cm,
    {_value("soc", 100)} AS soc_value, {_value("clay", 1)} AS clay_value,
    CAST(NULL AS VARCHAR) AS method, CAST(NULL AS VARCHAR) AS quality,
    CAST(NULL AS VARCHAR) AS uncertainty,
    CASE WHEN {is_blank("r.sampled_on")} THEN s.sampled_on ELSE r.sampled_on END AS sampled_on,
    CASE WHEN {is_blank("r.sampled_on")} THEN s.sampled_on_precision
        WHEN length(r.sampled_on) = 4 THEN 'year' ELSE 'day' END AS sampled_on_precision,
    r._file_sha256, r._record_number, {_is_told("soc")} AS tells_soc,
    {_is_told("clay")} AS tells_clay
"""
_SITE_OF_IT = "soil_sites AS s ON concat(r.source, ':', r.source_site_id) = s.site_id"
# What the transform reads, and the gate accepts.
_IS_SOUND = f"""
tells_soc = (soc_value IS NOT NULL) AND tells_clay = (clay_value IS NOT NULL)
    AND coalesce(soc_value, 0) <= 100 AND coalesce(clay_value, 0) <= 1
    AND {_is_safe("soc_value")} AND {_is_safe("clay_value")}
    AND {_is_safe("upper_depth_cm")} AND {_is_safe("lower_depth_cm")}
    AND (upper_depth_cm IS NULL AND lower_depth_cm IS NULL
        OR upper_depth_cm < lower_depth_cm AND lower_depth_cm <= 5000)
"""
_TOLD = f"""
unnest(CASE WHEN soc_value IS NOT NULL AND clay_value IS NOT NULL THEN [{_OF_SOC}, {_OF_CLAY}]
    WHEN soc_value IS NOT NULL THEN [{_OF_SOC}] ELSE [{_OF_CLAY}] END) AS told
"""
_ROW = f"""
sha256(concat({", ".join(map(_part, _CONTENT))})) AS measurement_id, site_id, source,
    dataset, source_sample_id, told.property AS property, upper_depth_cm, lower_depth_cm,
    told.value AS value, told.unit AS unit, method, quality, uncertainty, sampled_on,
    sampled_on_precision, _file_sha256, _record_number, CAST(told.rows AS BIGINT) AS _rows
"""
_OF_SAMPLE = """
site_id, source, dataset, source_sample_id, property, upper_depth_cm, lower_depth_cm, alone,
    is_empty
"""
_SAMPLE = f"(PARTITION BY {_OF_SAMPLE})"
# Records of sites that have several: what is told again is folded, and what a later delivery
# supersedes. A site of which one record is doubtful, or two samples differ, is left out.
_REST = f"""
WITH typed AS (
    SELECT {_TYPED}, r._delivery_date, {SITE.replace("source", "r.source")} AS key,
        coalesce({_IS_PLAIN} AND s.site_id IS NOT NULL, false) AS is_plain
    FROM soil_samples AS r LEFT JOIN {_SITE_OF_IT}
), sound AS (
    SELECT * FROM typed
    QUALIFY bool_and(coalesce(is_plain AND {_IS_SOUND}, false)) OVER (PARTITION BY key)
), parts AS (
    SELECT {_ROW}, _delivery_date, key, soc_value IS NULL AND clay_value IS NULL AS is_empty
    FROM (SELECT *, {_TOLD} FROM sound)
), samples AS (
    SELECT *, CASE WHEN source_sample_id IS NULL THEN measurement_id END AS alone,
        CASE WHEN source_sample_id IS NOT NULL THEN _delivery_date END AS told_on
    FROM parts
), dated AS (
    SELECT *, told_on IS NOT DISTINCT FROM max(told_on) OVER same AS is_latest
    FROM samples WINDOW same AS {_SAMPLE}
), compared AS (
    SELECT *, is_empty OR (
            coalesce(min(measurement_id) FILTER (is_latest) OVER same
                = max(measurement_id) FILTER (is_latest) OVER same, false)
            AND min(_file_sha256) FILTER (is_latest) OVER same
                = max(_file_sha256) FILTER (is_latest) OVER same) AS is_told,
        sum(CAST(is_latest AS INTEGER)) OVER (
            PARTITION BY {_OF_SAMPLE} ORDER BY _record_number) AS place
    FROM dated WINDOW same AS {_SAMPLE}
), known AS (
    SELECT * FROM compared QUALIFY bool_and(is_told) OVER (PARTITION BY key)
)
SELECT * EXCLUDE (_delivery_date, key, is_empty, alone, told_on, is_latest, is_told, place),
    CASE WHEN is_empty THEN '{NOT_MEASURED}' WHEN NOT is_latest THEN '{SUPERSEDED}'
        WHEN place > 1 THEN '{REPEATED}' END AS _fold
FROM known
"""

MEASUREMENTS = Plain(
    by="",
    fewest=EACH,
    unique=(SITE,),
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
            "_delivery_date",
            "_file_sha256",
            "_record_number",
        ),
        "silver.soil_sites": ("site_id", "sampled_on", "sampled_on_precision"),
    },
    query=f"""
SELECT {_ROW} FROM (
    SELECT *, {_TOLD} FROM (
        SELECT {_TYPED} FROM soil_samples AS r JOIN {_SITE_OF_IT} WHERE {_IS_PLAIN}
    ) AS typed
    WHERE (tells_soc OR tells_clay) AND {_IS_SOUND}
) AS parts
""",
    rest=_REST,
    group=OF_SITE,
)
