"""Dates as soil surveys tell them: often to the year or the month only. A day is never invented."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from strata.kit.columns import blank_to_null, parse_bigint

_TIME = r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.][0-9]+)?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?"
_DATE = rf"^([0-9]{{4}})(?:-([0-9]{{2}}|[?]{{2}})(?:-([0-9]{{2}}|[?]{{2}}))?)?{_TIME}\z"


def add_date(frame: DataFrame, told: Column, name: str, precision: str) -> DataFrame:
    """Adds the date in `told` as far as it is told, and its precision. Same grain.

    | told         | name         | precision                                           |
    | ------------ | ------------ | --------------------------------------------------- |
    | `1985-06-01` | `1985-06-01` | day (a time of day is left out)                     |
    | `1985-06-??` | `1985-06`    | month                                               |
    | `1985-??-??` | `1985`       | year                                                |
    | `2023-02-29` | `2023-02-29` | unread: kept as it is, for it is no date            |
    | `1985 or so` | `1985 or so` | unread: a text behind it makes it no date           |
    | null, blank  | null         | null                                                |
    """
    parts = {
        f"_{part}": F.regexp_extract("_date", _DATE, group)
        for group, part in enumerate(("year", "month", "day"), 1)
    }
    split = frame.withColumn("_date", blank_to_null(told)).withColumns(parts)
    read = split.withColumns({name: _known_date(), precision: _precision()})
    return read.drop("_date", *parts)


def _known_date() -> Column:
    year, month, day = F.col("_year"), F.col("_month"), F.col("_day")
    by_precision = {
        "year": year,
        "month": F.concat_ws("-", year, month),
        "day": F.concat_ws("-", year, month, day),
    }
    known = F.coalesce(*[F.when(_precision() == name, text) for name, text in by_precision.items()])
    return F.coalesce(known, F.col("_date"))


def _precision() -> Column:
    year, month, day = F.col("_year"), F.col("_month"), F.col("_day")
    has_month, has_day = ~month.isin("", "??"), ~day.isin("", "??")
    first = F.concat_ws(
        "-", year, F.when(has_month, month).otherwise("01"), F.when(has_day, day).otherwise("01")
    )
    is_date = first.try_cast("date").isNotNull() & ~(has_day & ~has_month)
    by_parts = F.when(has_day, "day").when(has_month, "month").otherwise("year")
    return F.when(is_date, by_parts).when(F.col("_date").isNotNull(), "unread")


def parse_year_of_day(day_number: Column) -> Column:
    """The year, as text, of a day counted from 1970-01-01; the text itself where it is no number.

    GSIF's table of ISIS profiles holds R dates that were read from bare years: R gives such a date
    the day of the year on which the program ran, and all 172 dates told there are a 22 September.
    The day means nothing, so only the year is taken. Narrow: only the column that a source contract
    maps for it.
    """
    told = blank_to_null(day_number)
    days = parse_bigint(F.regexp_replace(told, r"[.]0*$", ""))
    year = F.year(
        F.date_add(F.lit("1970-01-01"), F.when(days.between(-999_999, 999_999), days).cast("int"))
    )
    return F.coalesce(F.lpad(year.cast("string"), 4, "0"), told)
