"""A table's versions without Spark: what there is, who wrote it, and its rows by Arrow.

All of it comes from `lake.log`, the one reader of a table's log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from strata.errors import StrataError
from strata.fs import files
from strata.lake.columns import assert_columns
from strata.lake.data_set import data_files, data_set, read_files, readable, schema_of
from strata.lake.log import Commit, TableLog
from strata.lake.warehouse import Warehouse

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.compute as pc

__all__ = [
    "Commit",
    "Warehouse",
    "assert_whole",
    "has_version",
    "is_restore_of",
    "latest_version",
    "read_arrow",
    "read_commit",
]


def latest_version(warehouse: Warehouse, table: str) -> int | None:
    """The newest version in the table's log; None where there is no table yet."""
    return TableLog(warehouse, table).latest


def read_commit(warehouse: Warehouse, table: str, version: int) -> Commit:
    """The commit's own information; TornCommit where its file is empty or cut off."""
    return TableLog(warehouse, table).commit(version)


def is_restore_of(warehouse: Warehouse, table: str, version: int, wanted: int) -> bool:
    """Whether that version holds what version `wanted` holds, because a run took back what stood
    between them.
    """
    return read_commit(warehouse, table, version).restores(wanted)


def assert_whole(warehouse: Warehouse, table: str, version: int) -> None:
    """Refuses a version that is torn: Delta would show the version before it, and say nothing."""
    TableLog(warehouse, table).snapshot(version)


def has_version(warehouse: Warehouse, table: str, version: int) -> bool:
    """Whether the files of that version are still all there."""
    try:
        held = TableLog(warehouse, table).snapshot(version).files
    except StrataError:
        return False
    return all(files.exists(f"{warehouse.path(table)}/{name}") for name in held)


def read_arrow(
    warehouse: Warehouse,
    table: str,
    version: int,
    columns: list[str] | None = None,
    where: pc.Expression | None = None,
) -> pa.Table:
    """A version's rows without Spark: for the ledger and for looking at a table.

    Damaged where the version is torn, or a file of it is gone, cannot be read, or has other columns
    than its table.
    """
    snapshot = TableLog(warehouse, table).snapshot(version)
    schema = schema_of(table, snapshot)
    held = data_files(warehouse, table, snapshot)
    if where is None and not any(file.partition for file in held):
        return read_files(table, schema, held, columns)
    whole = data_set(table, schema, held)
    with readable(table):
        assert_columns(table, whole)
        return whole.to_table(columns, filter=where)
