"""A version's data files as one Arrow dataset, by what its log says and nothing else.

Arrow reads file by file, so only tables whose rows are those of their Parquet files can be
read so. A table that asks for more, as column mapping or deletion vectors do, is refused:
delta-rs and Arrow would give every value as NULL there, or rows that were deleted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from strata.errors import BadFile, Damaged
from strata.fs import files, location
from strata.lake.columns import assert_file_columns
from strata.lake.log import Snapshot
from strata.lake.warehouse import Warehouse

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import dataset as ds

_READERS = 16
"""Files read at a time: of an object store each is some requests, which mostly wait."""
READ_RIGHT = frozenset({"timestampNtz", "vacuumProtocolCheck", "columnMapping"})
"""Reader features under which a version's rows are still those of its files, read by name.

Column mapping is one of them while its mode is `none`; `_why_not` asks for the mode.
"""


@dataclass(frozen=True)
class DataFile:
    """One Parquet file of a published version."""

    uri: str
    bytes: int
    rows: int | None
    """As the log counts them; None where it does not."""
    partition: dict[str, str | None]
    """Values of the partition columns, as the log's text; they stand in no file."""


def data_files(warehouse: Warehouse, table: str, snapshot: Snapshot) -> tuple[DataFile, ...]:
    """The files of a version; Damaged where the table asks for a reader that Arrow is not."""
    why = _why_not(snapshot)
    if why:
        raise Damaged(
            f"a published table is read file by file, which {why} does not allow; {table} has it "
            "on: turn the feature off and publish the table again with --full",
            table=table,
            kind="protocol",
        )
    root = warehouse.path(table)
    return tuple(
        DataFile(f"{root}/{unquote(path)}", int(add["size"]), _rows(add), add["partitionValues"])
        for path, add in sorted(snapshot.adds.items())
    )


def _why_not(snapshot: Snapshot) -> str:
    configuration = dict(snapshot.metadata.get("configuration") or {})
    if configuration.get("delta.columnMapping.mode", "none") != "none":
        return "column mapping"
    features = set(snapshot.protocol.get("readerFeatures") or ())
    if any(add.get("deletionVector") for add in snapshot.adds.values()):
        return "a deletion vector"
    return ", ".join(sorted(features - READ_RIGHT))


def _rows(add: dict[str, Any]) -> int | None:
    stats = json.loads(add.get("stats") or "{}")
    return stats.get("numRecords") if isinstance(stats, dict) else None


def schema_of(table: str, snapshot: Snapshot) -> pa.Schema:
    """The version's columns as Arrow types; Damaged where one has a type that Arrow lacks."""
    from deltalake.exceptions import DeltaError

    try:
        return arrow_schema(snapshot.metadata)
    except (DeltaError, ValueError) as error:
        why = " ".join(str(error).split())[:200]
        raise Damaged(
            f"a published table has columns that Arrow knows; {table} has not ({why}): "
            "see `strata doctor`",
            table=table,
            kind="protocol",
        ) from None


def arrow_schema(metadata: Mapping[str, Any]) -> pa.Schema:
    """A table's columns as Arrow types, by its log's own words for them."""
    import pyarrow as pa
    from deltalake import Schema

    return pa.schema(Schema.from_json(metadata["schemaString"]).to_arrow())


def of_version(
    warehouse: Warehouse, table: str, snapshot: Snapshot, coded: Sequence[str] = ()
) -> ds.Dataset:
    """A version's rows as one dataset; Damaged as `data_files` and `schema_of` are."""
    held = data_files(warehouse, table, snapshot)
    return data_set(table, schema_of(table, snapshot), held, coded)


def data_set(
    table: str, schema: pa.Schema, held: Sequence[DataFile], coded: Sequence[str] = ()
) -> ds.Dataset:
    """The files as one dataset: read by column name, pages checked, old timestamps kept.

    Spark may have written INT96 timestamps, which reach beyond what nanoseconds can say. `coded`
    are texts that are given as dictionaries, where the table has them: of few values that is a
    quarter of the work.
    """
    import pyarrow as pa
    from pyarrow import dataset as ds

    coded = [name for name in coded if name in schema.names]
    for name in coded:
        kind = pa.dictionary(pa.int32(), schema.field(name).type)
        schema = schema.set(schema.get_field_index(name), schema.field(name).with_type(kind))
    options = ds.ParquetFragmentScanOptions(page_checksum_verification=True, pre_buffer=True)
    form = ds.ParquetFileFormat(
        coerce_int96_timestamp_unit="us",
        default_fragment_scan_options=options,
        dictionary_columns=coded,
    )
    fragments = []
    for file in held:
        here = location.parse(file.uri)
        expression = _partition(schema, file.partition)
        fragments.append(
            form.make_fragment(here.in_store, here.arrow(), partition_expression=expression)
        )
    with readable(table):
        return ds.FileSystemDataset(fragments, schema, form)


def read_files(
    table: str, schema: pa.Schema, held: Sequence[DataFile], columns: Sequence[str] | None
) -> pa.Table:
    """The rows of whole files, as `data_set` reads them. Arrow's datasets import pandas, which
    takes longer than to read the ledger.
    """
    import pyarrow as pa

    names = list(schema.names if columns is None else columns)
    wanted = pa.schema([schema.field(name) for name in names])
    with readable(table), ThreadPoolExecutor(_READERS) as pool:
        parts = list(pool.map(lambda file: _read_file(table, schema, wanted, file), held))
        return pa.concat_tables(parts) if parts else wanted.empty_table()


def _read_file(table: str, schema: pa.Schema, wanted: pa.Schema, held: DataFile) -> pa.Table:
    import pyarrow as pa
    from pyarrow import parquet

    with files.open_input(held.uri) as stream:
        file = parquet.ParquetFile(
            stream,
            coerce_int96_timestamp_unit="us",
            page_checksum_verification=True,
            pre_buffer=True,
        )
        lying = file.schema_arrow
        assert_file_columns(table, schema, held.uri, lying)
        rows = file.read([name for name in wanted.names if name in lying.names])
    # A file older than one of the columns lacks it.
    arrays = [
        rows[field.name].cast(field.type)
        if field.name in rows.column_names
        else pa.nulls(file.metadata.num_rows, field.type)
        for field in wanted
    ]
    return pa.Table.from_arrays(arrays, schema=wanted)


def _partition(schema: pa.Schema, values: dict[str, str | None]) -> Any:
    import pyarrow as pa
    from pyarrow import compute as pc

    found = pc.scalar(True)
    for name, text in values.items():
        kind = schema.field(name).type
        # Delta writes partition values as text; an empty one is NULL.
        if text in (None, ""):
            found = found & pc.field(name).is_null()
        else:
            found = found & (pc.field(name) == pa.scalar(text).cast(kind))
    return found


@contextmanager
def readable(table: str) -> Iterator[None]:
    """A published file that is gone or cannot be decoded is Damaged.

    A store that does not answer is not damage: its error passes.
    """
    try:
        yield
    except StopIteration:
        raise
    except (BadFile, OSError, ValueError) as error:
        # Arrow's own complaints of a file's content are OSErrors without a number.
        is_gone = isinstance(error, FileNotFoundError)
        if not is_gone and (getattr(error, "errno", None) or "AWS Error" in str(error)):
            raise
        why = str(error).partition("\n")[0][:200]
        raise Damaged(
            f"a published file can be read; one of {table} cannot ({why}): see `strata doctor`",
            table=table,
        ) from None
