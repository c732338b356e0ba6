"""First loads of tables that have months: each month is filled aside, several at a time.

A month is a plain table in staging, filled, indexed, counted and committed on a connection of its
own. The load's transaction makes partitions of them, which moves no row. A load that was killed
finds the months that were committed, compares them with what it reads, and goes on.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from typing import Any

import psycopg
from psycopg import sql

from strata import failpoint
from strata.errors import GateFailed
from strata.serve.export import Pinned, Tally
from strata.serve.postgres.changes import Change
from strata.serve.postgres.spill import Spill, spill
from strata.serve.postgres.staging import assert_read, totals_of
from strata.serve.postgres.targets import Target

Connection = psycopg.Connection[tuple[Any, ...]]
MOST_WORKERS = 4
_PARENTS = {"shop.order_items": "shop.orders"}
"""Months of the one refer to the same months of the other."""


@dataclass(frozen=True)
class Staged:
    """The months of one table, filled aside."""

    target: Target
    months: tuple[date, ...]
    facts: list[Any]
    """Rows, values and totals of all of them, as the database counted them."""


class Stager:
    """Fills months on several connections; used as a context, so that none is left behind."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.pool = ThreadPoolExecutor(max(2, min(MOST_WORKERS, os.cpu_count() or 1)))
        self.done: dict[tuple[str, date], Future[list[Any]]] = {}
        self.digests: dict[str, str] = {}
        self._own = threading.local()
        self._opened: list[Connection] = []

    def __enter__(self) -> Stager:
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.shutdown(wait=True, cancel_futures=True)
        for connection in self._opened:
            connection.close()

    def _connection(self) -> Connection:
        """The thread's own: a new one for each month would read the catalogue anew."""
        kept: Connection | None = getattr(self._own, "connection", None)
        if kept is None:
            kept = psycopg.connect(self.url, autocommit=True, application_name="strata export")
            # A month that a crash loses is filled again; the load's own commit waits for the disk.
            kept.execute("SET synchronous_commit = off")
            self._own.connection = kept
            self._opened.append(kept)
        return kept

    def read(self, target: Target, pinned: Pinned, change: Change) -> None:
        """Reads a table and hands each month to the connections as soon as no later file can hold
        a row of it. GateFailed where rows lack.
        """
        parent = _PARENTS.get(target.name)
        # Months of lines refer to those of their orders, and go when these are filled anew.
        above = self.digests.get(parent, "") if parent else ""
        self.digests[target.name] = pinned.digest + above
        rows = 0
        for months, read in spill(target, pinned, change):
            rows += read
            if parent and months and not above:
                _make_partitions(self._connection(), parent, sorted(months))
            for month in sorted(months):
                if parent and above:
                    # A line whose order is in no month must fail by its reference, not by a name.
                    self._submit(_target(parent), month, None)
                self._submit(target, month, months[month])
        assert_read(pinned, rows)

    def _submit(self, target: Target, month: date, own: Spill | None) -> None:
        if (target.name, month) not in self.done:
            work = (target, month, own or Spill(target))
            self.done[target.name, month] = self.pool.submit(self._fill, *work)

    def _fill(self, target: Target, month: date, own: Spill) -> list[Any]:
        parent = _PARENTS.get(target.name)
        waits = self.done.get((parent, month)) if parent else None
        if waits:
            waits.result()
        what = (self.digests[target.name], "staging" if waits else "shop")
        fill_month(self._connection(), target, month, own, what)
        own.file.close()
        return own.tally.facts()

    def wait(self, target: Target) -> Staged:
        """Every month of a table, as soon as all stand there."""
        own = {month: future for (name, month), future in self.done.items() if name == target.name}
        facts = [future.result() for future in own.values()]
        empty = Tally(target.fields).facts()
        return Staged(
            target, tuple(sorted(own)), [sum(each) for each in zip(empty, *facts, strict=True)]
        )


def _target(name: str) -> Target:
    from strata.serve.postgres.targets import SHOP

    return next(target for target in SHOP if target.name == name)


