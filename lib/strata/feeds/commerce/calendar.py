"""The dates on which something could be sold: a time dimension."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from strata.feeds.commerce.params import Params

if TYPE_CHECKING:
    import pyarrow as pa


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
        import holidays
        import pyarrow as pa

        named = holidays.country_holidays(country, language="en_US")
        for batch in batches:
            days = batch.column("calendar_date").to_pylist()
            yield batch.append_column(
                "holiday", pa.array([named.get(day) for day in days], pa.string())
            )

    return add
