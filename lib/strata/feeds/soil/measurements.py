"""Soil measurements: each property of each sample, in one unit, at its site and depth."""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from strata.feeds.soil.dates import add_date
from strata.feeds.soil.sites import add_site_id
from strata.kit.columns import (
    add_reasons,
    blank_to_null,
    content_hash,
    flag,
    marker_to_null,
    parse_double,
    reasons,
)
from strata.kit.history import PUT_IN_ORDER, SUPERSEDED, LatestOf, end_missing, keep_latest
from strata.kit.shared import UNKNOWN, Shared
from strata.kit.values import mangled_text
from strata.kit.whole import ENDED, NONE_WHOLE, Whole

NOT_MEASURED = "no soil property measured"
REPEATED = "same measurement as another record"
FOLDS = (NOT_MEASURED, REPEATED, SUPERSEDED, ENDED)

SOC, CLAY = "soc", "clay"
# Unit in which silver keeps a property, and what a value in percent by mass is divided by to be in
# it.
_UNIT = {SOC: ("%", 1.0), CLAY: ("1", 100.0)}
# What a value in a told unit is divided by to be in percent by mass.
_PER_PERCENT = {"%": 1.0, "g/kg": 10.0}
_FRACTION = "1"
_RANGE = r"^ *([0-9.]+) *- *([0-9.]+) *(?:cm)? *\z"
_JSON = "struct<value:string,method:string,quality:string,uncertainty:string,_bad:string>"

_CONTENT = (
    "site_id",
    "source",
    "dataset",
    "source_sample_id",
    "property",
    "upper_depth_cm",
    "lower_depth_cm",
    "value",
    "unit",
    "method",
    "quality",
    "uncertainty",
    "sampled_on",
    "sampled_on_precision",
)
_SAMPLE = LatestOf(
    # The sample alone would do; with the site before it, the exchange of the join serves here too.
    ("site_id", "_sample"),
    ("measurement_id",),
    f"the records of its sample tell different values, and no order is stated: {PUT_IN_ORDER}",
    REPEATED,
)
_COLUMNS = (
    "measurement_id",
    *_CONTENT,
    "_file_sha256",
    "_record_number",
    "_reasons",
    "_fold",
    "_rows",
)


def soil_measurements(
    samples: DataFrame,
    sites: DataFrame,
    *,
    shared: Shared = UNKNOWN,
    whole: Whole = NONE_WHOLE,
) -> DataFrame:
    """One row per property measured of each sample record; one row, folded, for a record with none.

    Equal measurements are one, the least by file and record number. Different values at one site
    and depth are replicates and stay, but for those of one sample id: there a later delivery
    supersedes an earlier one, and without it they are a conflict.

    | site   | depth_cm | soc, clay     | gives                                |
    | ------ | -------- | ------------- | ------------------------------------ |
    | BE1    | 2-10     | 111 g/kg, 14.3 % | soc 11.1 %; clay 0.143            |
    | BE1    | 0-2      | 314 g/kg      | soc 31.4 %                           |
    | ES19   |          |               | folded: no soil property measured    |
    """
    alone, several = shared.split(samples)
    folded = _fold_repeats(_read(several, sites), whole).select(*_COLUMNS)
    if shared.hashes is None:
        return folded
    return _fold_alone(_read(alone, sites), whole).select(*_COLUMNS).unionByName(folded)


def _read(samples: DataFrame, sites: DataFrame) -> DataFrame:
    return _to_properties(_add_site(_add_depths(add_site_id(samples)), sites))


# --- records -------------------------------------------------------------------------------------


