"""How rows come into a table of the database, and the gate that holds them to their publication."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from strata.errors import GateFailed
from strata.serve.export import Pinned, Tally
from strata.serve.postgres.changes import Change
from strata.serve.postgres.staging import assert_read, copy_rows, name_of, totals, where_of
from strata.serve.postgres.targets import Target

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True)
class Work:
    """One table's part of a load."""

    target: Target
    pinned: Pinned
    change: Change
    how: str
    """`filled`, `merged`, `same rows` or `up to date`."""

    @property
    def is_by_month(self) -> bool:
        """Whether its months are filled aside."""
        return self.how == "filled" and self.target.is_partitioned


def fill(connection: Connection, one: Work) -> list[Any]:
    """Sends a whole table by COPY; returns what was sent, counted. GateFailed where rows lack."""
    tally = Tally(one.target.fields)
    read = copy_rows(
        connection, one.target.name, one.target, one.change.batches(one.pinned, one.target), tally
    )
    assert_read(one.pinned, read)
    return [*tally.facts()]


def merge(connection: Connection, one: Work) -> list[Any]:
    """Three statements in place of a rewrite: a row that has not changed is not written."""
    target, where = one.target, where_of(one.target, one.change, "t")
    staged = sql.SQL("staging.{}").format(sql.Identifier(name_of(target)))
    key = sql.SQL(" AND ").join(
        sql.SQL("s.{0} = t.{0}").format(sql.Identifier(c)) for c in target.key
    )
    own = sql.SQL(target.name)
    connection.execute(
        sql.SQL("DELETE FROM {} t WHERE {} AND NOT EXISTS (SELECT FROM {} s WHERE {})").format(
            own, where, staged, key
        )
    )
    columns = sql.SQL(", ").join(map(sql.Identifier, target.columns))
    rest = [c for c in target.columns if c not in target.key]
    change: sql.Composable = sql.SQL("NOTHING")
    if rest:
        sets = sql.SQL(", ").join(
            sql.SQL("{0} = EXCLUDED.{0}").format(sql.Identifier(c)) for c in rest
        )
        old, new = (
            sql.SQL(", ").join(
                sql.SQL("{}.{}").format(sql.SQL(side), sql.Identifier(c)) for c in rest
            )
            for side in ("t", "EXCLUDED")
        )
        change = sql.SQL("UPDATE SET {} WHERE ({}) IS DISTINCT FROM ({})").format(sets, old, new)
    keys = sql.SQL(", ").join(map(sql.Identifier, target.key))
    connection.execute(
        sql.SQL("INSERT INTO {} AS t ({}) SELECT {} FROM {} ON CONFLICT ({}) DO {}").format(
            own, columns, columns, staged, keys, change
        )
    )
    facts = connection.execute(
        "SELECT facts FROM strata.staged WHERE table_name = %s", (target.name,)
    ).fetchone()
    return list(facts[0]) if facts else []


def reconcile(connection: Connection, one: Work, sent: list[Any]) -> None:
    """The gate: rows and sums of what was sent stand in the database, and no row fell outside the
    months.
    """
    arrived = totals(connection, one.target, one.change)
    tally = Tally(one.target.fields)
    tally.reconcile_facts(one.pinned.table, sent, arrived, one.target.name)
    if one.target.is_partitioned and has_rows(connection, f"{one.target.name}_default"):
        raise GateFailed(
            f"every day has its month; {one.target.name}_default holds rows: nothing was loaded"
        )
    if one.target.keep is None:
        (rows,) = connection.execute(f"SELECT count(*) FROM {one.target.name}").fetchone() or (0,)
        if rows != one.pinned.rows:
            raise GateFailed(
                f"a load has the publication's rows; {one.target.name} has {rows:,} and "
                f"{one.pinned.table} was "
                f"published with {one.pinned.rows:,}: nothing was loaded",
                table=one.pinned.table,
            )


def has_rows(connection: Connection, table: str) -> bool:
    """Whether a table has any row."""
    return connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() is not None
