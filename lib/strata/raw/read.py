"""Raw files as a bronze DataFrame: each task reads a chunk that the look has planned."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from strata.declare import protection as protect
from strata.declare.layout import Layout
from strata.errors import BadFile, ConservationError, DeclarationError
from strata.fs import files
from strata.raw.formats import csv, flatgeobuf, geojson, json_records, overpass, vector
from strata.raw.formats.archive import Archives
from strata.raw.formats.chunks import (
    BLOCK_BYTES,
    CHUNK_BYTES,
    EXTRA,
    RAW_RECORD,
    RECORD_NUMBER,
    Chunk,
)
from strata.raw.look import Look

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# What this module knows of every record; the engine adds _run_id and _ingested_at.
PROVENANCE = {
    "_file_sha256": pa.string(),
    "_source_file": pa.string(),
    RECORD_NUMBER: pa.int64(),
    "_layout": pa.string(),
    "_delivery_date": pa.date32(),
    EXTRA: pa.string(),
    RAW_RECORD: pa.string(),
}
_SPARK_TYPES = {
    pa.string(): "string",
    pa.int64(): "bigint",
    pa.date32(): "date",
    pa.bool_(): "boolean",
}


@dataclass(frozen=True)
class Part:
    """A chunk, with all that a task needs to read it."""

    look: Look
    chunk: Chunk
    layout: Layout


def bronze_frame(
    spark: SparkSession,
    looks: Sequence[Look],
    layouts: Sequence[Layout],
    contract_columns: Sequence[str],
    suppressed: frozenset[str] = frozenset(),
) -> DataFrame:
    """One row per raw record of the files looked at: the business columns, then the provenance.

    `contract_columns` are the bronze table's columns in contract order; provenance among them is
    passed over. A column that a layout lacks is null. With a suppression list the frame tells in
    `_forgotten` whether a record is of a person on it; such a record must not be written. The frame
    fails, and says where, if a file is no longer what was looked at or a chunk does not give the
    records that were counted.
    """
    business = tuple(name for name in contract_columns if not name.startswith("_"))
    schema = bronze_schema(business, bool(suppressed))
    tasks = plan_tasks(looks, layouts, business, suppressed)

    def read(parts: Sequence[Part], archives: Archives) -> Iterator[pa.RecordBatch]:
        for part in parts:
            yield from read_part(part, business, archives, suppressed)

    return run_tasks(spark, tasks, read, schema)


def run_tasks(
    spark: SparkSession,
    tasks: Sequence[Sequence[Part]],
    do: Callable[[Sequence[Part], Archives], Iterator[pa.RecordBatch]],
    schema: pa.Schema,
) -> DataFrame:
    """What `do` gives of each task's parts, with these columns; an archive stays open from part to
    part.
    """
    ddl = _spark_columns(schema)
    if not tasks:
        return spark.createDataFrame(schema.empty_table(), ddl)
    return spark.range(0, len(tasks), 1, len(tasks)).mapInArrow(_each_task(tasks, do), ddl)


def _spark_columns(schema: pa.Schema) -> str:
    """The columns of `bronze_schema` as Spark's DDL."""
    return ", ".join(f"`{f.name}` {_SPARK_TYPES[f.type]}" for f in schema)


def plan_tasks(
    looks: Sequence[Look],
    layouts: Sequence[Layout],
    business: Sequence[str],
    suppressed: frozenset[str] = frozenset(),
) -> tuple[tuple[Part, ...], ...]:
    """What each task reads. A key that is missing is told here, in one sentence, and not by a
    task."""
    for layout in layouts:
        protect.key_for(layout.personal)
    if suppressed:
        protect.check_suppressed(suppressed)
    return _tasks(_parts(looks, layouts, business))


def bronze_schema(business: Iterable[str], tells_forgotten: bool = False) -> pa.Schema:
    """The columns of `bronze_frame`, all business columns as text."""
    mark = [(protect.FORGOTTEN, pa.bool_())] if tells_forgotten else []
    return pa.schema([(name, pa.string()) for name in business] + list(PROVENANCE.items()) + mark)


def _parts(looks: Sequence[Look], layouts: Sequence[Layout], business: Sequence[str]) -> list[Part]:
    by_name = {(layout.source, layout.name): layout for layout in layouts}
    parts = [
        Part(look, chunk, by_name[look.source, look.layout])
        for look in looks
        for chunk in look.chunks
    ]
    _check_columns([by_name[look.source, look.layout] for look in looks], business)
    return parts


def _check_columns(layouts: Iterable[Layout], business: Sequence[str]) -> None:
    findings = sorted(
        {
            f"{layout.feed}_{layout.source}.{layout.name}: {layout.table} has no column {column}"
            for layout in layouts
            for column in layout.bronze_columns
            if column not in business
        }
    )
    if findings:
        raise DeclarationError(
            "a layout fills columns of its bronze table; " + "; ".join(findings), findings=findings
        )


