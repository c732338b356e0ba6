"""Whether this process may read a version of an input by its files."""

from __future__ import annotations

from collections.abc import Collection

from strata.ledger.publication import TableState
from strata.run.state import Context


def is_in_files(context: Context, name: str, version: int, columns: Collection[str] = ()) -> bool:
    """Whether a version's rows are those of its files and nothing else, and have the columns."""
    snapshot = context.store.log(name).snapshot(version)
    return snapshot.is_plain and set(columns) <= set(snapshot.schema.names)


def is_all_in_files(context: Context, held: TableState, columns: Collection[str] = ()) -> bool:
    """The same of all rows of an input: none is archived."""
    return held.archive_version is None and is_in_files(context, held.table, held.version, columns)
