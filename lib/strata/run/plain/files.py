"""What the tasks of plain rows read: Parquet files as streams, and which records they hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from strata.fs import files
from strata.kit.keys import ROW_ID

BATCH = 65_536
MOST_LEFT = 0.1
"""Of a table's records, the share that the transform is given beside plain rows; of more, all."""
SHA = ROW_ID[0]


@dataclass(frozen=True)
class Made:
    """A few rows that Spark has made of an input."""

    noun: str
    rows: pa.Table
    where: str = "true"

    @property
    def schema(self) -> pa.Schema:
        """The columns of the rows."""
        return self.rows.schema

    def read(self) -> pa.RecordBatchReader:
        """The rows."""
        return self.rows.to_reader()


@dataclass(frozen=True)
class Input:
    """An input table as it lies: its files, and the columns that are read."""

    name: str
    folder: str
    names: tuple[str, ...]
    schema: pa.Schema
    """Of the columns that the query reads."""
    where: str = "true"
    """Which rows can be referred to."""
    held: pa.Table | None = None
    """Its rows, where only some are asked for and they have been read: no file is."""

    @property
    def noun(self) -> str:
        """Its name in the query."""
        return self.name.partition(".")[2]

    def read(self, columns: pa.Schema | None = None) -> pa.RecordBatchReader:
        """The rows of all files; a column that an older file lacks is null."""
        schema = self.schema if columns is None else columns
        return pa.RecordBatchReader.from_batches(schema, self._batches(schema))

    def _batches(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        if self.held is not None:
            for batch in self.held.to_batches(BATCH):
                yield pa.RecordBatch.from_arrays([_column(batch, f) for f in schema], schema=schema)
            return
        for name in self.names:
            with files.open_input(f"{self.folder}/{name}") as stream:
                held = parquet.ParquetFile(stream, page_checksum_verification=True)
                there = [f.name for f in schema if f.name in held.schema_arrow.names]
                for batch in held.iter_batches(BATCH, columns=there):
                    yield pa.RecordBatch.from_arrays(
                        [_column(batch, f) for f in schema], schema=schema
                    )


def _column(batch: pa.RecordBatch, field_: pa.Field) -> pa.Array:
    if field_.name not in batch.schema.names:
        return pa.nulls(batch.num_rows, field_.type)
    return batch.column(field_.name).cast(field_.type)


class Shas:
    """Files' hashes as numbers: 64 letters a row would be most of what is joined and sorted."""

    def __init__(self) -> None:
        """None is known yet."""
        self.known: list[str | None] = []

    def coded(self, reader: pa.RecordBatchReader) -> pa.RecordBatchReader:
        """The same rows with numbers for hashes, if they have any."""
        if SHA not in reader.schema.names:
            return reader
        place = reader.schema.get_field_index(SHA)
        schema = reader.schema.set(place, pa.field(SHA, pa.int32()))
        batches = (
            b.set_column(place, schema.field(place), self.codes(b.column(place))) for b in reader
        )
        return pa.RecordBatchReader.from_batches(schema, batches)

    def in_order(self, reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        """The same rows with other numbers, in the order of the hashes; by then all are known, for
        the rows have been sorted."""
        place = reader.schema.get_field_index(SHA)
        ranks = None
        for batch in reader:
            if ranks is None:
                known = sorted(self.known, key=str)
                ranks = pa.array([known.index(text) for text in self.known], pa.int32())
                self.known = known
            yield batch.set_column(place, SHA, ranks.take(batch.column(place)))

    def codes(self, texts: pa.Array) -> pa.Array:
        """The number of each hash."""
        found = pc.dictionary_encode(texts, null_encoding="encode")
        for text in found.dictionary.to_pylist():
            if text not in self.known:
                self.known.append(text)
        places = [self.known.index(text) for text in found.dictionary.to_pylist()]
        return pa.array(places, pa.int32()).take(found.indices)

    def texts(self, codes: pa.ChunkedArray) -> pa.ChunkedArray:
        """The hashes again, as a dictionary of few values."""
        values = pa.array(self.known, pa.string())
        chunks = [
            pa.DictionaryArray.from_arrays(chunk.cast(pa.int32()), values) for chunk in codes.chunks
        ]
        return pa.chunked_array(chunks, pa.dictionary(pa.int32(), pa.string()))


class Records:
    """Which records have been written: for each file, marks by the records' numbers."""

    def __init__(self) -> None:
        self._known: dict[int, np.ndarray] = {}

    def add(self, codes: np.ndarray, numbers: np.ndarray) -> None:
        """Marks records of files, which are told by their numbers in `Shas`."""
        for code in np.unique(codes):
            own = numbers[codes == code]
            held = self._known.get(code, np.zeros(0, bool))
            if own.max() >= len(held):
                held = np.concatenate([held, np.zeros(int(own.max()) * 2 + 1 - len(held), bool)])
            held[own] = True
            self._known[code] = held

    @property
    def count(self) -> int:
        """How many have been."""
        return sum(int(np.count_nonzero(held)) for held in self._known.values())

    def without(self, reader: pa.RecordBatchReader) -> pa.RecordBatchReader:
        """The rows of records that have not been; files are told by their numbers in `Shas`."""

        def left() -> Iterator[pa.RecordBatch]:
            for batch in reader:
                ids = (batch.column(n).to_numpy(zero_copy_only=False) for n in ROW_ID)
                yield batch.filter(pa.array(self.lacks(*ids)))

        return pa.RecordBatchReader.from_batches(reader.schema, left())

    def lacks(self, codes: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """Which of the records have not."""
        lacks = np.ones(len(numbers), bool)
        for code in np.unique(codes):
            held = self._known.get(code, np.zeros(0, bool))
            own = (codes == code) & (numbers < len(held))
            lacks[own] = ~held[numbers[own]]
        return lacks
