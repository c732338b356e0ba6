"""Loads published tables into PostgreSQL: one transaction a feed, which writes the publication's
number too.

Empty tables are filled by COPY, and their indexes made afterwards; tables that have months are
filled aside, several months at a time. Later, the days that may have changed go to staging and are
merged: rows that are gone are deleted, rows that differ are updated, new rows are inserted.
Readers see the old publication until the commit, and never wait for it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

import psycopg
from psycopg import sql

from strata import failpoint
from strata.lake.versions import Warehouse
from strata.ledger import publication as ledger
from strata.serve.export import Pinned, assert_newer, choose
from strata.serve.postgres import months
from strata.serve.postgres.changes import Change, change_of
from strata.serve.postgres.merge import Work, fill, has_rows, merge, reconcile
from strata.serve.postgres.session import alone, connected, lost, references
from strata.serve.postgres.staging import name_of, stage
from strata.serve.postgres.targets import SHOP, Target, create_table, targets_of

Connection = psycopg.Connection[tuple[Any, ...]]
_DECISION = re.compile(r"decision-(\d{12})\.csv$")
_NOTES = (
    "source",
    "feed",
    "publication",
    "run_id",
    "published_at",
    "version",
    "row_count",
    "digest",
    "files",
)


@dataclass(frozen=True)
class Loaded:
    """What became of one table of the database."""

    table: str
    publication: int
    rows: int
    outcome: str
    """`filled`, `merged`, `same rows` or `up to date`."""


def load_tables(
    warehouse: Warehouse, patterns: Iterable[str], url: str, allow_internal: bool = False
) -> tuple[Loaded, ...]:
    """Loads the tables; repeatable, resumable, never older over newer. GateFailed where sums
    differ.

    Tables of the same feeds that the database has already move along.
    """
    chosen = choose(warehouse, patterns, allow_internal)
    with lost(), connected(url) as connection:
        done: list[Loaded] = []
        for feed in sorted({pinned.feed for pinned in chosen}):
            with alone(connection, feed):
                own = [pinned for pinned in chosen if pinned.feed == feed]
                done += _load_feed(connection, warehouse, own, url)
        return tuple(done)


def _load_feed(
    connection: Connection, warehouse: Warehouse, chosen: list[Pinned], place: str
) -> list[Loaded]:
    notes = _notes(connection)
    assert_newer(warehouse, notes.values(), chosen[0], "the database")
    again = {note["source"] for note in notes.values() if note["feed"] == chosen[0].feed}
    named = {pinned.table for pinned in chosen}
    wanted: Iterable[Pinned] = chosen
    if again - named:
        wanted = choose(warehouse, again | named, allow_internal=True)
    work = [
        _plan(connection, pinned, t, notes.get(t.name))
        for pinned in wanted
        for t in targets_of(pinned.table)
    ]
    if all(one.how == "up to date" for one in work):
        return [_told(one) for one in work]
    _ensure_tables(connection, work)
    staged = _stage(connection, work, place)
    with connection.transaction(), references():
        _apply(connection, warehouse, work, staged)
    failpoint.reach("load.committed", chosen[0].feed)
    _clear(connection, work)
    _analyse(connection, work)
    return [_told(one) for one in work]


def _stage(connection: Connection, work: list[Work], url: str) -> list[months.Staged]:
    """Rows that are sent before the load's transaction: those to merge, and whole months."""
    for one in work:
        if one.how == "merged":
            stage(connection, one.target, one.pinned, one.change)
    # Orders before the lines that refer to them.
    order = [target.name for target in SHOP]
    by_month = [one for one in work if one.is_by_month]
    by_month.sort(key=lambda one: order.index(one.target.name))
    with months.Stager(url) as stager, references():
        for one in by_month:
            stager.read(one.target, one.pinned, one.change)
        return [stager.wait(one.target) for one in by_month]


def _told(one: Work) -> Loaded:
    return Loaded(one.target.name, one.pinned.publication, one.pinned.rows, one.how)


def _notes(connection: Connection) -> dict[str, dict[str, Any]]:
    rows = connection.execute(
        f"SELECT table_name, {', '.join(_NOTES)} FROM strata.loads"
    ).fetchall()
    return {row[0]: dict(zip(_NOTES, row[1:], strict=True)) for row in rows}


def _plan(
    connection: Connection, pinned: Pinned, target: Target, note: dict[str, Any] | None
) -> Work:
    before = None
    if note and not _stands(connection, target, pinned):
        note = None
    if note:
        files = note["files"].items()
        before = {
            name: (date.fromisoformat(d[0]), date.fromisoformat(d[1])) if d else None
            for name, d in files
        }
        if note["publication"] == pinned.publication:
            return Work(target, pinned, Change({}, ()), "up to date")
    change = change_of(pinned, target, before)
    if note and note["digest"] == pinned.digest:
        return Work(target, pinned, change, "same rows")
    return Work(target, pinned, change, "merged" if _has_rows(connection, target) else "filled")


def _stands(connection: Connection, target: Target, pinned: Pinned) -> bool:
    """Whether a note may be believed: not where somebody dropped or emptied the table since."""
    if pinned.rows:
        return _has_rows(connection, target)
    found = connection.execute("SELECT to_regclass(%s)", (target.name,)).fetchone()
    return found is not None and found[0] is not None


def _has_rows(connection: Connection, target: Target) -> bool:
    found = connection.execute("SELECT to_regclass(%s)", (target.name,)).fetchone()
    if not found or found[0] is None:
        return False
    return has_rows(connection, target.name)


