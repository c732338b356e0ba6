"""What a run knows of whole deliveries, and which rows they end or give back."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from strata.declare.layout import Layout
from strata.kit.table import Table
from strata.kit.whole import NONE_WHOLE, Whole
from strata.ledger.publication import FileEntry
from strata.run.deliveries import whole_days
from strata.run.state import Context

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def whole_now(context: Context, table: Table) -> Whole:
    """The whole deliveries of the inputs that a table `ends` by, this run's files among them."""
    if not table.ends:
        return NONE_WHOLE
    layouts = [item for item in context.plan.feed.layouts if item.table in table.ends]
    days = whole_days(layouts, [*_before(context), *context.plan.looked.entries])
    return Whole({item.name: item.whole_of for item in layouts if item.whole_of in days}, days)


def newly_whole(context: Context, name: str, frame: DataFrame) -> list[DataFrame]:
    """Of a bronze table, the rows that deliveries may end which are whole since this run: what was
    told last before such a day, and had not ended by an earlier one.
    """
    from pyspark.sql import functions as F

    layouts, before, now = _days_of(context, name)
    told, frames = F.col("_delivery_date"), []
    for of in sorted({*before, *now}):
        names = [item.name for item in layouts if item.whole_of == of]
        days = set(now.get(of, ()))
        for day in sorted(days ^ set(before.get(of, ()))):
            earlier = max((other for other in days if other < day), default=None)
            is_older = told.isNull() | (told < F.lit(day))
            is_open = F.lit(True) if earlier is None else told >= F.lit(earlier)
            frames.append(frame.where(F.col("_layout").isin(names) & is_older & is_open))
    return frames


def whole_changes(context: Context, name: str) -> bool:
    """Whether this run makes a delivery of a bronze table whole, or one no longer."""
    _, before, now = _days_of(context, name)
    return before != now


def _days_of(
    context: Context, name: str
) -> tuple[list[Layout], dict[str, tuple[date, ...]], dict[str, tuple[date, ...]]]:
    layouts = [item for item in context.plan.feed.layouts if item.table == name]
    before = whole_days(layouts, _before(context))
    return layouts, before, whole_days(layouts, [*_before(context), *context.plan.looked.entries])


def _before(context: Context) -> list[FileEntry]:
    return [entry for publication in context.line for entry in publication.files]
