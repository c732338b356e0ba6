"""Raw records to the files of a bronze table: each task reads its chunks and writes them by Arrow.

Through Spark's rows, the same takes twice as long: every value of every record would go from Arrow
to a row and from there to Parquet, those that are the same for a whole file too. Records that are
not to stand in the table, since they do not parse or their person is forgotten, are given to Spark
instead, which judges them as it judges any row.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import date, datetime, timezone
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from strata.declare import protection as protect
from strata.declare.contract import Contract
from strata.declare.layout import Layout
from strata.fs import files
from strata.lake import data_file
from strata.lake.data_file import DataFile
from strata.raw import read as reader
from strata.raw.formats.archive import Archives
from strata.raw.formats.chunks import RAW_RECORD
from strata.raw.look import Look
from strata.raw.read import Part

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

WRITTEN = "_written"
"""The column that tells, as JSON, of a file that was written; null in rows that are records."""

_TYPES = {
    "string": pa.string(),
    "bigint": pa.int64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}
# Columns that hold one value for a whole file, or for a whole run: written as a dictionary of that
# value.
_CONSTANT = ("_file_sha256", "_source_file", "_layout", "_delivery_date", "_run_id", "_ingested_at")
_ROW_GROUP_BYTES = 64 << 20
WriteTask = Callable[[Sequence[Part], Archives], Iterator[pa.RecordBatch]]


@dataclass(frozen=True)
class Records:
    """The records of some raw files, and what the run adds to each."""

    looks: tuple[Look, ...]
    layouts: tuple[Layout, ...]
    of_run: Mapping[str, Any]
    suppressed: frozenset[str] = frozenset()

    @property
    def bytes(self) -> int:
        """Of the raw files together, unpacked."""
        return sum(look.bytes for look in self.looks)


def can_write(contract: Contract) -> bool:
    """Whether a bronze table's files can be written this way: it has no partitions, and text beside
    its provenance.
    """
    return not contract.partition_columns and all(field.type in _TYPES for field in contract.fields)


def write(
    spark: SparkSession,
    records: Records,
    contract: Contract,
    folder: str,
    with_statistics: Sequence[str],
) -> DataFrame:
    """Writes the records to Parquet files in `folder` when the frame is computed; compute it once.

    A row for each file written (`WRITTEN`), and a row for each record that was not, with the
    columns of `reader.bronze_frame`. `with_statistics` names the columns whose bounds a file's
    statistics hold.
    """
    tasks, write_task, told = _plan(records, contract, folder, with_statistics)
    return reader.run_tasks(spark, tasks, write_task, told)


def write_here(
    records: Records, contract: Contract, folder: str, with_statistics: Sequence[str]
) -> pa.Table:
    """The same, done at once, in this process and without Spark: a thread a core."""
    tasks, write_task, told = _plan(records, contract, folder, with_statistics)

    def do(parts: Sequence[Part]) -> list[pa.RecordBatch]:
        with Archives() as archives:
            return list(write_task(parts, archives))

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        batches = [batch for found in pool.map(do, tasks) for batch in found]
    return pa.Table.from_batches(batches, told)


def _plan(
    records: Records, contract: Contract, folder: str, with_statistics: Sequence[str]
) -> tuple[Sequence[Sequence[Part]], WriteTask, pa.Schema]:
    """The tasks, what each does, and the columns of what it gives."""
    business = tuple(name for name in contract.columns if not name.startswith("_"))
    tasks = reader.plan_tasks(records.looks, records.layouts, business, records.suppressed)
    told = reader.bronze_schema(business, bool(records.suppressed)).append(
        pa.field(WRITTEN, pa.string())
    )
    sink = _Sink(folder, _file_schema(contract), dict(records.of_run), tuple(with_statistics))
    suppressed = records.suppressed

    def write_task(parts: Sequence[Part], archives: Archives) -> Iterator[pa.RecordBatch]:
        return _write_task(parts, business, archives, suppressed, sink, told)

    return tasks, write_task, told


def written(told: DataFrame | pa.Table) -> list[DataFile]:
    """The files that `write` or `write_here` wrote."""
    if isinstance(told, pa.Table):
        texts = told[WRITTEN].drop_null().to_pylist()
    else:
        rows = told.where(told[WRITTEN].isNotNull()).select(WRITTEN).collect()
        texts = [row[0] for row in rows]
    return [DataFile(**json.loads(text)) for text in texts]


def read_written(folder: str, added: Sequence[DataFile]) -> pa.Table:
    """The rows of the files, as they lie there."""
    return pa.concat_tables([data_file.read_table(folder, file.name) for file in added])


def remove(folder: str, added: Sequence[DataFile]) -> None:
    """Removes files that no commit is to name."""
    for file in added:
        files.remove(f"{folder}/{file.name}")
        if files.is_local(folder):
            files.remove(f"{folder}/.{file.name}.crc")


def _file_schema(contract: Contract) -> pa.Schema:
    fields = []
    for field in contract.fields:
        kind = _TYPES[field.type]
        # Nothing is refused here for being null: the suite asks that, before the file is published.
        fields.append(
            pa.field(
                field.name, pa.dictionary(pa.int32(), kind) if field.name in _CONSTANT else kind
            )
        )
    return pa.schema(fields)


# --- in the executors -------------------------------------------------------------------------


@dataclass(frozen=True)
class _Sink:
    """Where a task's files go, and what they look like."""

    folder: str
    schema: pa.Schema
    of_run: dict[str, Any]
    with_statistics: tuple[str, ...]