def _add_depths(records: DataFrame) -> DataFrame:
    """Types the depths; `_reasons` starts again: what is wrong with a position is told of the
    site."""
    told = {
        name: F.coalesce(_told(F.col(name)), _of_range(place))
        for place, name in enumerate(("upper_depth_cm", "lower_depth_cm"), 1)
    }
    texts = records.withColumns({f"_{name}": text for name, text in told.items()})
    typed = texts.withColumns(
        {name: parse_double(F.col(f"_{name}"), exponent=True) for name in told}
    )
    upper, lower = F.col("_upper_depth_cm"), F.col("_lower_depth_cm")
    is_bad = (upper.isNotNull() & F.col("upper_depth_cm").isNull()) | (
        lower.isNotNull() & F.col("lower_depth_cm").isNull()
    )
    return typed.withColumn(
        "_reasons",
        reasons(
            flag(
                upper.isNull() != lower.isNull(),
                "both depths must be told, or neither; only one is",
            ),
            flag(is_bad, "depths must be plain decimal numbers"),
            mangled_text(_told(F.col("source_sample_id")), "the sample's id"),
            flag(
                _told(F.col("depth_range")).isNotNull() & ~F.col("depth_range").rlike(_RANGE),
                "a depth must be a range in centimetres, as 0-20 cm",
            ),
        ),
    )


def _of_range(place: int) -> Column:
    """The top (1) or bottom (2) of a layer that is told as `0-20 cm`."""
    return F.nullif(F.regexp_extract("depth_range", _RANGE, place), F.lit(""))


def _told(text: Column) -> Column:
    """What a field tells; null for blanks and for `NA`, by which R writes a missing value."""
    return marker_to_null(blank_to_null(text), "NA")


def _add_site(records: DataFrame, sites: DataFrame) -> DataFrame:
    """Adds the date of sampling, the record's own or its site's; flags records whose site is not
    accepted.
    """
    known = sites.select(
        F.col("site_id").alias("_known_site"),
        F.col("sampled_on").alias("_site_sampled_on"),
        F.col("sampled_on_precision").alias("_site_precision"),
    )
    dated = add_date(records, F.col("sampled_on"), "_own_date", "_own_precision")
    is_own = F.col("_own_date").isNotNull()
    return dated.join(known, F.col("site_id") == F.col("_known_site"), how="left").withColumns(
        {
            "sampled_on": F.when(is_own, F.col("_own_date")).otherwise(F.col("_site_sampled_on")),
            "sampled_on_precision": F.when(is_own, F.col("_own_precision")).otherwise(
                F.col("_site_precision")
            ),
            "_reasons": add_reasons(
                flag(
                    F.col("_known_site").isNull(),
                    "waits for its site, which silver.soil_sites lacks",
                )
            ),
        }
    )


# --- properties ----------------------------------------------------------------------------------


def _to_properties(records: DataFrame) -> DataFrame:
    """One row per record and property that it tells; one row with a null `property` for a record
    that tells none.

    `_rows` is 1 on the first row of a record, and 0 on its second.
    """
    parsed = records.withColumns({f"_{name}_parsed": _parsed(name) for name in (SOC, CLAY)})
    told = parsed.withColumns({f"_{name}_told": _measured(name) for name in (SOC, CLAY)})
    exploded = told.select("*", F.posexplode_outer(_told_parts()).alias("_part", "_told"))
    valued = exploded.withColumns(
        {
            "dataset": blank_to_null(F.col("dataset")),
            "source_sample_id": _told(F.col("source_sample_id")),
            "property": F.col("_told.property"),
            "method": blank_to_null(F.col("_told.method")),
            "quality": blank_to_null(F.col("_told.quality")),
            "uncertainty": blank_to_null(F.col("_told.uncertainty")),
            "_number": parse_double(F.col("_told.told"), exponent=True),
            "unit": _by_property(lambda name: F.lit(_UNIT[name][0]), F.col("_told.property")),
            "_rows": F.when(F.col("_part") > 0, 0).otherwise(1),
        }
    )
    own = F.when(F.col("property").isNull(), reasons()).otherwise(_value_reasons())
    return valued.withColumn("value", _value()).withColumn("_reasons", own)


def _parsed(name: str) -> Column:
    json = blank_to_null(F.col(f"{name}_json"))
    return F.from_json(json, _JSON, {"columnNameOfCorruptRecord": "_bad"})


def _told_parts() -> Column:
    """The properties that a record tells, in order; null where it tells none.

    Branches, and no filter of an array: that would end Spark's generated code.
    """
    soc, clay = F.col(f"_{SOC}_told"), F.col(f"_{CLAY}_told")
    has_soc, has_clay = (part["told"].isNotNull() | part["is_bad"] for part in (soc, clay))
    return (
        F.when(has_soc & has_clay, F.array(soc, clay))
        .when(has_soc, F.array(soc))
        .when(has_clay, F.array(clay))
    )


