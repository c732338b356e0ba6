"""What a publication holds: the tables as it shows them, the files, the gates, the decisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

LISTS = ("tables", "files", "gates", "decisions", "erasures")
"""The lists of a publication; all else is one value each."""


@dataclass(frozen=True)
class TableState:
    """One table as a publication shows it."""

    table: str
    version: int
    rows: int
    identity: int = 0
    """Order-free hash of its row ids, against which the next table's input is checked."""
    quarantine_version: int | None = None
    """Version of its quarantine; None while nothing was ever rejected."""
    rejected: int = 0
    fingerprint: str = ""
    slices: tuple[str, ...] = ()
    """For a table that keeps slices: the parameters of each, as JSON."""
    built_from: dict[str, int] = field(default_factory=dict)
    """Version of each input, other feeds' tables included, from which it was computed."""
    manifest: str = ""
    """Digest of what the table's log says of that version, by which a later reader knows it again.
    """
    quarantine_manifest: str = ""
    archive_version: int | None = None
    """Of a bronze table: version of its archive, which holds further rows of it; None while no day
    has left it."""
    archived: int = 0
    """Rows in the archive; `rows` and `identity` are without them."""
    archived_identity: int = 0
    archive_manifest: str = ""

    @property
    def all_rows(self) -> int:
        """Its rows, archived ones too."""
        return self.rows + self.archived

    @property
    def all_identity(self) -> int:
        """The order-free hash of the ids of all its rows, archived ones too."""
        return self.identity ^ self.archived_identity


@dataclass(frozen=True)
class FileEntry:
    """One raw file that a run looked at for the first time."""

    source: str
    path: str
    sha256: str
    bytes: int
    records: int
    status: str
    """`taken`, `folded` (the same bytes were taken under another name) or `rejected` (cannot be
    read safely).
    """
    layout: str = ""
    table: str = ""
    detail: str = ""
    delivery_date: Any = None


@dataclass(frozen=True)
class GateEntry:
    """One gate that passed, with the counts that must balance."""

    table: str
    mode: str
    """`append`, `groups` (only touched groups) or `whole`."""
    why: str
    rows_in: int
    accepted: int
    quarantined: int
    folded: int
    folds: dict[str, int]
    reasons: dict[str, int]
    rows_written: int
    total_rows: int
    total_rejected: int
    seconds: float
    overridden_by: str | None = None
    expectations: tuple[dict[str, Any], ...] = ()

    @property
    def told_reasons(self) -> list[dict[str, Any]]:
        """Why rows were rejected: `table`, `reason`, `rows`."""
        return [
            {"table": self.table, "reason": reason, "rows": rows}
            for reason, rows in self.reasons.items()
        ]

    @property
    def told_warnings(self) -> list[dict[str, Any]]:
        """The rules that warned: `table`, `rule`, how many rows break it, where it counts, of how
        many that were `asked`, and one of them as an `example`. What was lost above the suite's
        share stands among them, with its `columns`.
        """
        return [
            {
                "table": self.table,
                "rule": rule["description"],
                "kind": rule["type"],
                "columns": list(rule["columns"] or ()),
                "rows": _rows_told(rule),
                "asked": rule.get("asked"),
                "example": _example_told(rule),
            }
            for rule in self.expectations
            if rule["severity"] == "warning" and not rule["success"]
        ]


_QUERY = "unexpected_rows_expectation"
REJECTED, TAKEN_AS_NULL = "rejected", "taken_as_null"
"""Kinds of warnings that no rule of a suite states: a reason rejected more rows, and a text was
taken as null in more records, than the suite's `told_above_share`.
"""


def _example_told(rule: dict[str, Any]) -> str:
    """One row that breaks the rule: of a query it stands behind the number of them."""
    observed = str(rule["observed"] or "")
    if rule["unexpected"] is None:
        return observed.partition("; ")[2] if rule["type"] == _QUERY else ""
    return observed


def _rows_told(rule: dict[str, Any]) -> int | None:
    """How many rows break a rule: a query finds them one by one."""
    if rule["unexpected"] is None and rule["type"] == _QUERY:
        count = str(rule["observed"]).partition(";")[0]
        return int(count) if count.isdigit() else None
    found: int | None = rule["unexpected"]
    return found


@dataclass(frozen=True)
class Decision:
    """A person's word on a quarantined row; only `discard` so far."""

    decision: str
    table: str
    file_sha256: str
    record_number: int
    by: str
    why: str


@dataclass(frozen=True)
class Publication:
    """One row of `ops.publications`."""

    feed: str
    publication: int
    builds_on: int
    run_id: str
    restores: int | None = None
    """The older publication that a rollback published again."""
    published_at: datetime | None = None
    strata_version: str = ""
    params: str = "{}"
    kind: str = "run"
    """`run`, `rollback`, `decision`, `erasure`, `maintenance` (the same rows in other files) or
    `archive` (raw days moved into the archive, or out of it)."""
    ends: int = 0
    """Publications up to this number have ended: their files may be gone, and nobody rolls back to
    them.
    """
    erasures: Sequence[str] = ()
    """Erasures that this publication carries out, by their ids; whose, it does not say."""
    tables: Sequence[TableState] = ()
    files: Sequence[FileEntry] = ()
    gates: Sequence[GateEntry] = ()
    decisions: Sequence[Decision] = ()

    def state(self, table: str) -> TableState | None:
        """What it publishes of the table; None if nothing."""
        return next((state for state in self.tables if state.table == table), None)
