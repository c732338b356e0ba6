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
INSTANT_TEXT_SQL = f"if({_HAS_OFFSET}, timestamp, concat(timestamp, offset_if_none))"
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


def kmh_of_speed() -> Column:
    """How many km/h the unit of a record's speed is, by its layout and its own date; null where the
    layout tells no unit for that date."""
    day = F.substring("timestamp", 1, 10)
    is_early = F.col("speed_unit_until").isNull() | (day <= F.col("speed_unit_until"))
    is_late = day >= F.col("later_speed_unit_from")
    return F.when(is_early, _kmh(F.col("speed_unit"))).when(
        is_late, _kmh(F.col("later_speed_unit"))
    )


def _kmh(unit: Column) -> Column:
    known = F.lit(None).cast("double")
    for name, factor in KMH_OF.items():
        known = F.when(unit == name, F.lit(factor)).otherwise(known)
    return known


def whole_units(value: Column, unit: float) -> Column:
    """How many whole units a value is, which is not negative, rounded half up; as a bigint.

    By arithmetic: Spark's `round` goes by decimals, and takes several times as long.
    """
    return F.floor(value * F.lit(unit) + F.lit(0.5))


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
