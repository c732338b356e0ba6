"""Parquet files that Strata writes itself, by Arrow, into a table's folder, for a commit of Delta's
to name.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from strata.fs import files
from strata.lake import file_check as scan

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import parquet

FILE_ROWS = 250_000
"""Of a file that Strata writes by itself: an increment writes whole files again."""


@dataclass(frozen=True)
class DataFile:
    """A Parquet file in a table's folder that no commit names yet."""

    name: str
    bytes: int
    rows: int
    changed_ms: int
    stats: dict[str, Any]
    """As Delta's log has them: `numRecords`, and of some columns `minValues`, `maxValues`,
    `nullCount`.
    """

    partition: dict[str, str | None] = field(default_factory=dict)
    """The value of each partition column, as the log writes it."""

    @property
    def stats_json(self) -> str:
        """The file's statistics as the log holds them."""
        return json.dumps(self.stats)


def new_name() -> str:
    """It says nothing but that it is one of its own: a task that is tried again writes another
    file.
    """
    return f"part-{uuid.uuid4()}.zstd.parquet"


def open_writer(
    stream: Any, schema: pa.Schema, footer: list[parquet.FileMetaData] | None = None
) -> parquet.ParquetWriter:
    """Writes as every reader of the table expects it; `footer` takes what the file's end will
    say."""
    from pyarrow import parquet

    return parquet.ParquetWriter(
        stream,
        schema,
        compression="zstd",
        write_page_checksum=True,
        # By which a reader leaves out the pages that lie outside the bounds it asks for.
        write_page_index=True,
        # As Spark writes them, and half as large as bytes of a fixed length.
        store_decimal_as_integer=True,
        # Else Arrow's readers would take columns of one value for dictionaries, and no other reader
        # would.
        store_schema=False,
        metadata_collector=footer,
    )


def finish(folder: str, name: str, stats: dict[str, Any]) -> DataFile:
    """What a commit must say of a file that has just been closed; on a local disk, its checksums
    are laid beside it.
    """
    uri = f"{folder}/{name}"
    if files.is_local(uri):
        scan.write_checksums(uri)
    now_ms = int(datetime.now(timezone.utc).timestamp() * 1000)
    return DataFile(name, files.stat_input(uri).size, stats["numRecords"], now_ms, stats)


def write_table(
    folder: str, table: pa.Table, footer: list[parquet.FileMetaData] | None = None
) -> DataFile:
    """Writes a table as one file; `footer` takes what its end says. OSError if it cannot."""
    name = new_name()
    with (
        files.open_output(f"{folder}/{name}") as stream,
        open_writer(stream, table.schema, footer) as writer,
    ):
        writer.write_table(table)
    return finish(folder, name, {"numRecords": table.num_rows})


def read_table(folder: str, name: str, columns: Sequence[str] | None = None) -> pa.Table:
    """The rows of a file as they lie there, every page's checksum asked."""
    from pyarrow import parquet

    with files.open_input(f"{folder}/{name}") as stream:
        return parquet.read_table(stream, columns=columns, page_checksum_verification=True)
