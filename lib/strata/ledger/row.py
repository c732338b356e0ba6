"""A publication's row in the ledger's table: its columns, and the commit that is a compare-and-set.

Each commit of `ops/publications/<feed>` is one publication, and version 0 the first. So the number
of a publication tells on which version its commit stands, and a second writer of that number is
refused by the store itself.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import pyarrow as pa

from strata.kit import arrow
from strata.lake import commit as door
from strata.lake import data_file
from strata.lake.log import Snapshot, TableLog
from strata.lake.versions import Warehouse, read_arrow
from strata.ledger.entries import (
    LISTS,
    Decision,
    FileEntry,
    GateEntry,
    Publication,
    TableState,
)
from strata.ledger.held import Held

_BIGINTS = pa.map_(pa.string(), pa.int64())
_TABLE = pa.struct(
    {
        "table": pa.string(),
        "version": pa.int64(),
        "rows": pa.int64(),
        "identity": pa.int64(),
        "quarantine_version": pa.int64(),
        "rejected": pa.int64(),
        "fingerprint": pa.string(),
        "slices": pa.list_(pa.string()),
        "built_from": _BIGINTS,
        "manifest": pa.string(),
        "quarantine_manifest": pa.string(),
        "archive_version": pa.int64(),
        "archived": pa.int64(),
        "archived_identity": pa.int64(),
        "archive_manifest": pa.string(),
    }
)
_FILE = pa.struct(
    {
        "source": pa.string(),
        "layout": pa.string(),
        "table": pa.string(),
        "path": pa.string(),
        "sha256": pa.string(),
        "bytes": pa.int64(),
        "records": pa.int64(),
        "status": pa.string(),
        "detail": pa.string(),
        "delivery_date": pa.date32(),
    }
)
_EXPECTATION = pa.struct(
    {
        "type": pa.string(),
        "columns": pa.list_(pa.string()),
        "description": pa.string(),
        "severity": pa.string(),
        "success": pa.bool_(),
        "unexpected": pa.int64(),
        "asked": pa.int64(),
        "observed": pa.string(),
    }
)
_GATE = pa.struct(
    {
        "table": pa.string(),
        "mode": pa.string(),
        "why": pa.string(),
        "rows_in": pa.int64(),
        "accepted": pa.int64(),
        "quarantined": pa.int64(),
        "folded": pa.int64(),
        "folds": _BIGINTS,
        "reasons": _BIGINTS,
        "rows_written": pa.int64(),
        "total_rows": pa.int64(),
        "total_rejected": pa.int64(),
        "seconds": pa.float64(),
        "overridden_by": pa.string(),
        "expectations": pa.list_(_EXPECTATION),
    }
)
_DECISION = pa.struct(
    {
        "decision": pa.string(),
        "table": pa.string(),
        "file_sha256": pa.string(),
        "record_number": pa.int64(),
        "by": pa.string(),
        "why": pa.string(),
    }
)
COLUMNS = pa.schema(
    {
        "feed": pa.string(),
        "publication": pa.int64(),
        "builds_on": pa.int64(),
        "restores": pa.int64(),
        "run_id": pa.string(),
        "published_at": pa.timestamp("us", "UTC"),
        "strata_version": pa.string(),
        "params": pa.string(),
        "kind": pa.string(),
        "ends": pa.int64(),
        "erasures": pa.list_(pa.string()),
        "tables": pa.list_(_TABLE),
        "files": pa.list_(_FILE),
        "gates": pa.list_(_GATE),
        "decisions": pa.list_(_DECISION),
    }
)
"""The newest columns. A ledger that an older release began gets them with its next row."""


MOST_FILES = 32
"""Files of the ledger, of one row each, after which the next commit makes them one: who reads a
thousand publications opens no more files than who reads some tens."""


def table_path(feed: str) -> str:
    """The table that holds the feed's ledger."""
    return f"ops.publications/{feed}"


