"""Whether what a publication names is still what was published: asked whenever a published version
is opened.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from strata.declare.contract import archive_name, quarantine_name
from strata.errors import ConservationError, Damaged
from strata.lake.log import Snapshot, TableLog, statistics
from strata.lake.versions import Warehouse
from strata.ledger.publication import TableState


def parts(state: TableState) -> Iterator[tuple[str, int, str]]:
    """The physical tables of a published table: itself, its quarantine and its archive, each with
    version and manifest.
    """
    yield state.table, state.version, state.manifest
    if state.quarantine_version is not None:
        yield quarantine_name(state.table), state.quarantine_version, state.quarantine_manifest
    if state.archive_version is not None:
        yield archive_name(state.table), state.archive_version, state.archive_manifest


def counted(state: TableState, part: str) -> tuple[int, int]:
    """How many rows one of its parts holds, and the order-free hash of their ids; 0 where the
    ledger does not keep that.
    """
    if part == state.table:
        return state.rows, state.identity
    if part == archive_name(state.table):
        return state.archived, state.archived_identity
    return state.rejected, 0


def seal(warehouse: Warehouse, state: TableState, before: TableState | None) -> TableState:
    """The state with the digests of its versions' logs; those of a version that stands already stay
    as they are.

    A version published before is never sealed again: that would bless what has happened to it
    since.
    """
    published = (
        {table: (version, manifest) for table, version, manifest in parts(before)} if before else {}
    )
    manifests = {}
    for table, version, _ in parts(state):
        stood, manifest = published.get(table, (None, ""))
        if stood != version:
            snapshot = TableLog(warehouse, table).snapshot(version)
            _assert_counted(table, snapshot, counted(state, table)[0])
            manifest = snapshot.digest
        manifests[table] = manifest
    return replace(
        state,
        manifest=manifests[state.table],
        quarantine_manifest=manifests.get(quarantine_name(state.table), ""),
        archive_manifest=manifests.get(archive_name(state.table), ""),
    )


def _assert_counted(table: str, snapshot: Snapshot, rows: int) -> None:
    """What a run has counted, or reckoned from what it replaced, is what the log says that the
    files hold.
    """
    told = [statistics(add) for add in snapshot.adds.values()]
    held = sum(int(stated.get("numRecords", 0)) for stated in told)
    if all("numRecords" in stated for stated in told) and held != rows:
        raise ConservationError(
            f"a table has the rows that were counted; {table} should have {rows}, its log "
            f"names {held}: nothing was published",
            table=table,
        )


def assert_intact(warehouse: Warehouse, state: TableState) -> None:
    """Raises Damaged unless the table's log, and its quarantine's, say what they said when it was
    published.
    """
    for table, version, manifest in parts(state):
        assert_version(warehouse, table, version, manifest)


def assert_version(warehouse: Warehouse, table: str, version: int, manifest: str) -> None:
    """The same of one physical table; an empty manifest (an older release's) leaves the checks of
    the log alone.
    """
    assert_manifest(table, TableLog(warehouse, table).snapshot(version), manifest)


def assert_manifest(table: str, snapshot: Snapshot, manifest: str) -> None:
    """The same of a snapshot that has been read already."""
    if manifest and snapshot.digest != manifest:
        raise Damaged(
            f"a published version stays as it was published; what the log of {table} says of "
            f"version {snapshot.version} has changed since: "
            "`strata doctor` tells where; restore its _delta_log from a backup",
            table=table, version=snapshot.version, kind="manifest",
        )  # fmt: skip
