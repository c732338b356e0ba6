"""Who may see what in Redshift: the statements, held to the contracts, and run on PostgreSQL in its words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import psycopg
import pytest
from strata.declare.contract import load_contract
from strata.declare.feed import all_feeds
from strata.serve.export import is_internal
from strata.serve.postgres.server import Server

RIGHTS = Path(__file__).resolve().parents[2] / "infra" / "redshift" / "terraform" / "rights.sql"
TABLES = {name.split(".", 1)[1]: name for feed in all_feeds() for name in feed.table_names if not name.startswith("bronze.")}  # fmt: skip
NOTES = "strata_exports"


def sentences() -> list[str]:
    text = "\n".join(line.partition("--")[0] for line in RIGHTS.read_text().splitlines())
    return [" ".join(one.split()) for one in text.split(";") if one.strip()]


def granted(role: str) -> dict[str, set[str]]:
    """Each table that a role may read, and its columns; all of them where none is named."""
    found = {}
    for one in sentences():
        match = re.fullmatch(rf"GRANT SELECT (?:\((.+)\) )?ON published\.(\w+) TO ROLE {role}", one)
        if match:
            columns = match[1].split(", ") if match[1] else []
            found[match[2]] = set(columns)
    return found


def test_analysts_get_only_what_is_made_to_be_published() -> None:
    tables = granted("analysts")
    assert NOTES in tables
    for table, columns in tables.items():
        assert not columns
        assert table == NOTES or not is_internal(load_contract(TABLES[table])), table
    assert "residents_people" not in tables


def test_checkers_get_every_column_that_is_not_personal_and_no_other() -> None:
    contract = load_contract("silver.residents_people")
    open_ones = {f.name for f in contract.fields if not f.is_personal and not f.is_provenance}
    assert granted("checkers") == {"residents_people": open_ones}
    assert {f.name for f in contract.fields if f.is_personal} == {"person_token", "identity_token", "birth_year"}  # fmt: skip


def in_postgresql(sql: str) -> str | None:
    """PostgreSQL has the same rights in other words: a role needs no keyword, a policy names its
    table.
    """
    if sql.startswith("ATTACH RLS POLICY"):
        return None
    policy = re.fullmatch(r"CREATE RLS POLICY (\w+) WITH \(.+\) USING \((.+)\)", sql)
    if policy:
        attached = next(
            one for one in sentences() if one.startswith(f"ATTACH RLS POLICY {policy[1]}")
        )
        place = re.fullmatch(r"ATTACH RLS POLICY \w+ ON (\S+) TO ROLE (\w+)", attached)
        assert place is not None
        return f"CREATE POLICY {policy[1]} ON {place[1]} TO {place[2]} USING ({policy[2]})"
    return sql.replace("TO ROLE", "TO").replace(
        "ROW LEVEL SECURITY ON", "ENABLE ROW LEVEL SECURITY"
    )


@pytest.fixture
def asked(cluster: Server) -> Any:
    """A connection whose changes are undone."""
    with psycopg.connect(cluster.superuser_url) as connection:
        connection.execute("DROP SCHEMA IF EXISTS published CASCADE")
        connection.execute("CREATE SCHEMA published")
        connection.execute("CREATE SCHEMA dbt")
        connection.execute("CREATE TABLE published.strata_exports (table_name text)")
        for table in (
            *granted("analysts").keys() - {NOTES},
            "residents_people",
            "residents_by_authority_internal",
        ):
            fields = load_contract(TABLES[table]).fields
            columns = ", ".join(f'"{f.name}" text' for f in fields if not f.is_provenance)
            connection.execute(
                f"CREATE TABLE published.{table} ({columns})".replace(
                    '"is_current" text', '"is_current" boolean'
                )
            )  # type: ignore[arg-type]
        connection.execute(
            "INSERT INTO published.residents_people (sex, is_current, birth_year) VALUES ('F', true, '1980'), ('M', false, '1980')"
        )
        for sql in filter(None, map(in_postgresql, sentences())):
            connection.execute(sql)  # type: ignore[arg-type]
        yield connection
        connection.rollback()


def refused(connection: Any, role: str, sql: str) -> bool:
    with connection.transaction() as inner:
        connection.execute(f"SET LOCAL ROLE {role}")
        try:
            with connection.transaction():
                connection.execute(sql).fetchall()
        except psycopg.errors.InsufficientPrivilege:
            return True
        finally:
            connection.execute("RESET ROLE")
        del inner
    return False


def test_the_rights_hold_where_they_are_run(asked: Any) -> None:
    assert not refused(asked, "analysts", "SELECT * FROM published.residents_by_authority")
    for table in ("residents_people", "residents_by_authority_internal"):
        assert refused(asked, "analysts", f"SELECT * FROM published.{table}")
    assert refused(asked, "checkers", "SELECT * FROM published.residents_people")
    for column in ("person_token", "identity_token", "birth_year"):
        assert refused(asked, "checkers", f"SELECT {column} FROM published.residents_people")
    assert refused(asked, "checkers", "SELECT * FROM published.residents_by_authority_internal")
    asked.execute("SET LOCAL ROLE checkers")
    assert asked.execute("SELECT sex FROM published.residents_people").fetchall() == [("F",)]