def commit(warehouse: Warehouse, publication: Publication) -> None:
    """Commits the publication as its number; refused where that number is taken.

    It is one commit, also where it writes the rows before it anew: with the newest columns, which
    an older release's ledger lacks, or as one file in place of many.
    """
    table, run_id = table_path(publication.feed), publication.run_id
    built_on = publication.publication - 2  # Each commit is one publication, version 0 the first.
    new = pa.Table.from_pylist([to_row(publication)], COLUMNS)
    folder = warehouse.path(table)
    if built_on < 0:
        file = data_file.write_table(folder, new)
        door.begin(warehouse, table, door.shape_of(COLUMNS), [file], run_id)
        return
    before = TableLog(warehouse, table).snapshot(built_on)
    has_columns = _has_columns(before)
    if has_columns and len(before.adds) < MOST_FILES:
        door.append(warehouse, table, built_on, [data_file.write_table(folder, new)], run_id)
        return
    held = read_arrow(warehouse, table, built_on)
    if held.schema != COLUMNS:
        held = pa.Table.from_pylist(held.to_pylist(), COLUMNS)
    whole = pa.concat_tables([held, new])
    file = data_file.write_table(folder, whole)
    if has_columns:
        door.exchange(warehouse, table, built_on, before.adds.values(), [file], run_id)
    else:
        then = door.Whole(door.shape_of(COLUMNS), [file], len(before.adds))
        door.overwrite(warehouse, table, built_on, then, run_id)


def _has_columns(before: Snapshot) -> bool:
    held = json.loads(before.metadata["schemaString"])
    wanted = json.loads(door.shape_of(COLUMNS).schema)
    # In any order: columns that were added later stand last.
    return _facts(held) == _facts(wanted)


def _facts(column: Any) -> Any:
    """Names and types alone, whoever wrote them."""
    if isinstance(column, list):
        return sorted(map(_facts, column), key=str)
    if isinstance(column, dict):
        return {
            key: _facts(value)
            for key, value in column.items()
            if key not in ("metadata", "nullable", "containsNull", "valueContainsNull")
        }
    return column


def to_row(publication: Publication) -> dict[str, Any]:
    """A publication as the ledger's row."""
    lists: dict[str, Any] = {name: list(getattr(publication, name)) for name in LISTS}
    return asdict(replace(publication, **lists))


def publications(rows: pa.Table) -> list[Publication]:
    """The same back, in no order. Their lists stay Arrow's until somebody asks for one."""
    lists = {
        name: rows[name].combine_chunks() if name in rows.column_names else None for name in LISTS
    }
    values = arrow.rows(rows.drop_columns([name for name in LISTS if name in rows.column_names]))
    return [_publication(row, lists, number) for number, row in enumerate(values)]


def _publication(
    row: dict[str, Any], lists: dict[str, pa.Array | None], number: int
) -> Publication:
    # A column that an older release did not write is null, and means its default.
    told = {name: value for name, value in row.items() if value is not None}
    held: dict[str, Any] = {
        name: Held(partial(_read_list, column, number, name)) for name, column in lists.items()
    }
    return Publication(**told, **held)


_KINDS = {"tables": TableState, "files": FileEntry, "gates": GateEntry, "decisions": Decision}


def _read_list(column: pa.Array | None, number: int, name: str) -> tuple[Any, ...]:
    """One list of the publication that lies in row `number`."""
    items = (None if column is None else column[number].as_py()) or ()
    kind = _KINDS.get(name)
    return tuple(kind(**_plain(item)) if kind else item for item in items)


_IF_NULL = {
    "manifest": "",
    "quarantine_manifest": "",
    "archive_manifest": "",
    "archived": 0,
    "archived_identity": 0,
}
"""What a column means that an older release did not write."""


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    """Arrow gives maps as lists of pairs, and lists where the ledger means tuples."""
    plain = dict(item)
    for key in ("folds", "reasons", "built_from"):
        if key in plain:
            plain[key] = dict(plain[key] or ())
    if "slices" in plain:
        plain["slices"] = tuple(plain["slices"] or ())
    if "expectations" in plain:
        # An older release did not write of how many rows a rule was asked.
        plain["expectations"] = tuple({"asked": None, **e} for e in plain["expectations"] or ())
    for key, nothing in _IF_NULL.items():
        if key in plain:
            plain[key] = plain[key] or nothing
    return plain