def fill_month(
    connection: Connection, target: Target, month: date, own: Spill, what: tuple[str, str]
) -> None:
    """Fills one month aside and counts it, in one transaction; keeps one that stands there already.

    `what` is the digest of the publication's table, and where the months of the orders stand.
    """
    name, (digest, orders_place) = f"{target.name.split('.')[1]}_{month:%Y_%m}", what
    facts = json.dumps([str(fact) for fact in own.tally.facts()])
    work = hashlib.sha256(json.dumps([digest, orders_place, facts]).encode()).hexdigest()
    if _stands(connection, name, work):
        _assert_whole(connection, target, name, own)
        return
    failpoint.reach("load.stage", f"{target.name}_{month:%Y_%m}")
    columns = sql.SQL(", ").join(map(sql.Identifier, target.columns))
    with connection.transaction():
        connection.execute("SELECT strata.stage_month(%s::regclass, %s)", (target.name, month))
        # The table is this transaction's own, so its rows need no later look at who sees them.
        statement = sql.SQL("COPY staging.{} ({}) FROM STDIN (FORMAT binary, FREEZE)")
        with (
            connection.cursor() as cursor,
            cursor.copy(statement.format(sql.Identifier(name), columns)) as copy,
        ):
            for block in own.blocks():
                copy.write(block)
        connection.execute("SET LOCAL maintenance_work_mem = '256MB'")
        connection.execute(
            "SELECT strata.index_month(%s::regclass, %s, %s)", (target.name, month, orders_place)
        )
        _assert_whole(connection, target, name, own)
        connection.execute("DELETE FROM strata.staged WHERE table_name = %s", (name,))
        connection.execute("INSERT INTO strata.staged VALUES (%s, %s, %s)", (name, work, facts))


def _stands(connection: Connection, name: str, work: str) -> bool:
    found = connection.execute(
        "SELECT to_regclass(%s) IS NOT NULL FROM strata.staged WHERE table_name = %s AND work = %s",
        (f"staging.{name}", name, work),
    ).fetchone()
    return bool(found and found[0])


def _assert_whole(connection: Connection, target: Target, name: str, own: Spill) -> None:
    """The gate of a month: its rows and sums are those that were sent."""
    table = sql.SQL("staging.{}").format(sql.Identifier(name))
    arrived = totals_of(connection, target, table, sql.SQL("true"))
    own.tally.reconcile_facts(target.source, own.tally.facts(), arrived, f"staging.{name}")


def attach(connection: Connection, staged: list[Staged]) -> None:
    """Makes partitions of the months, in the load's transaction; no row is moved."""
    parents_first = sorted(staged, key=lambda one: one.target.name in _PARENTS)
    for one in reversed(parents_first):
        dropped = [n for n, parent in _PARENTS.items() if parent == one.target.name]
        for name in (*dropped, one.target.name):
            connection.execute("SELECT strata.drop_months(%s::regclass)", (name,))
    for one in parents_first:
        connection.execute(
            "SELECT strata.attach_months(%s::regclass, %s::date[])",
            (one.target.name, list(one.months)),
        )
    for one in parents_first:
        for name in (one.target.name, *(n for n, p in _PARENTS.items() if p == one.target.name)):
            if one.months:
                _make_partitions(connection, name, one.months)


def _make_partitions(connection: Connection, name: str, held: Sequence[date]) -> None:
    """The months between, and three ahead."""
    connection.execute(
        "SELECT strata.make_partitions(%s::regclass, %s, %s)", (name, held[0], held[-1])
    )


def assert_attached(connection: Connection, staged: Staged, rows: int) -> None:
    """GateFailed unless the months hold the publication's rows, and are the table's only ones."""
    if int(staged.facts[0]) != rows:
        raise GateFailed(
            f"a load has the publication's rows; {staged.target.name} has {staged.facts[0]:,} and "
            f"{staged.target.source} was published with {rows:,}: nothing was loaded",
            table=staged.target.source,
        )
    expected = {f"{staged.target.name}_{month:%Y_%m}" for month in staged.months}
    found = connection.execute(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass",
        (staged.target.name,),
    ).fetchall()
    missing = expected - {name for (name,) in found}
    if missing:
        raise GateFailed(
            f"every staged month becomes a partition; {', '.join(sorted(missing))} did not: "
            "nothing was loaded",
            table=staged.target.source,
        )
