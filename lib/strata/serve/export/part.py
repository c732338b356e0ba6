"""One file of a copy: written in batches, counted as it leaves, and counted again as it lies."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from strata.serve.export.source import Pinned
from strata.serve.export.tally import Tally

if TYPE_CHECKING:
    import pyarrow as pa


def columns_of(pinned: Pinned) -> list[dict[str, Any]]:
    """What a manifest says of the columns: names, types, units, keys, descriptions."""
    return [
        {
            "name": f.name,
            "type": f.type,
            "unit": f.unit,
            "required": f.required,
            "is_key": f.is_key,
            "description": f.description,
        }
        for f in pinned.fields
    ]


def standing_files(old: dict[str, Any] | None, pinned: Pinned) -> dict[str, dict[str, Any]]:
    """The files that the last copy has of the table, by data file; none if its columns differ."""
    if old is None or old["columns"] != columns_of(pinned):
        return {}
    return {file["source"]: file for file in old["files"]}


def write_part(path: Path, pinned: Pinned, source: str, suffix: str) -> Tally:
    """Writes one data file of a table, as `.parquet` or `.csv`, and flushes it to the disk.

    Memory holds one batch. GateFailed where what lies there is not what was sent.
    """
    own = Tally(pinned.fields)
    with path.open("wb") as stream:
        _write_rows(stream, pinned, _counting(pinned.batches(source), own), suffix)
        stream.flush()
        os.fsync(stream.fileno())
    _read_back(path, pinned, own, suffix)
    return own


def _counting(batches: Iterator[pa.RecordBatch], tally: Tally) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        tally.add(batch)
        yield batch


def _write_rows(
    stream: BinaryIO, pinned: Pinned, batches: Iterator[pa.RecordBatch], suffix: str
) -> None:
    if suffix == ".csv":
        from pyarrow import csv

        # NULL is nothing, an empty text is "": what PostgreSQL's COPY takes them for.
        options = csv.WriteOptions(quoting_style="needed")
        with csv.CSVWriter(stream, _flat(pinned.schema), write_options=options) as writer:
            for batch in batches:
                writer.write_batch(_flat_batch(batch))
        return
    from pyarrow import parquet

    with parquet.ParquetWriter(
        stream, pinned.schema, compression="zstd", write_page_checksum=True
    ) as writer:
        for batch in batches:
            writer.write_batch(batch)


def _flat(schema: pa.Schema) -> pa.Schema:
    import pyarrow as pa

    return pa.schema([pa.field(f.name, pa.string()) if _is_list(f.type) else f for f in schema])


def _flat_batch(batch: pa.RecordBatch) -> pa.RecordBatch:
    """CSV has no lists: a list is its JSON."""
    import pyarrow as pa

    def flat(column: pa.Array) -> pa.Array:
        if not _is_list(column.type):
            return column
        return pa.array(
            [None if v is None else json.dumps(v) for v in column.to_pylist()], pa.string()
        )

    return pa.RecordBatch.from_arrays([flat(c) for c in batch.columns], schema=_flat(batch.schema))


def _is_list(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_list(kind))


def _read_back(path: Path, pinned: Pinned, sent: Tally, suffix: str) -> None:
    """Counts what stands in the file: a copy that does not add up is not named by the manifest."""
    arrived = Tally(pinned.fields)
    if suffix == ".csv":
        from pyarrow import csv

        convert = csv.ConvertOptions(
            column_types=dict(zip(pinned.schema.names, _flat(pinned.schema).types, strict=True)),
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            null_values=[""],
        )
        parse = csv.ParseOptions(newlines_in_values=True)
        with csv.open_csv(path, convert_options=convert, parse_options=parse) as batches:
            for batch in batches:
                arrived.add(batch)
    else:
        from pyarrow import parquet

        for batch in parquet.ParquetFile(path, page_checksum_verification=True).iter_batches():
            arrived.add(batch)
    sent.reconcile(pinned.table, sent.rows, arrived.facts(), str(path))


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return (
            hashlib.file_digest(stream, "sha256").hexdigest()
            if hasattr(hashlib, "file_digest")
            else _digest(stream)
        )


def _digest(stream: BinaryIO) -> str:
    digest = hashlib.sha256()
    while block := stream.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()
