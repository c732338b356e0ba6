"""Whole deliveries: what a source no longer holds has ended.

A delivery is whole where its source says so: its source contract, or a folder named `whole` in its
path. What the source told before and a whole delivery lacks ended on that day. The engine finds
the days (`run.inputs.whole`) and hands them to a transform; partial deliveries end nothing, late
ones are put in order by their days.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

ENDED = "a later whole delivery lacks it"
"""The fold of what its source has taken back."""

_TOLD = "_told_by"
_NEVER = "0001-01-01"


@dataclass(frozen=True)
class Whole:
    """The days of whole deliveries, by what they are whole deliveries of. False where there are
    none: then nothing here costs anything.
    """

    of: Mapping[str, str] = field(default_factory=dict)
    """Layout -> what its deliveries are of, for layouts of which some delivery is whole."""
    days: Mapping[str, tuple[date, ...]] = field(default_factory=dict)
    """What they are of -> the days of its whole deliveries, in order."""

    def __bool__(self) -> bool:
        return bool(self.days)

    def mark(self) -> list[Column]:
        """What a transform takes along of a bronze record that it narrows: what its delivery is of,
        and its day. Nothing where no delivery is whole.
        """
        if not self:
            return []
        of = F.create_map(*[F.lit(text) for pair in sorted(self.of.items()) for text in pair])
        what = F.try_element_at(of, F.coalesce("_layout", F.lit("")))
        return [F.struct(what.alias("of"), F.col("_delivery_date").alias("day")).alias(_TOLD)]


NONE_WHOLE = Whole()
"""No delivery is whole."""


def add_end(records: DataFrame, key: Sequence[str], whole: Whole, name: str) -> DataFrame:
    """Adds the date `name`: the day of the first whole delivery after the record that tells nothing
    of its key; null where there is none. Same grain. A record without a day is before all.

    | delivered        | keys  | gives                     |
    | ---------------- | ----- | ------------------------- |
    | 2024-01-01       | A, B  | B: 2024-01-02             |
    | whole 2024-01-02 | A     | null                      |
    | 2024-01-03       | B     | null                      |
    """
    if not whole:
        return records.withColumn(name, F.lit(None).cast("date"))
    marked = _marked(records, whole)
    known = F.collect_set(f"{_TOLD}.day").over(Window.partitionBy(*key, f"{_TOLD}.of"))
    return marked.withColumn("_days", known).withColumn(name, _end(whole)).drop("_days", _TOLD)


def add_key_end(
    records: DataFrame, key: Sequence[str] | None, whole: Whole, name: str
) -> DataFrame:
    """Adds the date `name`: since when the records of a key, of one kind of delivery, have ended;
    null where they stand. Same grain.

    What came again after a whole delivery that lacked it stands. None for `key`: each record has
    its key to itself.
    """
    if not whole:
        return records.withColumn(name, F.lit(None).cast("date"))
    marked = _marked(records, whole)
    own = F.col(f"{_TOLD}.day")
    newest = own if key is None else F.max(own).over(Window.partitionBy(*key, f"{_TOLD}.of"))
    later = F.filter(_days(whole), lambda day: day > F.coalesce("_newest", _never()))
    return (
        marked.withColumn("_newest", newest)
        .withColumn(name, F.array_min(later))
        .drop("_newest", _TOLD)
    )


def _marked(records: DataFrame, whole: Whole) -> DataFrame:
    return records if _TOLD in records.columns else records.select("*", *whole.mark())


def _end(whole: Whole) -> Column:
    told = F.coalesce(f"{_TOLD}.day", _never())
    lacking = F.filter(
        _days(whole), lambda day: (day > told) & ~F.array_contains(F.col("_days"), day)
    )
    return F.array_min(lacking)


def _days(whole: Whole) -> Column:
    """The whole deliveries of what the record's delivery is of."""
    parts = [
        part
        for what, days in sorted(whole.days.items())
        for part in (F.lit(what), F.array(*map(F.lit, days)))
    ]
    return F.try_element_at(F.create_map(*parts), F.coalesce(f"{_TOLD}.of", F.lit("")))


def _never() -> Column:
    return F.lit(_NEVER).cast("date")
