"""A load's connection: migrated, one load of a feed at a time, and its faults in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from strata.errors import GateFailed, LeaseHeld, ResourceMissing, UsageError

Connection = psycopg.Connection[tuple[Any, ...]]


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """UsageError where the database does not answer, or has not been migrated."""
    try:
        connection = psycopg.connect(url, autocommit=True, application_name="strata export")
    except psycopg.OperationalError as error:
        why = " ".join(str(error).split())[:200]
        raise UsageError(
            f"a load needs its database; it does not answer ({why}): see `strata serve postgres`"
        ) from None
    with connection:
        if not connection.execute("SELECT to_regclass('strata.loads')").fetchone()[0]:  # type: ignore[index]
            raise UsageError(
                "a load needs a migrated database; this one has no table strata.loads: "
                "`strata serve postgres --migrate URL` makes it, as the database's owner"
            )
        connection.execute("SET TIME ZONE 'UTC'")
        yield connection


@contextmanager
def lost() -> Iterator[None]:
    """A server that stops or restarts ends a load: what stood before still stands."""
    try:
        yield
    except (psycopg.errors.AdminShutdown, psycopg.errors.CrashShutdown) as error:
        raise _lost_database(error) from None
    except psycopg.OperationalError as error:
        if error.sqlstate is None:
            raise _lost_database(error) from None
        raise


def _lost_database(error: psycopg.Error) -> ResourceMissing:
    why = " ".join(str(error).split())[:200]
    return ResourceMissing(
        f"a load lost its database ({why}): nothing of it can be half there; run it again"
    )


@contextmanager
def alone(connection: Connection, feed: str) -> Iterator[None]:
    """One load of a feed at a time; the lock goes with the connection, so a killed load holds
    none.
    """
    key = (f"strata load {feed}",)
    (held,) = connection.execute("SELECT pg_try_advisory_lock(hashtext(%s))", key).fetchone() or (
        False,
    )
    if not held:
        raise LeaseHeld(
            f"one load of a feed runs at a time; another of {feed} is under way: wait for it"
        )
    try:
        yield
    finally:
        if not connection.closed and not connection.broken:
            connection.execute("SELECT pg_advisory_unlock(hashtext(%s))", key)


@contextmanager
def references() -> Iterator[None]:
    """A row that refers to nothing stops the load: in words, and by the gate's exit code."""
    try:
        yield
    except psycopg.errors.ForeignKeyViolation as error:
        said = error.diag.message_detail or error.diag.message_primary
        raise GateFailed(
            f"a load keeps every reference; {error.diag.table_name} does not ({said}): "
            "nothing was loaded",
            table=error.diag.table_name or "",
        ) from None
