"""Raw days that are older than a retention leave bronze for its archive, and can come back.

The archive is a table of its own beside bronze: few large Parquet files, each a stretch of days,
compressed harder than what is read daily. Whatever is computed from bronze reads it too, and opens
no file of days that it need not. Ages are counted from the newest day of the data, never from the
clock.

A day is written to the archive and taken out of bronze in two candidates, compared row by row, and
one publication shows both: who stops in between leaves what was published.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from strata import failpoint
from strata.declare import feed as feeds
from strata.errors import UsageError
from strata.kit.groups import Groups
from strata.kit.table import Source
from strata.lake.store import Store
from strata.lake.versions import Warehouse
from strata.ledger import lease
from strata.ledger import publication as ledger
from strata.ledger.attempts import Attempt, noted, now
from strata.ledger.lease import Lease
from strata.ledger.publication import Publication, TableState
from strata.run.run import new_run_id
from strata.upkeep.archive_content import Moved, content
from strata.upkeep.maintain import restore_all, same_rows
from strata.upkeep.raw_days import RawDays

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Say = Callable[[str], None]


def archive(
    spark: SparkSession, warehouse: Warehouse, name: str, days: int, say: Say
) -> list[Moved]:
    """Moves the raw days of a feed that are `days` days or more older than the newest into the
    archive; UsageError where the feed tells no days."""
    if days < 1:
        raise UsageError(f"the newest day stays in bronze, so --days is at least 1; got {days}")

    def chosen(one: RawDays) -> Groups:
        newest = one.newest()
        last = _before(newest, days) if newest else date.min
        say(f"{one.contract.table}: newest day {newest}; days up to {last} leave")
        return one.days_of(one.standing, f"_day <= date'{last}'")

    def put_away(one: RawDays) -> tuple[TableState, Moved]:
        return one.put_away(chosen(one))

    attempt = Attempt(new_run_id(), name, now(), kind="archive")
    return _each(spark, warehouse, attempt, say, put_away)


def _before(newest: date, days: int) -> date:
    """The last day that leaves; UsageError where the calendar has none so early."""
    try:
        return newest - timedelta(days=days)
    except OverflowError:
        raise UsageError(
            f"days are counted back from the newest day, {newest}, to the year 1 at most; "
            f"--days {days} goes further: give fewer days"
        ) from None


def restore(
    spark: SparkSession, warehouse: Warehouse, name: str, between: tuple[date, date], say: Say
) -> list[Moved]:
    """Moves archived days back to bronze, the first and the last of `between` included."""
    first, last = between

    def back(one: RawDays) -> tuple[TableState, Moved]:
        where = f"_day between date'{first}' and date'{last}'"
        return one.bring_back(one.days_of(one.archived, where))

    return _each(spark, warehouse, Attempt(new_run_id(), name, now(), kind="restore"), say, back)


def listed(warehouse: Warehouse, name: str) -> list[Moved]:
    """What lies in a feed's archives; needs no Spark."""
    found, every = _archived(name), ledger.read(warehouse, name)
    states = [every[-1].state(table) for table, _ in found] if every else []
    return [content(warehouse, every, state) for state in states if state is not None]


def _archived(name: str) -> tuple[tuple[str, Source], ...]:
    found = feeds.load_feed(name).archived
    if not found:
        raise UsageError(
            f"a feed can be archived where a source says what a record's day is; no source of "
            f"{name} does: see `day` in docs/ADD_A_FEED.md"
        )
    return found


def _each(
    spark: SparkSession,
    warehouse: Warehouse,
    attempt: Attempt,
    say: Say,
    move: Callable[[RawDays], tuple[TableState, Moved]],
) -> list[Moved]:
    """Moves days of each bronze table of the feed under its lease, publishes what has moved, and
    notes the attempt: by the note a torn ledger is told from one that never was."""
    name, run_id = attempt.feed, attempt.run_id
    _archived(name)
    with lease.hold(warehouse, name, run_id) as held:
        every = ledger.read(warehouse, name)
        if not every:
            return []
        with noted(warehouse, attempt):
            return _move(Store(spark, warehouse, run_id), every, (held, attempt), say, move)


def _move(
    store: Store,
    every: tuple[Publication, ...],
    begun: tuple[Lease, Attempt],
    say: Say,
    move: Callable[[RawDays], tuple[TableState, Moved]],
) -> list[Moved]:
    held, attempt = begun
    warehouse, latest, feed = store.warehouse, every[-1], feeds.load_feed(attempt.feed)
    restore_all(store, feed, latest)
    states, done = {s.table: s for s in latest.tables}, []
    for table, source in feed.archived:
        if table in states:
            one = RawDays(store, feed.contract(table), source, latest, states[table])
            states[table], moved = move(one)
            done.append(moved)
    attempt.outcome = "nothing new"
    if any(moved.rows for moved in done):
        failpoint.reach("archive.written", feed.name)
        made = same_rows(warehouse, latest, tuple(states.values()), "archive", attempt.run_id)
        held.assert_held()
        every = (*every, ledger.publish(warehouse, made))
        attempt.outcome, attempt.publication = "published", made.publication
    found = [_with_content(warehouse, every, states[moved.table], moved) for moved in done]
    attempt.message = f"{attempt.kind}: " + "; ".join(moved.summary for moved in found)
    for moved in found:
        say(moved.summary)
    return found


def _with_content(
    warehouse: Warehouse, every: tuple[Publication, ...], state: TableState, moved: Moved
) -> Moved:
    """What was moved, and what the archive holds since."""
    whole = content(warehouse, every, state)
    publication = every[-1].publication if moved.rows else None
    return replace(whole, days=moved.days, rows=moved.rows, publication=publication)
