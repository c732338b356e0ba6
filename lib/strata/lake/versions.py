"""The versions of a table, read from its log without Spark: what there is, who wrote it, and its
rows by Arrow.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from strata.errors import BadFile, Damaged, TornCommit
from strata.fs import files

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql.types import StructType

MOST_PLAIN_FILES = 200
_WAITS = (0.05, 0.2, 1.0)
"""Seconds between looks at a log of which a file is being written."""
_CUT_OFF = "Requested range"
"""What delta-rs says of a file that is shorter than it was told."""


@dataclass(frozen=True)
class Warehouse:
    """The root folder of all tables: a local path, or an `s3://` or `s3a://` address."""

    root: str

    def path(self, table: str) -> str:
        """`silver.soil_sites` → `<root>/silver/soil_sites`."""
        layer, noun = table.split(".", 1)
        return f"{self.root}/{layer}/{noun}"

    def spark_path(self, table: str) -> str:
        return re.sub(r"^s3://", "s3a://", self.path(table))


@dataclass(frozen=True)
class Commit:
    """One Delta commit: its version, the run that wrote it, and Delta's own count of rows
    written."""

    version: int
    run_id: str | None
    rows_written: int | None
    operation: str


def latest_version(warehouse: Warehouse, table: str) -> int | None:
    """The newest version in the table's log; None where there is no table yet."""
    names = files.list_names(f"{warehouse.path(table)}/_delta_log")
    versions = [int(name[:20]) for name in names if re.fullmatch(r"\d{20}\.json", name)]
    return max(versions, default=None)


def read_commit(warehouse: Warehouse, table: str, version: int) -> Commit:
    """The commit's own information; a torn or empty commit file is an error that names it."""
    uri = _commit_file(warehouse, table, version)
    try:
        actions = [json.loads(line) for line in files.read_bytes(uri).decode("utf-8").splitlines()]
        info = next(action["commitInfo"] for action in actions if "commitInfo" in action)
        rows = info.get("operationMetrics", {}).get("numOutputRows")
        added = [action["add"].get("stats") for action in actions if "add" in action]
        is_counted = info.get("operation") == "WRITE" and rows is not None and all(added)
        begins = version > 0 or all(
            any(key in action for action in actions) for key in ("protocol", "metaData")
        )
        if not begins or (
            is_counted and int(rows) != sum(json.loads(stats)["numRecords"] for stats in added)
        ):
            raise ValueError("cut between two actions")
    except (StopIteration, ValueError):
        raise TornCommit(
            f"every commit of a table tells who wrote it; {uri} is empty or torn: restore "
            "that file from a backup"
        ) from None
    return Commit(
        version,
        info.get("userMetadata"),
        None if rows is None else int(rows),
        info.get("operation", ""),
    )


def _commit_file(warehouse: Warehouse, table: str, version: int) -> str:
    return f"{warehouse.path(table)}/_delta_log/{version:020d}.json"


def is_restore_of(warehouse: Warehouse, table: str, version: int, wanted: int) -> bool:
    """Whether that version holds what version `wanted` holds, because a run took back what stood
    between them.
    """
    commit = read_commit(warehouse, table, version)
    return commit.operation == "RESTORE" and (commit.run_id or "").startswith(f"restore {wanted} ")


def is_whole(warehouse: Warehouse, table: str, version: int) -> bool:
    """Whether the commit file is there and can be believed. Delta reads a file without a byte as a
    commit without an action.
    """
    try:
        read_commit(warehouse, table, version)
    except (TornCommit, BadFile):
        return False
    return True


def assert_whole(warehouse: Warehouse, table: str, version: int) -> None:
    """Refuses a version whose own commit is torn: Delta would show the version before it, and say
    nothing.

    A commit file that has expired is Delta's business: a checkpoint stands for it.
    """
    if files.exists(_commit_file(warehouse, table, version)):
        read_commit(warehouse, table, version)


def has_version(warehouse: Warehouse, table: str, version: int) -> bool:
    """Whether the files of that version are still all there."""
    try:
        _, held = _snapshot(warehouse, table, version)
        return all(files.exists(f"{warehouse.path(table)}/{name}") for name, _ in held)
    except Exception:  # delta-rs has one error class for a missing version and a missing table
        return False


