"""A published warehouse of a few rows, made without Spark, for tests of the doors that read it.

Tables and ledger are written by delta-rs as a run would leave them: one commit a publication, each
sealed by the digest of its table's log. Only what readers look at is filled in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from strata.declare.contract import load_contract
from strata.lake.log import TableLog
from strata.lake.versions import Warehouse
from strata.ledger import publication as ledger
from strata.serve.export.types import arrow_type

from tests.unit.serve.small import LEDGER

Row = Mapping[str, Any]
_PROVENANCE: dict[str, Any] = {"_file_sha256": "0" * 64, "_record_number": 1}


def publish(
    warehouse: Warehouse,
    feed: str,
    tables: Mapping[str, Any],
    counted: Mapping[str, int] | None = None,
    append: bool = False,
) -> int:
    """Publishes the rows as the feed's next publication; tables not named stay. Returns its number.

    `counted` says another number of rows than there are: a damaged publication. With `append`, rows
    are Arrow tables, each of which makes a file, and values that all of them share.
    """
    before = ledger.newest(ledger.read(warehouse, feed))
    states = {state.table: vars(state) for state in before.tables} if before else {}
    for table, rows in tables.items():
        held = states[table]["rows"] if append else 0
        states[table] = (
            _append(warehouse, table, *rows) if append else _write(warehouse, table, rows)
        )
        states[table]["rows"] += held
        if counted and table in counted:
            states[table]["rows"] = counted[table]
    number = (before.publication if before else 0) + 1
    row = {
        "feed": feed,
        "publication": number,
        "builds_on": number - 1,
        "run_id": f"run-{feed}-{number}",
        "published_at": datetime(2024, 5, number, tzinfo=timezone.utc),
        "strata_version": "test",
        "params": "{}",
        "kind": "run",
        "ends": 0,
        "tables": list(states.values()),
        **{name: [] for name in ledger.LISTS if name != "tables"},
    }
    path = warehouse.path(ledger.table_path(feed))
    write_deltalake(path, pa.Table.from_pylist([row], LEDGER), mode="append")
    return number


def _write(warehouse: Warehouse, table: str, rows: Sequence[Row]) -> dict[str, Any]:
    fields = load_contract(table).fields
    schema = pa.schema([pa.field(f.name, arrow_type(f.type), not f.required) for f in fields])
    spare = {f.name: _PROVENANCE.get(f.name) for f in fields}
    full = pa.Table.from_pylist([{**spare, **row} for row in rows], schema)
    write_deltalake(warehouse.path(table), full, mode="overwrite")
    version = DeltaTable(warehouse.path(table)).version()
    digest = TableLog(warehouse, table).snapshot(version).digest
    return {"table": table, "version": version, "rows": len(rows), "manifest": digest}


def _append(
    warehouse: Warehouse, table: str, parts: Iterable[pa.Table], same: Row
) -> dict[str, Any]:
    """Adds rows, a file a part, for benchmarks that need many."""
    fields = load_contract(table).fields
    schema = pa.schema([pa.field(f.name, arrow_type(f.type), not f.required) for f in fields])
    shared = {**{f.name: _PROVENANCE.get(f.name) for f in fields}, **same}
    added = 0
    for rows in parts:
        columns = [
            rows.column(f.name).cast(f.type)
            if f.name in rows.column_names
            else pa.repeat(pa.scalar(shared[f.name], f.type), rows.num_rows)
            for f in schema
        ]
        full = pa.table(columns, schema=schema)
        write_deltalake(warehouse.path(table), full, mode="append")
        added += rows.num_rows
    version = DeltaTable(warehouse.path(table)).version()
    digest = TableLog(warehouse, table).snapshot(version).digest
    return {"table": table, "version": version, "rows": added, "manifest": digest}
