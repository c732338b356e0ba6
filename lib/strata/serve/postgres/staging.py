"""Rows on their way into PostgreSQL: COPY into a table, staging that outlives a kill, and what
arrived.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from strata import failpoint
from strata.errors import GateFailed
from strata.serve.export import Pinned, Tally, measure
from strata.serve.postgres.changes import Change
from strata.serve.postgres.encode import HEAD, TAIL, encode, has_binary
from strata.serve.postgres.targets import Target

if TYPE_CHECKING:
    import pyarrow as pa

Connection = psycopg.Connection[tuple[Any, ...]]


def name_of(target: Target) -> str:
    """The staging table of a target."""
    return target.name.replace(".", "_")


def copy_rows(
    connection: Connection,
    table: str,
    target: Target,
    batches: Iterable[pa.RecordBatch],
    tally: Tally,
) -> int:
    """Sends rows by COPY and counts what is sent; returns how many were read before the target's
    choice.
    """
    columns = sql.SQL(", ").join(map(sql.Identifier, target.columns))
    is_binary = has_binary(target.schema)
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT {})").format(
        sql.SQL(table), columns, sql.SQL("binary" if is_binary else "csv")
    )
    read = 0
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(HEAD if is_binary else b"")
        for batch in batches:
            read += batch.num_rows
            kept = (target.keep(batch) if target.keep else batch).select(list(target.columns))
            if kept.num_rows:
                tally.add(kept)
                copy.write(encode(kept).data)
        copy.write(TAIL if is_binary else b"")
    return read


def assert_read(pinned: Pinned, read: int) -> None:
    """GateFailed unless as many rows were read as were published."""
    if read != pinned.rows:
        raise GateFailed(
            f"a load has the publication's rows; {pinned.table} was published with "
            f"{pinned.rows:,} and "
            f"{read:,} were read: nothing was loaded, see `strata doctor`",
            table=pinned.table,
        )


def stage(connection: Connection, target: Target, pinned: Pinned, change: Change) -> None:
    """Puts the rows of a change in staging and commits; what a killed load has staged already is
    kept.
    """
    told = json.dumps([pinned.digest, pinned.run_id, change.days], default=str)
    work = hashlib.sha256(told.encode()).hexdigest()
    known = connection.execute(
        "SELECT work FROM strata.staged WHERE table_name = %s", (target.name,)
    ).fetchone()
    if known and known[0] == work and _is_there(connection, target):
        return
    failpoint.reach("load.stage", target.name)
    own = sql.Identifier(name_of(target))
    tally = Tally(target.fields)
    with connection.transaction():
        connection.execute(sql.SQL("DROP TABLE IF EXISTS staging.{}").format(own))
        connection.execute("DELETE FROM strata.staged WHERE table_name = %s", (target.name,))
        # A crash of the server empties it, so the rows are counted again before they are used.
        connection.execute(
            sql.SQL("CREATE UNLOGGED TABLE staging.{} (LIKE {})").format(own, sql.SQL(target.name))
        )
        read = copy_rows(
            connection, f"staging.{name_of(target)}", target, change.batches(pinned, target), tally
        )
        if change.days is None:
            assert_read(pinned, read)
        facts = json.dumps([str(fact) for fact in tally.facts()])
        connection.execute(
            "INSERT INTO strata.staged VALUES (%s, %s, %s)", (target.name, work, facts)
        )
    connection.execute(sql.SQL("ANALYZE staging.{}").format(own))


def _is_there(connection: Connection, target: Target) -> bool:
    (found,) = connection.execute(
        "SELECT to_regclass(%s)", (f"staging.{name_of(target)}",)
    ).fetchone() or (None,)
    if found is None:
        return False
    counted = connection.execute(f"SELECT count(*) FROM staging.{name_of(target)}").fetchone()
    facts = connection.execute(
        "SELECT facts FROM strata.staged WHERE table_name = %s", (target.name,)
    ).fetchone()
    return bool(counted and facts and str(counted[0]) == facts[0][0])


def where_of(target: Target, change: Change, alias: str) -> sql.Composable:
    """The days of a change as a condition."""
    if change.days is None or target.date is None:
        return sql.SQL("true")
    if not change.days:
        return sql.SQL("false")
    column = sql.SQL("{}.{}").format(sql.SQL(alias), sql.Identifier(target.date))
    parts = [
        sql.SQL("{} BETWEEN {} AND {}").format(column, sql.Literal(first), sql.Literal(last))
        for first, last in change.days
    ]
    return sql.SQL("({})").format(sql.SQL(" OR ").join(parts))


def totals(connection: Connection, target: Target, change: Change) -> list[Any]:
    """Rows, then count and total of each column, of the days of a change: as Tally counts them."""
    return totals_of(connection, target, sql.SQL(target.name), where_of(target, change, "t"))


def totals_of(
    connection: Connection, target: Target, table: sql.Composable, where: sql.Composable
) -> list[Any]:
    """The same of any table with the target's columns, under an alias `t`."""
    parts = ["count(*)"]
    for field in target.fields:
        own = f't."{field.name}"'
        what = {
            "sum": f"sum({own})",
            "bytes": f"sum(octet_length({own}))",
            "true": f"count(*) FILTER (WHERE {own})",
        }
        parts += [f"count({own})", what.get(measure(field.type), "0")]
    statement = sql.SQL("SELECT {} FROM {} t WHERE {}").format(
        sql.SQL(", ".join(parts)), table, where
    )
    return list(connection.execute(statement).fetchone() or ())
