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
from strata.ledger.publication import TableState
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
        last = newest - timedelta(days=days) if newest else date.min
        say(f"{one.contract.table}: newest day {newest}; days up to {last} leave")
        return one.days_of(one.standing, f"_day <= date'{last}'")

    return _each(spark, warehouse, name, say, lambda one: one.put_away(chosen(one)))


def restore(
    spark: SparkSession, warehouse: Warehouse, name: str, between: tuple[date, date], say: Say
) -> list[Moved]:
    """Moves archived days back to bronze, the first and the last of `between` included."""
    first, last = between

    def back(one: RawDays) -> tuple[TableState, Moved]:
        where = f"_day between date'{first}' and date'{last}'"
        return one.bring_back(one.days_of(one.archived, where))

    return _each(spark, warehouse, name, say, back)


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
    name: str,
    say: Say,
    move: Callable[[RawDays], tuple[TableState, Moved]],
) -> list[Moved]:
    """Moves days of each bronze table of the feed under its lease, and publishes what has moved."""
    found, run_id, feed = _archived(name), new_run_id(), feeds.load_feed(name)
    with lease.hold(warehouse, name, run_id) as held:
        every = ledger.read(warehouse, name)
        if not every:
            return []
        store = Store(spark, warehouse, run_id)
        restore_all(store, feed, every[-1])
        states, done = {s.table: s for s in every[-1].tables}, []
        for table, source in found:
            if table in states:
                one = RawDays(store, feed.contract(table), source, every[-1], states[table])
                states[table], moved = move(one)
                done.append(moved)
        if any(moved.rows for moved in done):
            failpoint.reach("archive.written", name)
            made = same_rows(warehouse, every[-1], tuple(states.values()), "archive", run_id)
            held.assert_held()
            every = (*every, ledger.publish(warehouse, made))
            for moved in done:
                moved.publication = made.publication
                say(f"{moved.table}: {moved.rows:,} rows of {len(moved.days)} days moved")
    return [
        replace(
            content(warehouse, every, states[m.table]),
            days=m.days,
            rows=m.rows,
            publication=m.publication,
        )
        for m in done
    ]