def _tasks(parts: Sequence[Part]) -> tuple[tuple[Part, ...], ...]:
    """Neighbouring chunks together up to the size of one: a task a small file would be all
    overhead.
    """
    tasks: list[list[Part]] = []
    room = 0
    for part in parts:
        size = part.chunk.end - part.chunk.start
        if size > room:
            tasks.append([])
            room = CHUNK_BYTES
        tasks[-1].append(part)
        room -= size
    return tuple(map(tuple, tasks))


def _each_task(
    tasks: Sequence[Sequence[Part]],
    do: Callable[[Sequence[Part], Archives], Iterator[pa.RecordBatch]],
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with Archives() as archives:
            for batch in batches:
                for task in batch.column(0).to_pylist():
                    yield from do(tasks[task], archives)

    return run


# --- in the executors -------------------------------------------------------------------------


def read_part(
    part: Part,
    business: Sequence[str],
    archives: Archives | None = None,
    suppressed: frozenset[str] = frozenset(),
) -> Iterator[pa.RecordBatch]:
    """The chunk's rows with the columns of `bronze_schema`. `archives` keeps an archive open from
    part to part.

    BadFile if the file is no longer what was looked at; ConservationError if the chunk gives other
    records than were counted.
    """
    look, chunk = part.look, part.chunk
    _check_unchanged(look)
    schema = bronze_schema(business, bool(suppressed))
    guard = (
        protect.protector(part.layout.personal, protect.key_for(part.layout.personal), suppressed)
        if part.layout.personal
        else None
    )
    where = f"bytes {chunk.start} to {chunk.end}"
    number = chunk.first_record
    for batch in _read(part, archives or Archives()):
        found = batch.column(RECORD_NUMBER)
        if batch.num_rows and (found[0].as_py(), found[-1].as_py()) != (
            number,
            number + batch.num_rows - 1,
        ):
            raise ConservationError(
                f"{look.path}: records follow each other; {number} does not", path=look.path
            )
        number += batch.num_rows
        yield _add_file_columns(guard(batch, where) if guard else batch, part, schema)
    read = number - chunk.first_record
    if read != chunk.records:
        raise ConservationError(
            f"a chunk gives the records that were counted; {look.path}, bytes {chunk.start} "
            f"to {chunk.end}: "
            f"counted {chunk.records}, read {read}",
            path=look.path,
            planned=chunk.records,
            read=read,
        )
    _check_unchanged(look)


def _check_unchanged(look: Look) -> None:
    now, then = files.stat_input(look.uri), look.stored
    if now.size != then.size:
        raise BadFile(
            f"{look.path}: the file changed since it was looked at: {then.size} bytes "
            f"then, {now.size} now",
            path=look.path,
        )
    if now != then:
        raise BadFile(
            f"{look.path}: the file changed since it was looked at; it has {now.size} bytes as "
            "then, and was written anew: run again",
            path=look.path,
        )


def _read(part: Part, archives: Archives) -> Iterator[pa.RecordBatch]:
    look, chunk, layout = part.look, part.chunk, part.layout
    if look.parser.startswith(vector.PARSER):
        # Not cut by bytes: every task has the whole file, and reads its share of the features.
        end = max(part.end for part in look.chunks)
        whole = _blocks(look, 0, end, archives)
        return vector.read(whole, chunk, look.parser, layout)
    blocks = _blocks(look, chunk.start, chunk.end, archives)
    if look.parser == overpass.PARSER:
        return overpass.read(blocks, chunk, layout)
    if look.parser.startswith(geojson.PARSER):
        return geojson.read(blocks, chunk, look.parser, layout)
    if look.parser == flatgeobuf.PARSER:
        head = _blocks(look, 0, chunk.start, archives)
        return flatgeobuf.read(blocks, chunk, flatgeobuf.read_header(head), layout)
    if layout.format == "json":
        return json_records.read(blocks, chunk, look.parser, layout)
    return csv.read(blocks, chunk, look.header, look.parser, layout)


def _blocks(look: Look, start: int, end: int, archives: Archives) -> Iterator[bytes]:
    if look.member:
        return archives.blocks(look.uri, look.member, start, end, BLOCK_BYTES)
    return files.range_blocks(look.uri, start, end, look.is_gzip, BLOCK_BYTES)


def _add_file_columns(batch: pa.RecordBatch, part: Part, schema: pa.Schema) -> pa.RecordBatch:
    """The batch with what its file adds, in the order of the schema; a column it lacks is null."""
    look, system = part.look, part.layout.crs
    of_file: Mapping[str, object] = {
        "_file_sha256": look.sha256,
        "_source_file": f"{look.source}/{look.path}",
        "_layout": look.layout,
        "_delivery_date": look.delivery_date,
        **({system: look.crs} if system else {}),
    }
    rows = batch.num_rows
    arrays = [
        batch.column(f.name)
        if f.name in batch.schema.names
        else pa.repeat(pa.scalar(of_file.get(f.name), f.type), rows)
        for f in schema
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
