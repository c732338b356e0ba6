"""The quarantine's life: what waits there and why, and a person's decision to discard.

Quarantine tables are derived like any other; nothing here edits one. A discarded row stays in its
table, and the decision stands in the ledger by file hash and record number.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from strata.declare import feed as feeds
from strata.declare.contract import quarantine_name
from strata.declare.mention import fields_in
from strata.errors import UsageError
from strata.lake.versions import Warehouse, read_arrow
from strata.ledger import publication as ledger
from strata.ledger import seal as integrity
from strata.ledger.publication import Decision, Publication


@dataclass(frozen=True)
class Waiting:
    """The rows of one table that share a reason; a row with two reasons is counted under both."""

    table: str
    reason: str
    rows: int
    discarded: int
    since: datetime | None
    """When the oldest of their files was published, UTC."""


def rows_of(warehouse: Warehouse, publication: Publication, table: str) -> list[dict[str, Any]]:
    """Every quarantined row of one table, by file and record."""
    state = publication.state(table)
    if state is None or state.quarantine_version is None:
        return []
    integrity.assert_intact(warehouse, state)
    rows = read_arrow(warehouse, quarantine_name(table), state.quarantine_version).to_pylist()
    return sorted(
        rows, key=lambda row: (str(row.get("_file_sha256")), row.get("_record_number") or 0)
    )


def waiting(warehouse: Warehouse) -> list[Waiting]:
    """Counts by table and reason over every feed."""
    found: list[Waiting] = []
    for name in feeds.feed_names():
        line = ledger.lineage(ledger.read(warehouse, name))
        if not line:
            continue
        arrived = {e.sha256: p.published_at for p in line for e in p.files if e.status == "taken"}
        discarded = {(d.table, d.file_sha256, d.record_number) for d in ledger.decisions(line)}
        for state in line[-1].tables:
            found += _by_reason(
                state.table, rows_of(warehouse, line[-1], state.table), arrived, discarded
            )
    return found


def paths_of(warehouse: Warehouse, feed: str) -> dict[str, str]:
    """The path, below the feed's raw folder, of every file taken, by its SHA-256."""
    return {
        e.sha256: f"{e.source}/{e.path}"
        for e in ledger.files_taken(ledger.lineage(ledger.read(warehouse, feed))).values()
    }


def told_of(
    warehouse: Warehouse, publication: Publication, table: str, rows: list[dict[str, Any]]
) -> dict[tuple[str, int], dict[str, str]]:
    """For rejected rows of a table made from raw records, the fields of the record that a reason
    names, as they came: what could not be read is null in the row itself. A personal one is
    `(protected)`.
    """
    import pyarrow.compute as pc

    feed = feeds.load_feed(publication.feed)
    ids = {(row["_file_sha256"], row["_record_number"]): row["_reasons"] for row in rows if
           row.get("_file_sha256")}  # fmt: skip
    if not ids or table in feed.bronze_tables:
        return {}
    files, numbers = ({key[place] for key in ids} for place in (0, 1))
    where = pc.field("_file_sha256").isin(list(files)) & pc.field("_record_number").isin(
        list(numbers)
    )
    found: dict[tuple[str, int], dict[str, str]] = {}
    for name in feed.table(table).inputs:
        state = publication.state(name)
        if name not in feed.bronze_tables or state is None:
            continue
        contract = feed.contract(name)
        for row in read_arrow(warehouse, name, state.version, where=where).to_pylist():
            key = (row["_file_sha256"], row["_record_number"])
            fields = [f for reason in ids.get(key, ()) for f in fields_in(contract, reason)]
            found[key] = found.get(key, {}) | {
                field.name: "(protected)" if field.is_personal else row[field.name]
                for field in fields
                if row[field.name] is not None
            }
    return found


def _by_reason(
    table: str,
    rows: list[dict[str, Any]],
    arrived: dict[str, Any],
    discarded: set[tuple[str, str, int]],
) -> list[Waiting]:
    counts: Counter[str] = Counter()
    gone: Counter[str] = Counter()
    since: dict[str, datetime] = {}
    for row in rows:
        sha256, number = row.get("_file_sha256"), row.get("_record_number")
        for reason in row["_reasons"]:
            counts[reason] += 1
            gone[reason] += (table, sha256, number) in discarded
            at = arrived.get(str(sha256))
            if at is not None:
                since[reason] = min(at, since.get(reason, at))
    return [
        Waiting(table, reason, n, gone[reason], since.get(reason))
        for reason, n in counts.most_common()
    ]


@dataclass(frozen=True)
class Which:
    """Which rejected rows of a table a decision is about; None asks nothing."""

    table: str
    file: str | None = None
    """A SHA-256 or its beginning."""
    record: int | None = None
    reason: str | None = None

    def includes(self, row: dict[str, Any]) -> bool:
        """Whether it is about this row."""
        return (
            (self.file is None or str(row["_file_sha256"]).startswith(self.file))
            and (self.record is None or row["_record_number"] == self.record)
            and (self.reason is None or self.reason in row["_reasons"])
        )


def decide_discard(
    warehouse: Warehouse, publication: Publication, which: Which, by: str, why: str
) -> list[Decision]:
    """A decision for each quarantined row that matches; a UsageError when none does."""
    if which.file is None and which.reason is None:
        raise UsageError(
            "discard names its rows: give --file (a SHA-256 or its beginning) with --record, "
            "or --reason"
        )
    table = which.table
    rows = rows_of(warehouse, publication, table)
    if rows and not {"_file_sha256", "_record_number"} <= rows[0].keys():
        raise UsageError(
            f"a row is discarded by its file and record; rows of {table} come of many: "
            "discard those it is made from"
        )
    chosen = {(row["_file_sha256"], row["_record_number"]) for row in rows if which.includes(row)}
    if not chosen:
        raise UsageError(
            f"no quarantined row of {table} matches; `strata quarantine show {table}` lists them"
        )
    return [
        Decision("discard", table, sha256, number, by, why) for sha256, number in sorted(chosen)
    ]