def _write_task(
    parts: Sequence[Part],
    business: Sequence[str],
    archives: Archives,
    suppressed: frozenset[str],
    sink: _Sink,
    told: pa.Schema,
) -> Iterator[pa.RecordBatch]:
    writer = _Writer(sink)
    try:
        for part in parts:
            for batch in reader.read_part(part, business, archives, suppressed):
                stands = pc.is_null(batch.column(RAW_RECORD))
                if suppressed:
                    stands = pc.and_not(stands, batch.column(protect.FORGOTTEN))
                if pc.all(stands).as_py():
                    writer.add(batch)
                    continue
                writer.add(batch.filter(stands))
                yield _as_told(batch.filter(pc.invert(stands)), told)
        file = writer.close()
    except BaseException:
        writer.abandon()
        raise
    if file:
        columns = [
            pa.array([json.dumps(asdict(file)) if f.name == WRITTEN else None], f.type)
            for f in told
        ]
        yield pa.RecordBatch.from_arrays(columns, schema=told)


def _as_told(batch: pa.RecordBatch, told: pa.Schema) -> pa.RecordBatch:
    columns = [
        batch.column(f.name) if f.name in batch.schema.names else pa.nulls(batch.num_rows, f.type)
        for f in told
    ]
    return pa.RecordBatch.from_arrays(columns, schema=told)


class _Writer:
    """One Parquet file, begun with its first record."""

    def __init__(self, sink: _Sink) -> None:
        self._sink = sink
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_bytes = 0
        self._stream: Any = None
        self._parquet: parquet.ParquetWriter | None = None
        self._footer: list[parquet.FileMetaData] = []
        self._bounds: dict[str, tuple[Any, Any]] = {}
        self._nulls = dict.fromkeys(sink.with_statistics, 0)
        self._name = data_file.new_name()

    @property
    def _uri(self) -> str:
        return f"{self._sink.folder}/{self._name}"

    def add(self, batch: pa.RecordBatch) -> None:
        if not batch.num_rows:
            return
        shaped = pa.RecordBatch.from_arrays(
            [self._column(batch, field) for field in self._sink.schema], schema=self._sink.schema
        )
        self._note(shaped)
        self._waiting.append(shaped)
        self._waiting_bytes += shaped.nbytes
        if self._waiting_bytes >= _ROW_GROUP_BYTES:
            self._flush()

    def _column(self, batch: pa.RecordBatch, field: pa.Field) -> pa.Array:
        if field.name in self._sink.of_run:
            value: Any = self._sink.of_run[field.name]
        elif field.name in _CONSTANT:
            value = batch.column(field.name)[0].as_py()
        else:
            return batch.column(field.name)
        indices = pa.repeat(pa.scalar(None if value is None else 0, pa.int32()), batch.num_rows)
        return pa.DictionaryArray.from_arrays(
            indices, pa.array([] if value is None else [value], field.type.value_type)
        )

    def _note(self, batch: pa.RecordBatch) -> None:
        for name in self._sink.with_statistics:
            column = batch.column(name)
            self._nulls[name] += column.null_count
            if pa.types.is_dictionary(column.type):
                values = column.dictionary.to_pylist()
                low, high = (min(values), max(values)) if values else (None, None)
            else:
                bounds = pc.min_max(column)
                low, high = bounds["min"].as_py(), bounds["max"].as_py()
            if low is not None:
                seen = self._bounds.get(name)
                self._bounds[name] = (
                    (low, high) if seen is None else (min(low, seen[0]), max(high, seen[1]))
                )

    def _flush(self) -> None:
        if self._parquet is None:
            self._stream = files.open_output(self._uri)
            self._parquet = data_file.open_writer(self._stream, self._sink.schema, self._footer)
        table = pa.Table.from_batches(self._waiting)
        self._parquet.write_table(table, row_group_size=table.num_rows)
        self._waiting, self._waiting_bytes = [], 0

    def close(self) -> DataFile | None:
        """The file, or None if there was no record to write."""
        if self._waiting:
            self._flush()
        if self._parquet is None:
            return None
        self._parquet.close()
        self._stream.close()
        return data_file.finish(
            self._sink.folder, self._name, self._statistics(self._footer[0].num_rows)
        )

    def _statistics(self, rows: int) -> dict[str, Any]:
        low = {name: _in_json(bounds[0]) for name, bounds in self._bounds.items()}
        high = {name: _in_json(bounds[1]) for name, bounds in self._bounds.items()}
        return {"numRecords": rows, "minValues": low, "maxValues": high, "nullCount": self._nulls}

    def abandon(self) -> None:
        """Leaves the file as it is: no commit will name it, and VACUUM removes it."""
        if self._stream is not None:
            self._stream.close()


def _in_json(value: Any) -> Any:
    """A bound as Delta's log writes it; of a moment, the millisecond in which it lies."""
    if isinstance(value, datetime):
        return (
            value.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        )
    return value.isoformat() if isinstance(value, date) else value