def _ensure_tables(connection: Connection, work: list[Work]) -> None:
    """Tables outside the shop are made as they are needed; the months of the partitioned ones
    too.
    """
    for one in work:
        if one.target.name.startswith("copies.") and one.how != "up to date":
            (there,) = connection.execute(
                "SELECT to_regclass(%s)", (one.target.name,)
            ).fetchone() or (None,)
            if there is None:
                with connection.transaction():
                    connection.execute(create_table(one.target).encode())
                    connection.execute(f"GRANT SELECT ON {one.target.name} TO strata_reader")
        if one.target.is_partitioned and not one.is_by_month and one.change.files:
            spans = [span for span in one.change.files.values() if span]
            if spans:
                first, last = min(s[0] for s in spans), max(s[1] for s in spans)
                connection.execute(
                    "SELECT strata.make_partitions(%s::regclass, %s, %s)",
                    (one.target.name, first, last),
                )


def _apply(
    connection: Connection, warehouse: Warehouse, work: list[Work], staged: list[months.Staged]
) -> None:
    """Everything that readers may see of a load; it commits as one."""
    filled = [one.target.name for one in work if one.how == "filled" and not one.is_by_month]
    bulk = [name for name in filled if name.startswith("shop.")]
    if bulk:
        connection.execute("SELECT strata.drop_indexes(%s::regclass[])", (bulk,))
    tallies = _write(connection, work)
    if bulk:
        connection.execute("SELECT strata.restore_indexes()")
    connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    months.attach(connection, staged)
    rows = {one.target.name: one.pinned.rows for one in work}
    for months_of in staged:
        months.assert_attached(connection, months_of, rows[months_of.target.name])
    for one in work:
        if one.target.name in tallies:
            reconcile(connection, one, tallies[one.target.name])
        if one.how != "up to date":
            _note(connection, one)
    _mark_taken(connection, warehouse, work[0].pinned)
    if bulk or any(one.target.name.startswith("shop.") for one in work):
        connection.execute("SELECT strata.refresh_views()")
    failpoint.reach("load.finished", work[0].pinned.feed)


def _write(connection: Connection, work: list[Work]) -> dict[str, list[Any]]:
    """Fills or merges each table; what each then holds, by its name."""
    tallies: dict[str, list[Any]] = {}
    for one in work:
        if one.how == "filled" and not one.is_by_month:
            tallies[one.target.name] = fill(connection, one)
        elif one.how == "merged":
            tallies[one.target.name] = merge(connection, one)
        failpoint.reach("load.table", one.target.name)
    return tallies


def _note(connection: Connection, one: Work) -> None:
    pinned = one.pinned
    files = {name: [str(d[0]), str(d[1])] if d else None for name, d in one.change.files.items()}
    values = (
        one.target.name,
        pinned.table,
        pinned.feed,
        pinned.publication,
        pinned.run_id,
        pinned.published.published_at,
        pinned.published.version,
        pinned.rows,
        pinned.digest,
        json.dumps(files),
    )
    connection.execute("DELETE FROM strata.loads WHERE table_name = %s", (one.target.name,))
    connection.execute(
        f"INSERT INTO strata.loads (table_name, {', '.join(_NOTES)}) VALUES "
        f"({', '.join(['%s'] * len(values))})",
        values,
    )


def _mark_taken(connection: Connection, warehouse: Warehouse, pinned: Pinned) -> None:
    """Decisions whose files the publication has taken need not be shown beside it any longer."""
    waiting = connection.execute(
        "SELECT EXISTS (SELECT FROM shop.product_decisions WHERE taken_in IS NULL)"
    ).fetchone()
    if not waiting or not waiting[0]:
        return
    every = ledger.read(warehouse, pinned.feed)
    upto = tuple(p for p in every if p.publication <= pinned.publication)
    names = [
        _DECISION.search(entry.path)
        for entry in ledger.files_taken(ledger.lineage(upto)).values()
        if entry.source == "product_decisions"
    ]
    taken = [int(name[1]) for name in names if name]
    connection.execute(
        "UPDATE shop.product_decisions SET taken_in = %s"
        " WHERE taken_in IS NULL AND decision_id = ANY (%s)",
        (pinned.publication, taken),
    )


def _clear(connection: Connection, work: list[Work]) -> None:
    """Takes away what was staged, by this load or by one that was killed."""
    for one in work:
        connection.execute(
            sql.SQL("DROP TABLE IF EXISTS staging.{}").format(sql.Identifier(name_of(one.target)))
        )
        connection.execute("DELETE FROM strata.staged WHERE table_name = %s", (one.target.name,))
    if any(one.target.is_partitioned for one in work):
        connection.execute("SELECT strata.drop_staged_months()")
        connection.execute(r"DELETE FROM strata.staged WHERE table_name ~ '_\d{4,}_\d\d$'")


def _analyse(connection: Connection, work: list[Work]) -> None:
    """The planner's counts of tables that were filled; autovacuum renews them later on, but for
    those of tables that have partitions.
    """
    for one in work:
        if one.how == "filled" and one.target.name.startswith("shop."):
            connection.execute("SELECT strata.analyse(%s::regclass)", (one.target.name,))
        elif one.how in ("filled", "merged") and one.target.name.startswith("copies."):
            connection.execute(f"ANALYZE {one.target.name}")