def _measured(name: str) -> Column:
    """What a record tells of one property: its text, unit and quality, from a plain field or from
    JSON.
    """
    parsed = F.col(f"_{name}_parsed")
    return F.struct(
        F.lit(name).alias("property"),
        F.coalesce(_told(F.col(name)), _told(parsed["value"])).alias("told"),
        blank_to_null(F.col(f"{name}_unit")).alias("unit"),
        parsed["method"].alias("method"),
        parsed["quality"].alias("quality"),
        parsed["uncertainty"].alias("uncertainty"),
        F.coalesce(parsed["_bad"].isNotNull(), F.lit(False)).alias("is_bad"),
    )


def _by_property(expression: Callable[[str], Column], name: Column) -> Column:
    return F.when(name == SOC, expression(SOC)).when(name == CLAY, expression(CLAY))


def _value() -> Column:
    """The value in silver's unit of the property; null where text or unit cannot be read."""
    number, unit = F.col("_number"), F.col("_told.unit")
    percent = F.coalesce(
        *[F.when(unit == name, number / divisor) for name, divisor in _PER_PERCENT.items()]
    )
    parts = _by_property(lambda name: percent / _UNIT[name][1], F.col("property"))
    # A fraction stays as it is told, digit for digit, where silver keeps one.
    fractions = _by_property(lambda name: number * (100.0 / _UNIT[name][1]), F.col("property"))
    return F.when(unit == _FRACTION, fractions).otherwise(parts)


def _value_reasons() -> Column:
    text, unit = F.col("_told.told"), F.col("_told.unit")
    is_known_unit = F.coalesce(unit.isin(*_PER_PERCENT, _FRACTION), F.lit(False))
    return add_reasons(
        flag(F.col("_told.is_bad"), "the property's JSON must be an object with a value"),
        flag(
            text.isNotNull() & F.col("_number").isNull(),
            "soc and clay must be plain decimal numbers",
        ),
        flag(~is_known_unit, "the unit must be %, g/kg or 1 (a fraction)"),
        flag(
            (F.col("property") == CLAY) & (F.col("value") > 1), "a clay fraction must be at most 1"
        ),
    )


# --- one row for each measurement ----------------------------------------------------------------


def _fold_repeats(parts: DataFrame, whole: Whole) -> DataFrame:
    """Adds `measurement_id` and `_fold`, and flags conflicting values of one sample id.

    Without a sample id each measurement is a thing of its own, which nothing supersedes.
    """
    has_sample = F.col("source_sample_id").isNotNull()
    sample = content_hash(*[F.col(name) for name in _CONTENT[:7]])
    keyed = _identified(parts).withColumns(
        {
            "_sample": F.when(has_sample, sample).otherwise(F.col("measurement_id")),
            "_order": F.when(has_sample, F.col("_delivery_date")),
        }
    )
    folded = keep_latest(keyed, _SAMPLE, _is_sound(), whole)
    return folded.withColumn("_fold", _fold_of_empty(F.col("_fold")))


def _fold_alone(parts: DataFrame, whole: Whole) -> DataFrame:
    """What `_fold_repeats` gives of records that are the only ones of their sites: a record tells a
    property once.
    """
    ended = end_missing(_identified(parts), None, whole)
    fold = flag(F.col("_ended_on").isNotNull(), ENDED)
    return ended.withColumn("_fold", _fold_of_empty(fold))


def _identified(parts: DataFrame) -> DataFrame:
    return parts.withColumn("measurement_id", content_hash(*[F.col(name) for name in _CONTENT]))


def _fold_of_empty(fold: Column) -> Column:
    return F.when(F.col("property").isNull(), NOT_MEASURED).otherwise(fold)


def _is_sound() -> Column:
    """Whether a record has a value that the gate accepts: another one supersedes nothing. Depths
    are the sample's own, the same in all its records.
    """
    is_value = F.coalesce(F.col("value").between(0, 100), F.lit(False))
    return (F.size("_reasons") == 0) & F.col("property").isNotNull() & is_value
