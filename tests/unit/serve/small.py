"""A small published warehouse made without Spark: Delta tables and a ledger by delta-rs.

What it writes is Delta's public format and the ledger's own columns, so readers cannot tell it
from one that runs have made. The feed is the toy feed of `tests/toy_project`.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, write_deltalake
from strata.declare.contract import quarantine_name
from strata.lake.versions import Warehouse
from strata.ledger import publication as ledger
from strata.ledger import seal
from strata.ledger.publication import FileEntry, GateEntry, Publication, TableState

FEED = "toy"
START = datetime(2026, 3, 1, tzinfo=timezone.utc)
"""When publication 1 was made; each later one is a day after the one before."""

_TEXT, _WHOLE, _TIME = pa.string(), pa.int64(), pa.timestamp("us", "UTC")
_COUNTS = pa.map_(_TEXT, _WHOLE)


def _rows(**columns: pa.DataType) -> pa.ListType:
    return pa.list_(pa.struct(list(columns.items())))


LEDGER = pa.schema({
    "feed": _TEXT, "publication": _WHOLE, "builds_on": _WHOLE, "restores": _WHOLE, "run_id": _TEXT,
    "published_at": _TIME, "strata_version": _TEXT, "params": _TEXT, "kind": _TEXT, "ends": _WHOLE,
    "erasures": pa.list_(_TEXT),
    "tables": _rows(
        table=_TEXT, version=_WHOLE, rows=_WHOLE, identity=_WHOLE, quarantine_version=_WHOLE, rejected=_WHOLE,
        fingerprint=_TEXT, slices=pa.list_(_TEXT), built_from=_COUNTS, manifest=_TEXT, quarantine_manifest=_TEXT,
    ),
    "files": _rows(
        source=_TEXT, layout=_TEXT, table=_TEXT, path=_TEXT, sha256=_TEXT, bytes=_WHOLE, records=_WHOLE,
        status=_TEXT, detail=_TEXT, delivery_date=pa.date32(),
    ),
    "gates": _rows(
        table=_TEXT, mode=_TEXT, why=_TEXT, rows_in=_WHOLE, accepted=_WHOLE, quarantined=_WHOLE, folded=_WHOLE,
        folds=_COUNTS, reasons=_COUNTS, rows_written=_WHOLE, total_rows=_WHOLE, total_rejected=_WHOLE,
        seconds=pa.float64(), overridden_by=_TEXT,
        expectations=_rows(
            type=_TEXT, columns=pa.list_(_TEXT), description=_TEXT, severity=_TEXT, success=pa.bool_(),
            unexpected=_WHOLE, observed=_TEXT,
        ),
    ),
    "decisions": _rows(decision=_TEXT, table=_TEXT, file_sha256=_TEXT, record_number=_WHOLE, by=_TEXT, why=_TEXT),
})  # fmt: skip


def write(warehouse: Warehouse, table: str, rows: pa.Table, **options: Any) -> int:
    """Replaces a Delta table's rows; returns the version."""
    from deltalake import DeltaTable

    path = warehouse.path(table)
    write_deltalake(path, rows, mode="overwrite", **options)
    return DeltaTable(path).version()


def publish(
    warehouse: Warehouse,
    tables: dict[str, pa.Table],
    quarantine: dict[str, pa.Table] | None = None,
    files: tuple[FileEntry, ...] = (),
    gates: tuple[GateEntry, ...] = (),
    ends: int = 0,
    feed: str = FEED,
) -> Publication:
    """Writes the tables and publishes them in one ledger row, as a run of the toy feed does."""
    every = ledger.read(warehouse, feed)
    before = ledger.newest(every)
    states = {state.table: state for state in before.tables} if before else {}
    for table, rows in tables.items():
        rejected = (quarantine or {}).get(table)
        quarantined = (
            None if rejected is None else write(warehouse, quarantine_name(table), rejected)
        )
        state = TableState(
            table, write(warehouse, table, rows), rows.num_rows,
            quarantine_version=quarantined, rejected=0 if rejected is None else rejected.num_rows,
        )  # fmt: skip
        states[table] = seal.seal(warehouse, state, states.get(table))
    number = len(every) + 1
    publication = Publication(
        feed, number, number - 1, f"run-{number}", published_at=START + timedelta(days=number - 1),
        tables=tuple(states.values()), files=files, gates=gates, ends=ends,
    )  # fmt: skip
    write_ledger(warehouse, publication)
    return publication


def write_ledger(warehouse: Warehouse, publication: Publication) -> None:
    row = asdict(replace(publication))
    for name in ("folds", "reasons"):
        for gate in row["gates"]:
            gate[name] = list(gate[name].items())
    for state in row["tables"]:
        state["built_from"] = list(state["built_from"].items())
    properties = CommitProperties(custom_metadata={"userMetadata": publication.run_id})
    write_deltalake(
        warehouse.path(ledger.table_path(publication.feed)),
        pa.Table.from_pylist([row], LEDGER),
        mode="append",
        commit_properties=properties,
    )
