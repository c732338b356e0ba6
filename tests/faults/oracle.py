"""What must be true of a warehouse after any disturbance, and a reader who never stops looking."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from strata.declare.contract import archive_name, load_contract, quarantine_name
from strata.lake.versions import Warehouse, read_arrow
from strata.ledger import publication as ledger
from strata.ledger.publication import Publication, TableState

Content = dict[str, tuple[int, str]]
"""Of each table, and of each quarantine: its rows, counted, and a hash of them as a multiset."""


def content_of(warehouse: Warehouse, publication: Publication | None) -> Content:
    """The content of a publication's tables, provenance columns excluded. What a table's archive
    holds is part of the table.
    """
    found: Content = {}
    for state in publication.tables if publication else ():
        columns = list(load_contract(state.table).business_columns)
        found[state.table] = _digest(rows_of(warehouse, state, columns))
        rejected: list[dict[str, Any]] = []
        if state.quarantine_version is not None:
            held = read_arrow(
                warehouse,
                quarantine_name(state.table),
                state.quarantine_version,
                [*columns, "_reasons"],
            )
            rejected = [{**row, "_reasons": sorted(row["_reasons"])} for row in held.to_pylist()]
        # A table whose quarantine never was and one whose quarantine is empty have rejected the
        # same.
        found[quarantine_name(state.table)] = _digest(rejected)
    return found


def rows_of(warehouse: Warehouse, state: TableState, columns: list[str]) -> list[dict[str, Any]]:
    """A table's rows, with those of its archive."""
    rows = read_arrow(warehouse, state.table, state.version, columns).to_pylist()
    if state.archive_version is not None:
        name = archive_name(state.table)
        rows += read_arrow(warehouse, name, state.archive_version, columns).to_pylist()
    return rows


def answers_of(warehouse: Warehouse, feed: str) -> dict[str, Any]:
    """What does not depend on how the input arrived: silver and gold as multisets, and which rows
    they rejected.

    A record that was sent twice stands twice in bronze, and if it is rejected, twice in the
    quarantine.
    """
    latest = ledger.newest(ledger.read(warehouse, feed))
    found: dict[str, Any] = {}
    for state in latest.tables if latest else ():
        if state.table.startswith("bronze."):
            continue
        columns = list(load_contract(state.table).business_columns)
        found[state.table] = _digest(
            read_arrow(warehouse, state.table, state.version, columns).to_pylist()
        )
        rejected: set[str] = set()
        if state.quarantine_version is not None:
            held = read_arrow(
                warehouse,
                quarantine_name(state.table),
                state.quarantine_version,
                [*columns, "_reasons"],
            ).to_pylist()
            rejected = {
                repr(sorted({**row, "_reasons": sorted(row["_reasons"])}.items())) for row in held
            }
        found[quarantine_name(state.table)] = rejected
    return found


def published(warehouse: Warehouse, feed: str) -> Content:
    return content_of(warehouse, ledger.newest(ledger.read(warehouse, feed)))


def _digest(rows: list[dict[str, Any]]) -> tuple[int, str]:
    lines = sorted(repr(sorted(row.items())) for row in rows)
    return len(lines), hashlib.sha256("\n".join(lines).encode()).hexdigest()


def assert_conserved(warehouse: Warehouse, feed: str) -> None:
    """Every record of every taken file is accounted for, once, in the ledger and in the tables."""
    every = ledger.read(warehouse, feed)
    assert [p.publication for p in every] == list(range(1, len(every) + 1)), (
        "a publication is lost or doubled"
    )
    assert len({p.run_id for p in every}) == len(every), "one run published twice"
    line = ledger.lineage(every)
    taken = ledger.files_taken(line)
    assert len([e for p in line for e in p.files if e.status == "taken"]) == len(taken), (
        "a file was taken twice"
    )
    for publication in line:
        for gate in publication.gates:
            balance = (gate.rows_in, gate.accepted + gate.quarantined + gate.folded)
            assert balance[0] == balance[1], (
                f"{gate.table} of publication {publication.publication}: {balance}"
            )
    records = Counter(dict.fromkeys({entry.table for entry in taken.values()}, 0))
    for entry in taken.values():
        records[entry.table] += entry.records
    for table, expected in records.items():
        state = line[-1].state(table)
        assert state is not None
        ids = ["_file_sha256", "_record_number"]
        rows = rows_of(warehouse, state, ids)
        assert len(rows) == state.all_rows, (
            f"{table}: {state.all_rows} rows in the ledger, {len(rows)} in the table"
        )
        if state.quarantine_version is not None:
            held = read_arrow(
                warehouse, quarantine_name(table), state.quarantine_version, ids
            ).to_pylist()
            assert len(held) == state.rejected, (
                f"{quarantine_name(table)}: {state.rejected} in the ledger, {len(held)} in "
                "the table"
            )
            rows += held
        seen = Counter((row["_file_sha256"], row["_record_number"]) for row in rows)
        assert len(rows) == expected, (
            f"{table}: {expected} records were taken, {len(rows)} rows stand"
        )
        assert max(seen.values(), default=1) == 1, f"{table}: a record stands twice"


@dataclass
class Reader(threading.Thread):
    """Reads the newest publication, and the one before it by its pinned versions, as a user's views
    do.
    """

    warehouse: Warehouse
    feed: str
    expected: dict[int, Content]
    """What each publication number must show."""
    looks: int = 0
    wrong: list[str] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)
    resting: threading.Lock = field(default_factory=threading.Lock)
    """Held while it looks; who holds it may put another folder in the warehouse's place."""

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        pinned: Publication | None = None
        while not self.done.is_set():
            started = time.monotonic()
            try:
                with self.resting:
                    pinned = self._look(pinned)
            except Exception as error:
                self.wrong.append(f"could not read: {error!r}")
            self.looks += 1
            # Leave the processor to the run.
            self.done.wait(0.2 + 3 * (time.monotonic() - started))

    def _look(self, pinned: Publication | None) -> Publication | None:
        latest = ledger.newest(ledger.read(self.warehouse, self.feed))
        for publication in {p.publication: p for p in (pinned, latest) if p}.values():
            seen = content_of(self.warehouse, publication)
            if seen != self.expected[publication.publication]:
                self.wrong.append(f"publication {publication.publication} showed {seen}")
        return latest

    def __enter__(self) -> Reader:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.join(60)

    def assert_never_wrong(self) -> None:
        assert self.looks > 0, "the reader never looked"
        assert self.wrong == [], "\n".join(self.wrong[:3])
