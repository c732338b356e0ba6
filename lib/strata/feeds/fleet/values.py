"""Texts of raw files to values: strict, the same as the path without Spark reads them, and cheap.

Each grammar here has its twin in plain Python (`strata.light.fixes`); a file of records with their
verdicts holds both to it. `texts` reads all records by it, with Arrow.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window, WindowSpec
from pyspark.sql import functions as F

# ASCII digits only. Fifteen digits before the point and twenty behind it are more than any sensor
# tells; programs write small longitudes as 1.2e-05.
NUMBER = r"^[+-]?(?:[0-9]{1,15}(?:[.][0-9]{0,20})?|[.][0-9]{1,20})(?:[eE][+-]?[0-9]{1,2})?\z"
# From the first day of GPS to the end of the century.
INSTANT = (
    r"^(?:19[89][0-9]|20[0-9]{2})-[01][0-9]-[0-3][0-9]"
    r"[ T](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    r"(?:[.][0-9]{1,6})?(?:Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])\z"
)
_HAS_OFFSET = "(timestamp LIKE '%Z' OR substring(timestamp, -6, 1) IN ('+', '-'))"
INSTANT_TEXT_SQL = f"CASE WHEN {_HAS_OFFSET} THEN timestamp ELSE timestamp || offset_if_none END"
"""What a record tells of its instant, with its layout's offset where it tells none."""
INSTANT_SQL = (
    f"try_cast(if({INSTANT_TEXT_SQL} RLIKE r'{INSTANT}', {INSTANT_TEXT_SQL}, NULL) AS timestamp)"
)
"""The instant of a record, as SQL, for the engine asks for it too."""
KMH_OF = {"km/h": 1.0, "m/s": 3.6, "mph": 1.609344}
"""How many km/h each unit of speed is; exact by definition."""


def parse_number(name: str) -> Column:
    """A finite double from decimal notation; null for anything else. -0 is 0."""
    return F.when(F.col(name).rlike(NUMBER), F.col(name)).try_cast("double") + F.lit(0.0)


def instant_of_fix() -> Column:
    """The instant that `timestamp` tells: `2026-10-01 06:00:00`, with an offset or with the one in
    `offset_if_none`; null for anything else, and where neither tells one."""
    return F.expr(INSTANT_SQL)


def _kmh(unit: str) -> str:
    told = " ".join(f"WHEN '{name}' THEN {factor}e0" for name, factor in KMH_OF.items())
    return f"CASE {unit} {told} END"


_DAY = "left(timestamp, 10)"
KMH_SQL = f"""
CASE WHEN speed_unit_until IS NULL OR {_DAY} <= speed_unit_until THEN {_kmh("speed_unit")}
    WHEN {_DAY} >= later_speed_unit_from THEN {_kmh("later_speed_unit")} END
"""
"""How many km/h the unit of a record's speed is, by its layout and its own date; null where the
layout tells no unit for that date."""
_STATUS = "coalesce(lower(trim(BOTH ' ' FROM engine_status)), '')"
_IS_KNOWN = (
    f"NOT contains({_STATUS}, ' ') AND contains(' ' || statuses || ' ', ' ' || {_STATUS} || ' ')"
)
STATUS_SQL = f"""
CASE WHEN statuses IS NOT NULL THEN CASE WHEN {_IS_KNOWN} THEN {_STATUS} ELSE 'unknown' END END
"""
"""The state of the engine as the layout knows it, `unknown` where it knows no such; null where it
tells none at all. Not by an array: to make one for each record takes longer than to look into the
text."""


def whole(value: str, digits: int) -> str:
    """SQL: a value that is not negative in units of so many decimal digits, rounded half up; as a
    bigint.

    By arithmetic: Spark's `round` goes by decimals, and takes several times as long.
    """
    return f"CAST(floor({value} * 1e{digits} + 5e-1) AS BIGINT)"


def trimmed(name: str) -> Column:
    """The text without blanks around it; null where nothing is left."""
    return F.nullif(F.trim(F.col(name)), F.lit(""))


VEHICLE_DAY = "_vehicle_day"
"""A number for a vehicle and day. Sorted by it first, few rows are compared text by text, which
took most of a sort's time. Two vehicle days that share one are told apart by the columns behind it.
"""


def add_vehicle_day(fixes: DataFrame, day: str) -> DataFrame:
    """Adds `VEHICLE_DAY`."""
    return fixes.withColumn(VEHICLE_DAY, F.xxhash64("vehicle_id", day))


def of_vehicle_and_day(day: str) -> WindowSpec:
    """The fixes of a vehicle on a day, of a frame with `VEHICLE_DAY`."""
    return Window.partitionBy(VEHICLE_DAY, "vehicle_id", day)
