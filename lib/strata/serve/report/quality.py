"""The report's quality part: gates, conservation, quarantine, freshness, run times, lineage.

All of it is read from the ledger and the feeds' declarations; nothing is counted again.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from strata.declare.feed import Feed
from strata.ledger import attempts
from strata.ledger import publication as ledger
from strata.ledger.entries import REJECTED, TAKEN_AS_NULL
from strata.ledger.publication import GateEntry, Publication
from strata.serve.published import Published


@dataclass(frozen=True)
class Gate:
    """What a table's newest gate counted."""

    table: str
    publication: int
    mode: str
    rows_in: int
    accepted: int
    quarantined: int
    folded: int
    seconds: float
    rules: int
    failing: tuple[str, ...]
    """Rules that did not hold, each in words; warnings, or overridden."""
    overridden_by: str

    @property
    def is_balanced(self) -> bool:
        """Whether rows in = accepted + quarantined + folded."""
        return self.rows_in == self.accepted + self.quarantined + self.folded


@dataclass(frozen=True)
class Quality:
    """How well one feed stands."""

    feed: str
    publication: Publication
    age_hours: float
    """From its publication to the writing of the report."""
    files: int
    records: int
    gates: tuple[Gate, ...]
    reasons: tuple[tuple[str, str, int], ...]
    """(table, reason, rows that wait) in the newest publication."""
    trend: tuple[tuple[int, datetime | None, int, int], ...]
    """(publication, when, rows quarantined by its gates, rows waiting after it), oldest first."""
    runs: tuple[tuple[str, str, float, str], ...]
    """(started, outcome, seconds, message), newest first."""
    lineage: tuple[tuple[str, str], ...]
    """(from, to): sources, tables."""


def quality_of(published: Published, feed: Feed, now: datetime | None = None) -> Quality | None:
    """The quality of a feed as published; None where nothing is."""
    newest = published.publications.get(feed.name)
    if newest is None:
        return None
    line = ledger.lineage(published.ledger(feed.name))
    taken = ledger.files_taken(line).values()
    stamped = newest.published_at
    age = ((now or datetime.now(timezone.utc)) - stamped).total_seconds() if stamped else 0.0
    return Quality(
        feed=feed.name,
        publication=newest,
        age_hours=age / 3600,
        files=len(taken),
        records=sum(entry.records for entry in taken),
        gates=latest_gates(line),
        reasons=_reasons(published, newest),
        trend=tuple(_trend(line)),
        runs=_runs(published, feed.name),
        lineage=tuple(_lineage(feed)),
    )


def latest_gates(line: tuple[Publication, ...]) -> tuple[Gate, ...]:
    """The last gate that each table of the newest publication passed."""
    wanted = [state.table for state in line[-1].tables]
    found: dict[str, Gate] = {}
    for publication in reversed(line):
        for entry in publication.gates:
            found.setdefault(entry.table, _gate(publication, entry))
        if found.keys() >= set(wanted):
            break
    return tuple(found[table] for table in wanted if table in found)


def _gate(publication: Publication, entry: GateEntry) -> Gate:
    failing = [
        f"{rule['severity']}: {rule['description'] or rule['type']}"
        for rule in entry.expectations
        # A critical rule on rows is kept by quarantining them.
        if not rule["success"] and rule["severity"] == "warning"
    ]
    return Gate(
        entry.table,
        publication.publication,
        entry.mode,
        entry.rows_in,
        entry.accepted,
        entry.quarantined,
        entry.folded,
        entry.seconds,
        sum(rule["type"] not in (REJECTED, TAKEN_AS_NULL) for rule in entry.expectations),
        tuple(failing),
        entry.overridden_by or "",
    )


def _reasons(published: Published, newest: Publication) -> tuple[tuple[str, str, int], ...]:
    """Counts of the rows that wait now; a row with two reasons is counted under both."""
    from strata.declare.contract import quarantine_name

    found = []
    for state in newest.tables:
        if state.quarantine_version is None or not state.rejected:
            continue
        counts: Counter[str] = Counter()
        for batch in published.table(quarantine_name(state.table)).batches(["_reasons"]):
            counts.update(reason for row in batch.column(0).to_pylist() for reason in row or ())
        found += [(state.table, reason, number) for reason, number in counts.most_common()]
    return tuple(sorted(found, key=lambda item: (-item[2], item[0], item[1])))


def _trend(line: tuple[Publication, ...]) -> list[tuple[int, datetime | None, int, int]]:
    return [
        (
            publication.publication,
            publication.published_at,
            sum(entry.quarantined for entry in publication.gates),
            sum(state.rejected for state in publication.tables),
        )
        for publication in line
    ]


def _runs(published: Published, feed: str) -> tuple[tuple[str, str, float, str], ...]:
    found = []
    for attempt in attempts.read(published.warehouse, feed):
        seconds = run_seconds(attempt)
        if seconds is not None:
            found.append((attempt.started_at[:19], attempt.outcome, seconds, attempt.message))
    return tuple(reversed(found[-50:]))


def run_seconds(attempt: attempts.Attempt) -> float | None:
    """How long a run took; None where it was killed, or its note is damaged."""
    try:
        started = datetime.fromisoformat(attempt.started_at)
        return (datetime.fromisoformat(attempt.ended_at) - started).total_seconds()
    except ValueError:
        return None


def _lineage(feed: Feed) -> list[tuple[str, str]]:
    edges: dict[tuple[str, str], Any] = {}
    for layout in feed.layouts:
        edges[f"source {layout.source}", layout.table] = None
    for table in feed.tables:
        for name in table.inputs:
            edges[name, table.name] = None
    return list(edges)
