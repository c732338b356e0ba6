"""The ledger: one row a publication, and what is visible is a feed's newest row.

Each feed has a publications table of its own, `<warehouse>/ops/publications/<feed>`, under the
feed's lease: no two feeds ever write one table, so nothing has to be shared between processes. The
SQL name `ops.publications` is the union of them; `ops.files` and `ops.gates` are views over it.

A publication moves every table of its feed in one commit. It names the one it builds on; with the
lease, a commit that stands on that one's or not at all, and reading back, that makes it
compare-and-set. A file is taken, a gate passed, a run done, if and only if the publication stands.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timezone

from strata import failpoint
from strata.declare.contract import split_name
from strata.errors import CommitUnknown, Damaged, LeaseHeld, StrataError, TornCommit, UsageError
from strata.fs import trouble as resource_trouble
from strata.lake.log import TableLog
from strata.lake.torn import set_torn_aside
from strata.lake.versions import Warehouse, read_arrow
from strata.ledger import attempts, row
from strata.ledger.entries import (
    LISTS,
    Decision,
    FileEntry,
    GateEntry,
    Publication,
    TableState,
)
from strata.ledger.row import table_path

__all__ = [
    "LISTS",
    "NOTHING",
    "Decision",
    "FileEntry",
    "GateEntry",
    "Publication",
    "TableState",
    "decisions",
    "ended",
    "files_seen",
    "files_taken",
    "find",
    "lineage",
    "newest",
    "owner_of",
    "publish",
    "read",
    "read_at",
    "same_rows",
    "table_path",
    "version_of",
]

SAME_ROWS = ("maintenance", "archive")
"""Kinds of publication that change no table: its rows lie elsewhere."""
NOTHING = 0
"""The number that a feed's first publication builds on."""


def read(warehouse: Warehouse, feed: str) -> tuple[Publication, ...]:
    """Every publication of the feed, oldest first; needs no Spark."""
    return read_at(warehouse, feed, version_of(warehouse, feed))


def version_of(warehouse: Warehouse, feed: str) -> int | None:
    """The version at which the feed's ledger is read; None where there is no ledger yet.

    A torn last commit was a publication that never stood, so the version before it is the ledger;
    but where some run was told that it stands, its loss is damage, and reading on would hide it.
    """
    path = table_path(feed)
    log = TableLog(warehouse, path)
    version = log.latest
    if version is None or log.is_whole(version):
        return version
    before = version - 1 if version else None
    standing = newest(read_at(warehouse, feed, before))
    lost = (standing.publication if standing else NOTHING) + 1
    told = [
        a.run_id
        for a in attempts.read(warehouse, feed)
        if a.outcome == attempts.UNREADABLE or (a.publication or 0) >= lost
    ]
    if told:
        raise TornCommit(
            f"a publication that stands must be readable; publication {lost} of {feed} (run "
            f"{told[-1]}) is not: version {version} of "
            f"{warehouse.path(path)} is empty or torn: restore that file of its _delta_log "
            "from a backup"
        )
    return before


def read_at(warehouse: Warehouse, feed: str, version: int | None) -> tuple[Publication, ...]:
    """Every publication up to that version of the feed's ledger, oldest first; none of None."""
    if version is None:
        return ()
    held = row.publications(read_arrow(warehouse, table_path(feed), version))
    every = tuple(sorted(held, key=lambda publication: publication.publication))
    _assert_chain(warehouse, feed, version, every)
    return every


def _assert_chain(
    warehouse: Warehouse, feed: str, version: int, every: tuple[Publication, ...]
) -> None:
    """Each commit of the ledger is one publication, and each builds on the one before: none may be
    missing.

    A zero-length last commit would read as a ledger without its newest publication.
    """
    numbers = [publication.publication for publication in every]
    chained = all(publication.builds_on == publication.publication - 1 for publication in every)
    if numbers != list(range(1, version + 2)) or not chained:
        raise Damaged(
            f"the ledger of {feed} holds one publication a commit; it has {version + 1} "
            "commits and the publications "
            f"{', '.join(map(str, numbers)) or 'none'}: restore "
            f"{warehouse.path(table_path(feed))} from a backup",
            feed=feed,
        )


def newest(publications: tuple[Publication, ...]) -> Publication | None:
    """The publication that readers see; None before the first."""
    return publications[-1] if publications else None


