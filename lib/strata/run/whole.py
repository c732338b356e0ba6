"""Which deliveries are whole, by the source contracts and the paths of the files in the ledger."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING

from strata.declare.layout import Layout
from strata.fs.listing import says_whole
from strata.kit.table import Table
from strata.kit.whole import NONE_WHOLE, Whole
from strata.ledger.publication import FileEntry
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


def whole_days(
    layouts: Iterable[Layout], entries: Iterable[FileEntry]
) -> dict[str, tuple[date, ...]]:
    """What deliveries are of -> the days of those that are whole.

    A delivery of which a file was rejected is not whole, until a sound file has taken its place:
    what the rejected one holds would seem to have ended.
    """
    known = {(item.source, item.name): item for item in layouts}
    found: dict[str, set[tuple[str, date]]] = defaultdict(set)
    every = list(entries)
    held = {(entry.source, entry.path) for entry in every if entry.status != "rejected"}
    broken = {
        (entry.source, _folder_of(entry.path))
        for entry in every
        if entry.status == "rejected" and (entry.source, entry.path) not in held
    }
    for entry in every:
        layout = known.get((entry.source, entry.layout))
        if layout is None or entry.status != "taken" or entry.delivery_date is None:
            continue
        if not entry.records:
            continue  # An empty file is more likely a mistake than an empty stock.
        says = layout.whole or says_whole(entry.path)
        if says and (entry.source, _folder_of(entry.path)) not in broken:
            found[layout.whole_of].add((entry.source, entry.delivery_date))
    return {of: tuple(sorted({day for _, day in days})) for of, days in sorted(found.items())}


def _folder_of(path: str) -> str:
    """The delivery that a file belongs to: its path down to `delivery=…`."""
    folder = re.search(r"^(.*?delivery=[^/]*)/", path)
    return folder[1] if folder else ""


def newly_whole(context: Context, name: str, frame: DataFrame) -> list[DataFrame]:
    """Of a bronze table, the rows that deliveries may end which are whole since this run: what was
    told last before such a day, and had not ended by an earlier one.
    """
    from pyspark.sql import functions as F

    layouts = [item for item in context.plan.feed.layouts if item.table == name]
    before = whole_days(layouts, _before(context))
    now = whole_days(layouts, [*_before(context), *context.plan.looked.entries])
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


def _before(context: Context) -> list[FileEntry]:
    return [entry for publication in context.line for entry in publication.files]
