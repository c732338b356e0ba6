"""The dates on which something could be sold: a time dimension."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from strata.feeds.commerce.params import Params
from strata.kit.plain import EACH, Plain

if TYPE_CHECKING:
    import pyarrow as pa

_FISCAL = "date_trunc('month', day) + to_months((13 - {fiscal_year_starts}) % 12)"
_QUERY = f"""
WITH days AS MATERIALIZED (
    SELECT order_date AS day, count(*) AS _rows FROM commerce_order_revenue GROUP BY order_date
)
SELECT day AS calendar_date, year(day) AS year, quarter(day) AS quarter, month(day) AS month,
    day(day) AS day_of_month, isoyear(day) AS iso_year, week(day) AS iso_week,
    isodow(day) AS iso_weekday, isodow(day) >= 6 AS is_weekend, year({_FISCAL}) AS fiscal_year,
    quarter({_FISCAL}) AS fiscal_quarter, coalesce(days._rows, 0) AS _rows
FROM (
    SELECT CAST(unnest(generate_series(date_trunc('year', min(day)),
        date_trunc('year', max(day)) + to_days(366), to_days(1))) AS DATE) AS day,
        year(max(day)) AS last
    FROM days
) AS every LEFT JOIN days USING (day)
WHERE year(day) <= last
"""


def _with_holidays(rows: pa.Table, params: Mapping[str, Any]) -> pa.Table:
    """Days with the names of the country's holidays."""
    import pyarrow.compute as pc

    named = rows.append_column("holiday", _holidays(rows["calendar_date"], params["holidays_of"]))
    return named.append_column("is_holiday", pc.is_valid(named["holiday"]))


PLAIN = Plain(
    query=_QUERY,
    reads={"gold.commerce_order_revenue": ("order_date",)},
    complete=_with_holidays,
    fewest=EACH,
)


def commerce_dates(orders: DataFrame, params: Params) -> DataFrame:
    """One row per day of every year from that of the first order to that of the last; `_rows` is
    the day's orders.

    The ISO week belongs to the year of its Thursday (ISO 8601). A fiscal year is named for the
    calendar year in which it ends.
    """
    days = orders.groupBy(F.col("order_date").alias("calendar_date")).agg(
        F.count(F.lit(1)).alias("_rows")
    )
    ends = days.agg(
        F.min("calendar_date").alias("_first"), F.max("calendar_date").alias("_last")
    ).where("_first is not null")
    every = ends.select(
        F.explode(
            F.expr(
                "sequence(trunc(_first, 'year'), date_sub(add_months(trunc(_last, 'year'), 12), 1))"
            )
        ).alias("calendar_date")
    )
    whole = every.join(days, on="calendar_date", how="left").withColumn(
        "_rows", F.coalesce("_rows", F.lit(0))
    )
    date = F.col("calendar_date")
    told = whole.select(
        "calendar_date",
        F.year(date).alias("year"),
        F.quarter(date).alias("quarter"),
        F.month(date).alias("month"),
        F.day(date).alias("day_of_month"),
        F.extract(F.lit("yearofweek"), date).alias("iso_year"),
        F.weekofyear(date).alias("iso_week"),
        (F.weekday(date) + 1).alias("iso_weekday"),
        (F.weekday(date) >= 5).alias("is_weekend"),
        _fiscal_year(date, params.fiscal_year_starts).alias("fiscal_year"),
        _fiscal_quarter(date, params.fiscal_year_starts).alias("fiscal_quarter"),
        "_rows",
    )
    schema = told.withColumn("holiday", F.lit(None).cast("string")).schema
    return (
        told.coalesce(1)
        .mapInArrow(_add_holidays(params.holidays_of), schema)
        .withColumn("is_holiday", F.col("holiday").isNotNull())
    )


def _fiscal_year(date: Column, starts: int) -> Column:
    """The year in which the fiscal year ends: that of the month 13 - `starts` months on."""
    return F.year(F.add_months(F.trunc(date, "month"), (13 - starts) % 12))


def _fiscal_quarter(date: Column, starts: int) -> Column:
    return F.quarter(F.add_months(F.trunc(date, "month"), (13 - starts) % 12))


def _add_holidays(country: str) -> Callable[[Iterable[pa.RecordBatch]], Iterable[pa.RecordBatch]]:
    def add(batches: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
        for batch in batches:
            yield batch.append_column("holiday", _holidays(batch.column("calendar_date"), country))

    return add


def _holidays(days: pa.Array | pa.ChunkedArray, country: str) -> pa.Array:
    """The names of the country's holidays; null on other days."""
    import holidays
    import pyarrow as pa

    named = holidays.country_holidays(country, language="en_US")
    return pa.array([named.get(day) for day in days.to_pylist()], pa.string())
