"""Rows by whole tracks: what one vehicle did on one day, all of it in one place, for Arrow and
numpy to look at.

One shuffle and a sort by eight bytes a row; windows of Spark's sort rows by all that tells them
apart, one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import pyarrow as pa

from strata.kit.stretches import stretches

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

TRACK = "_track"
"""The number of a row's track. Two tracks that share one are told apart by vehicle and day."""


def map_tracks(
    rows: DataFrame, track: Column, make: Callable[[pa.Table], pa.Table], columns: str
) -> DataFrame:
    """What `make` makes of the rows, given whole tracks; `columns` is what it gives, as DDL.

    `track` is a bigint, not null; rows that share it come together.
    """
    sorted_ = rows.withColumn(TRACK, track).repartition(TRACK).sortWithinPartitions(TRACK)

    def each(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for stretch in stretches(batches, TRACK):
            yield from make(stretch).to_batches()

    return sorted_.mapInArrow(each, columns)
