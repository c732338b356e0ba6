"""Rows by whole tracks: what one vehicle did on one day, all of it in one place, for Arrow and
numpy to look at.

One shuffle and a sort by eight bytes a row; windows of Spark's sort rows by all that tells them
apart, one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

TRACK = "_track"
"""The number of a row's track. Two tracks that share one are told apart by vehicle and day."""
ROWS_AT_ONCE = 100_000
"""A stretch has about so many rows, and more where one track has more."""


def map_tracks(
    rows: DataFrame, track: Column, make: Callable[[pa.Table], pa.Table], columns: str
) -> DataFrame:
    """What `make` makes of the rows, given whole tracks; `columns` is what it gives, as DDL.

    `track` is a bigint, not null; rows that share it come together.
    """
    sorted_ = rows.withColumn(TRACK, track).repartition(TRACK).sortWithinPartitions(TRACK)

    def each(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for stretch in stretches(batches):
            yield from make(stretch).to_batches()

    return sorted_.mapInArrow(each, columns)


def stretches(batches: Iterable[pa.RecordBatch], at_once: int = ROWS_AT_ONCE) -> Iterator[pa.Table]:
    """Batches that are sorted by track, as tables of whole tracks without their numbers."""
    waiting: list[pa.RecordBatch] = []
    rows, most = 0, at_once
    for batch in batches:
        waiting.append(batch)
        rows += batch.num_rows
        if rows < most:
            continue
        table = pa.Table.from_batches(waiting)
        tracks = table[TRACK].to_numpy()
        last = int(np.searchsorted(tracks, tracks[-1]))
        if last:
            yield _whole(table.slice(0, last))
        rest = table.slice(last)
        waiting, rows = rest.to_batches(), rest.num_rows
        # One track of more rows is read on, without looking at it with each batch.
        most = max(at_once, 2 * rows)
    if waiting:
        yield _whole(pa.Table.from_batches(waiting))


def _whole(table: pa.Table) -> pa.Table:
    return table.drop_columns([TRACK]).combine_chunks()


def codes(texts: Any) -> Any:
    """A number for each text, as numpy has them; equal texts have one, and null has -1."""
    indices = pc.dictionary_encode(texts.combine_chunks()).indices
    return pc.fill_null(indices, -1).to_numpy(zero_copy_only=False)


def whole_numbers(dates: Any) -> Any:
    """Dates or instants as whole numbers, null as the least there is."""
    kind = pa.int32() if pa.types.is_date(dates.type) else pa.int64()
    numbers = pc.cast(pc.cast(dates, kind), pa.int64())
    return pc.fill_null(numbers, np.iinfo(np.int64).min).to_numpy()
