"""Spark's rows to Parquet files by Arrow, in the tasks that make them.

Spark's own Parquet writer takes each value of each row by itself, and several times as long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import pyarrow as pa

from strata.lake import data_file

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def write(frame: DataFrame, folder: str, file_rows: int) -> list[str]:
    """Writes the rows, each task its own in their order, into files of at most `file_rows` rows;
    returns the names of the files in `folder`.

    A task that is killed or repeated may leave a file besides, which is in no list.
    """
    names = frame.mapInArrow(_sink(folder, file_rows), "name string").collect()
    return [row[0] for row in names]


def _sink(
    folder: str, file_rows: int
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def sink(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for table in _cut(batches, file_rows):
            name = data_file.write_table(folder, table).name
            yield pa.RecordBatch.from_arrays([pa.array([name])], names=["name"])

    return sink


def _cut(batches: Iterable[pa.RecordBatch], file_rows: int) -> Iterator[pa.Table]:
    """The rows in their order, as tables of so many."""
    waiting: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        start = 0
        while start < batch.num_rows:
            part = batch.slice(start, file_rows - rows)
            waiting.append(part)
            rows, start = rows + part.num_rows, start + part.num_rows
            if rows == file_rows:
                yield pa.Table.from_batches(waiting)
                waiting, rows = [], 0
    if waiting:
        yield pa.Table.from_batches(waiting)
