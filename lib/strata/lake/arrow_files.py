"""Rows to Parquet files by Arrow: in this process, or in the Spark tasks that make them.

Spark's own Parquet writer takes each value of each row by itself, and several times as long. A
writer holds its file's footer, so it tells what a commit must say: no file is opened again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa

from strata.declare.contract import Contract
from strata.lake import data_file, footers
from strata.lake.data_file import DataFile

if TYPE_CHECKING:
    from pyarrow.parquet import FileMetaData
    from pyspark.sql import DataFrame


@dataclass(frozen=True)
class Sink:
    """Where rows of a table go, and what is asked of their files."""

    contract: Contract
    folder: str
    with_statistics: Sequence[str]
    """The columns whose bounds and nulls the log is to hold."""

    def write(self, rows: pa.Table) -> DataFile:
        """Writes the rows as one file; StrataError where a required column holds a NULL."""
        file, nulls = self._write(rows)
        footers.refuse_nulls(self.contract, nulls)
        return file

    def write_tasks(self, frame: DataFrame, file_rows: int) -> list[DataFile]:
        """Writes the rows, each task its own in their order, into files of at most `file_rows`.

        A task that is killed or repeated may leave a file besides, which is in no list. StrataError
        where a required column holds a NULL.
        """
        told = frame.mapInArrow(self._sink(file_rows), "told string").collect()
        made = [json.loads(row[0]) for row in told]
        for _, nulls in made:
            footers.refuse_nulls(self.contract, nulls)
        return [DataFile(**file) for file, _ in made]

    def _sink(
        self, file_rows: int
    ) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
        def sink(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for table in _cut(batches, file_rows):
                file, nulls = self._write(table)
                # A task that fails is tried again, and its sentence lost in Spark's: the driver
                # refuses.
                told = json.dumps([asdict(file), nulls])
                yield pa.RecordBatch.from_arrays([pa.array([told])], names=["told"])

        return sink

    def _write(self, rows: pa.Table) -> tuple[DataFile, list[str]]:
        footer: list[FileMetaData] = []
        file = data_file.write_table(self.folder, rows, footer)
        uri = f"{self.folder}/{file.name}"
        nulls = footers.required_nulls(uri, footer[0], {}, self.contract)
        return replace(file, stats=footers.statistics(footer[0], self.with_statistics)), nulls


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
