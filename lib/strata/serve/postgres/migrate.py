"""Brings a database to the newest migration, by yoyo: reviewed SQL files, each with its way back.

yoyo runs plain SQL, each file in one transaction, and keeps the ids and hashes of what it has
applied in the
database. Alembic's revisions are Python, and dbmate is a binary that Python cannot install.
"""

from __future__ import annotations

from pathlib import Path

import psycopg
from psycopg import sql
from yoyo import get_backend, read_migrations

from strata.serve.postgres.server import DATABASE, ROLES, Server

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


def prepare(server: Server) -> None:
    """Makes roles and database of a server of one's own, and migrates it."""
    with psycopg.connect(server.superuser_url, autocommit=True) as connection:
        known = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles").fetchall()}
        for role in ROLES:
            name, password = f"strata_{role}", server.passwords[role]
            verb = sql.SQL("ALTER" if name in known else "CREATE")
            connection.execute(
                sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(
                    verb, sql.Identifier(name), sql.Literal(password)
                )
            )
        for role, limits in LIMITS.items():
            for name, value in limits.items():
                statement = sql.SQL("ALTER ROLE {} SET {} = {}")
                own = sql.Identifier(f"strata_{role}")
                connection.execute(statement.format(own, sql.SQL(name), sql.Literal(value)))
        if not connection.execute(
            "SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)
        ).fetchone():
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER strata_owner").format(sql.Identifier(DATABASE))
            )
        connection.execute(
            sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(DATABASE))
        )
        connection.execute(
            sql.SQL(
                "GRANT CONNECT ON DATABASE {} TO strata_loader, strata_reader, strata_editor"
            ).format(sql.Identifier(DATABASE))
        )
    migrate(server.url("owner"))