def read_arrow(
    warehouse: Warehouse, table: str, version: int, columns: list[str] | None = None
) -> pa.Table:
    """A version's rows without Spark: for the ledger and for looking at a table.

    The log is read by delta-rs and the files by Arrow itself: delta-rs hands Arrow a file system
    written in Python, whose threads abort the interpreter at exit one time in five.
    """
    import pyarrow as pa
    from pyarrow import parquet

    assert_whole(warehouse, table, version)
    delta, held = _readable_snapshot(warehouse, table, version)
    schema = pa.schema(delta.schema().to_arrow())
    parts = [_arrow_schema(schema).empty_table()]
    for name, partition in held:
        uri = f"{warehouse.path(table)}/{name}"
        with _readable(table, uri), files.open_input(uri) as stream:
            part = parquet.read_table(stream, page_checksum_verification=True)
        strange = sorted(set(part.column_names) - set(schema.names))
        if strange:
            # Read on, and the table's own column would be NULL throughout.
            raise Damaged(
                f"a file has its table's columns; {uri} has {strange[0]!r}, which {table} "
                "lacks: see `strata doctor`",
                file=uri,
            )
        for column, value in partition.items():
            part = part.append_column(column, pa.repeat(pa.scalar(value), part.num_rows))
        parts.append(part)
    whole = pa.concat_tables(parts, promote_options="permissive")
    return whole.select(columns or schema.names)


@contextmanager
def _readable(table: str, uri: str) -> Iterator[None]:
    """A published file that is gone or cannot be decoded is damage; a store that does not answer is
    not.
    """
    try:
        yield
    except (BadFile, OSError, ValueError) as error:
        if getattr(error, "errno", None) or "AWS Error" in str(error):
            raise
        why = str(error).partition("\n")[0][:200]
        raise Damaged(
            f"a published file can be read; {uri} of {table} cannot ({why}): see `strata doctor`",
            file=uri,
        ) from None


def _arrow_schema(schema: Any) -> pa.Schema:
    """The table's schema with Parquet's plain types, so that no file's column is renamed or
    dropped.
    """
    import pyarrow as pa

    return pa.schema(
        [pa.field(f.name, pa.null()) if pa.types.is_nested(f.type) else f for f in schema]
    )


def _snapshot(
    warehouse: Warehouse, table: str, version: int
) -> tuple[Any, list[tuple[str, dict[str, Any]]]]:
    """The table at that version, by delta-rs, and each of its data files, with the values of its
    partition columns.
    """
    import pyarrow as pa
    from deltalake import DeltaTable

    path = re.sub(r"^s3a://", "s3://", warehouse.path(table))
    waits = iter(_WAITS)
    while True:
        try:
            delta = DeltaTable(
                path, version=version, storage_options=files.object_store_options(path)
            )
            return delta, _data_files(pa.table(delta.get_add_actions(flatten=True)))
        except OSError as error:
            # A run beside this reader writes a file of the log, which on a local disk is seen while
            # it is still empty.
            wait = next(waits, None)
            if wait is None or _CUT_OFF not in str(error):
                raise
            time.sleep(wait)


def _data_files(added: pa.Table) -> list[tuple[str, dict[str, Any]]]:
    kept = added.select(
        [name for name in added.column_names if name == "path" or name.startswith("partition.")]
    )
    return [
        (unquote(action.pop("path")), {k.removeprefix("partition."): v for k, v in action.items()})
        for action in kept.to_pylist()
    ]


def _readable_snapshot(
    warehouse: Warehouse, table: str, version: int
) -> tuple[Any, list[tuple[str, dict[str, Any]]]]:
    from deltalake.exceptions import DeltaError

    try:
        return _snapshot(warehouse, table, version)
    except (DeltaError, OSError) as error:
        if "Generic S3 error" in str(error) or (
            isinstance(error, OSError) and _CUT_OFF not in str(error)
        ):
            raise
        why = " ".join(str(error).split())[:200]
        raise Damaged(
            f"a published version can be read; version {version} of {table} cannot ({why}): "
            "see `strata doctor`"
        ) from None


def columns_of_statistics(warehouse: Warehouse, table: str) -> set[str]:
    """The columns of which the table's log holds bounds, as it was asked when the table was
    made."""
    from deltalake import DeltaTable

    path = re.sub(r"^s3a://", "s3://", warehouse.path(table))
    asked = (
        DeltaTable(path, storage_options=files.object_store_options(path)).metadata().configuration
    )
    return set(asked.get("delta.dataSkippingStatsColumns", "").split(","))


def plain_files(
    warehouse: Warehouse, table: str, version: int, most: int | None = MOST_PLAIN_FILES
) -> tuple[StructType, list[str]] | None:
    """The columns and files of a version whose rows are those of its Parquet files and nothing
    else; None for any other.

    Not so with partitions, whose columns stand in no file, nor with what a reader of Delta's first
    protocol does not know, as deletion vectors; nor for more than `most` files, of which Delta
    leaves out by their statistics those that a query needs not.
    """
    from deltalake.exceptions import DeltaError
    from pyspark.sql.types import StructType

    try:
        delta, held = _snapshot(warehouse, table, version)
        is_plain = (
            delta.protocol().min_reader_version == 1 and not delta.metadata().partition_columns
        )
    except (DeltaError, OSError):
        return None  # Spark tells what is wrong with it.
    if not is_plain or (most is not None and len(held) > most):
        return None
    return StructType.fromJson(json.loads(delta.schema().to_json())), [name for name, _ in held]