def owner_of(table: str) -> str:
    """The feed that writes a table."""
    return split_name(table)[1]


def find(publications: tuple[Publication, ...], feed: str, number: int) -> Publication:
    """The publication of that number; a UsageError lists those there are."""
    for publication in publications:
        if publication.publication == number:
            return publication
    numbers = ", ".join(str(p.publication) for p in publications) or "none"
    raise UsageError(f"a publication is named by its number; {feed} has {numbers}, not {number}")


def lineage(publications: tuple[Publication, ...]) -> tuple[Publication, ...]:
    """The publications that the newest one stands on, oldest first; a rollback leaves out what it
    took back.
    """
    by_number = {publication.publication: publication for publication in publications}
    current, line = newest(publications), []
    while current is not None:
        line.append(current)
        before = current.builds_on if current.restores is None else current.restores
        current = by_number.get(before)
    return tuple(reversed(line))


def files_taken(line: Iterable[Publication]) -> dict[str, FileEntry]:
    """Every file taken so far, by (source and) SHA-256."""
    return {
        f"{entry.source}/{entry.sha256}": entry
        for p in line
        for entry in p.files
        if entry.status == "taken"
    }


def files_seen(line: Iterable[Publication]) -> set[tuple[str, str, str]]:
    """(source, path, sha256) of every file that stands in the ledger, taken or folded."""
    return {
        (e.source, e.path, e.sha256)
        for p in line
        for e in p.files
        if e.status in ("taken", "folded")
    }


def same_rows(publications: Iterable[Publication], table: str, version: int, other: int) -> bool:
    """Whether two published versions of a table hold the same rows: no publication but maintenance
    or archiving lies between them.
    """
    first: dict[int, int] = {}
    before = None
    for publication in publications:
        state = publication.state(table)
        if state is None:
            continue
        if publication.kind in SAME_ROWS and before is not None:
            first.setdefault(state.version, first.get(before, before))
        before = state.version
    return first.get(version, version) == first.get(other, other)


def ended(publications: Iterable[Publication]) -> int:
    """The number up to which publications have ended; 0 while all are kept."""
    return max((publication.ends for publication in publications), default=0)


def decisions(line: Iterable[Publication]) -> tuple[Decision, ...]:
    """All decisions of these publications, in their order."""
    return tuple(decision for publication in line for decision in publication.decisions)


def publish(warehouse: Warehouse, publication: Publication) -> Publication:
    """Appends the row, and reads it back: it stands exactly once, or this raises.

    The commit stands on that of the publication before, or not at all: of two that are sent at
    once, the second fails.
    """
    stamped = replace(publication, published_at=datetime.now(timezone.utc))
    before = version_of(warehouse, publication.feed)
    set_torn_aside(warehouse, table_path(publication.feed), before)
    failpoint.reach("publication.before", publication.feed)
    try:
        row.commit(warehouse, stamped)
    except Exception as error:  # whatever the store says, the log tells the outcome
        _confirm(warehouse, stamped, error)
    else:
        failpoint.reach("publication.after", publication.feed)
        _confirm(warehouse, stamped, None)
    failpoint.reach("publication.confirmed", publication.feed)
    return stamped


def _confirm(warehouse: Warehouse, publication: Publication, error: Exception | None) -> None:
    what = f"publication {publication.publication} of {publication.feed}"
    try:
        standing = [
            p for p in read(warehouse, publication.feed) if p.publication == publication.publication
        ]
    except Exception as unreadable:
        raise CommitUnknown(
            f"the outcome of a publication must be read back; {what} was sent and the ledger "
            "cannot be read "
            f"({type(unreadable).__name__}): nothing was cleaned up, run again to find out"
        ) from error
    if len(standing) == 1 and standing[0].run_id == publication.run_id:
        return
    if standing:
        raise LeaseHeld(
            f"one run of a feed publishes at a time; {what} is run {standing[0].run_id}'s: "
            "run again"
        )
    if error is not None:
        raise resource_trouble.explain(error) or StrataError(
            f"{what} does not stand, and nothing was published; its commit ended with "
            f"{' '.join(str(error).split())[:200]}: run again"
        ) from error
    raise CommitUnknown(
        f"{what} was sent and does not stand in the ledger: nothing was published, run again"
    )
