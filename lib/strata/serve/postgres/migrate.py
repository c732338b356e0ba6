"""Brings a database to the newest migration, by yoyo: reviewed SQL files, each with its way back.

yoyo runs plain SQL, each file in one transaction, and keeps the ids and hashes of what it has
applied in the
database. Alembic's revisions are Python, and dbmate is a binary that Python cannot install.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from psycopg import sql
from yoyo import get_backend, read_migrations

from strata.serve.postgres.server import DATABASE, ROLES

LIMITS = {
    "reader": {
        "default_transaction_read_only": "on",
        "statement_timeout": "5s",
        "idle_in_transaction_session_timeout": "10s",
        "lock_timeout": "2s",
        "work_mem": "16MB",
    },
    "editor": {"statement_timeout": "5s", "idle_in_transaction_session_timeout": "10s"},
    "loader": {"lock_timeout": "60s", "idle_in_transaction_session_timeout": "10min"},
}
"""What a role's sessions may take: a reader's slow query ends, and does not hold up the others."""
FOLDER = Path(__file__).parent / "migrations"


def migrate(url: str) -> list[str]:
    """Applies what is missing; returns the names applied. The role must own the database."""
    backend = get_backend(_yoyo(url))
    migrations = read_migrations(str(FOLDER))
    with backend.lock():
        missing = backend.to_apply(migrations)
        names = [migration.id for migration in missing]
        backend.apply_migrations(missing)
    backend.connection.close()
    return names


def roll_back(url: str, to: str | None = None) -> list[str]:
    """Takes migrations back, the newest first, down to and without `to`; all of them without it."""
    backend = get_backend(_yoyo(url))
    with backend.lock():
        applied = backend.to_rollback(read_migrations(str(FOLDER)))
        chosen = [m for m in applied if to is None or m.id > to]
        backend.rollback_migrations(applied.replace(chosen))
    backend.connection.close()
    return [migration.id for migration in chosen]


def _yoyo(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


def prepare(admin_url: str, passwords: Mapping[str, str]) -> None:
    """Makes roles and database, as a superuser, and brings the database to the newest migration.

    Passwords by role; the database belongs to strata_owner afterwards. Repeatable.
    """
    with psycopg.connect(admin_url, autocommit=True) as connection:
        known = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles").fetchall()}
        for role in ROLES:
            name = f"strata_{role}"
            verb = sql.SQL("ALTER" if name in known else "CREATE")
            connection.execute(
                sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(
                    verb, sql.Identifier(name), sql.Literal(passwords[role])
                )
            )
        for role, limits in LIMITS.items():
            for name, value in limits.items():
                statement = sql.SQL("ALTER ROLE {} SET {} = {}")
                own = sql.Identifier(f"strata_{role}")
                connection.execute(statement.format(own, sql.SQL(name), sql.Literal(value)))
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,))
        verb = sql.SQL("ALTER DATABASE {} OWNER TO strata_owner")
        if not found.fetchone():
            verb = sql.SQL("CREATE DATABASE {} OWNER strata_owner")
        connection.execute(verb.format(sql.Identifier(DATABASE)))
        connection.execute(
            sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(DATABASE))
        )
        connection.execute(
            sql.SQL(
                "GRANT CONNECT ON DATABASE {} TO strata_loader, strata_reader, strata_editor"
            ).format(sql.Identifier(DATABASE))
        )
    migrate(owner_url(admin_url, passwords["owner"]))


def owner_url(admin_url: str, password: str) -> str:
    """The owner's address of the database, on the server of a superuser's."""
    parts = urlsplit(admin_url)
    place = parts.netloc.rpartition("@")[2]
    told = parts._replace(netloc=f"strata_owner:{quote(password, safe='')}@{place}")
    return urlunsplit(told._replace(path=f"/{DATABASE}"))
