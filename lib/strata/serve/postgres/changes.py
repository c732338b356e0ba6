"""Which days of a table a new publication may have changed, by its data files alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from strata.fs.files import open_input
from strata.serve.export import Pinned
from strata.serve.postgres.targets import Target

if TYPE_CHECKING:
    import pyarrow as pa

Days = tuple[date, date]


@dataclass(frozen=True)
class Change:
    """What a load has to look at."""

    files: dict[str, Days | None]
    """Every data file of the new publication, with the days it holds; None where that is unknown.
    """
    days: tuple[Days, ...] | None
    """The days that may differ, apart and in order; None = the whole table."""

    def batches(self, pinned: Pinned, target: Target) -> Iterator[pa.RecordBatch]:
        """The rows of those days, from the files that hold any."""
        for source in pinned.sources:
            span = self.files.get(source)
            if self.days is None or span is None or any(_meet(span, own) for own in self.days):
                for batch in pinned.batches(source):
                    yield self._of_days(batch, target)

    def _of_days(self, batch: pa.RecordBatch, target: Target) -> pa.RecordBatch:
        if self.days is None or target.date is None:
            return batch
        import pyarrow.compute as pc

        column = batch.column(target.date)
        wanted = None
        for first, last in self.days:
            inside = pc.and_(pc.greater_equal(column, first), pc.less_equal(column, last))
            wanted = inside if wanted is None else pc.or_(wanted, inside)
        return batch.filter(wanted)


def change_of(pinned: Pinned, target: Target, before: Mapping[str, Days | None] | None) -> Change:
    """Compares the files of two publications: a day that stands in no file that came or went has
    not changed.
    """
    files = {source: _days(pinned, source, target.date) for source in pinned.sources}
    if before is None or target.date is None:
        return Change(files, None)
    moved = [files[name] for name in files.keys() - before.keys()]
    moved += [before[name] for name in before.keys() - files.keys()]
    if any(span is None for span in moved):
        return Change(files, None)
    return Change(files, _joined([span for span in moved if span is not None]))


def _joined(spans: list[Days]) -> tuple[Days, ...]:
    apart: list[Days] = []
    for first, last in sorted(spans):
        if apart and first <= apart[-1][1] + timedelta(days=1):
            apart[-1] = (apart[-1][0], max(apart[-1][1], last))
        else:
            apart.append((first, last))
    return tuple(apart)


def _meet(one: Days, other: Days) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


def _days(pinned: Pinned, source: str, column: str | None) -> Days | None:
    """The least and greatest date of a file, from its footer."""
    from pyarrow import parquet

    if column is None:
        return None
    with open_input(pinned.sources[source].uri) as stream:
        footer = parquet.ParquetFile(stream).metadata
        names = footer.schema.names
        if column not in names:
            return None
        chunks = [
            footer.row_group(n).column(names.index(column)) for n in range(footer.num_row_groups)
        ]
        told = [chunk.statistics for chunk in chunks]
    if not told or any(s is None or not s.has_min_max or s.null_count for s in told):
        return None
    return min(s.min for s in told), max(s.max for s in told)
