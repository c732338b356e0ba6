"""An answer is one statement's JSON. GraphQL's own library says the same of the same values: it picks what a query selects
from all that there is, read field by field before.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from graphql import (
    ExecutionResult,
    GraphQLObjectType,
    build_schema,
    execute,
    get_named_type,
    parse,
)
from starlette.testclient import TestClient
from strata.lake.versions import Warehouse
from strata.serve.graphql.access import Door, new_token
from strata.serve.graphql.app import make_app
from strata.serve.graphql.decisions import Desk
from strata.serve.graphql.schema import schema
from strata.serve.postgres.load import load_tables
from strata.serve.postgres.migrate import LIMITS
from strata.serve.postgres.server import Server

from tests.doors import test_graphql
from tests.doors.test_graphql import PRODUCT, UPDATE, Client

warehouse = test_graphql.warehouse
SDL = build_schema(schema.as_str())
ARGUMENTS = {
    "Query.productSales": "(orderBy: REVENUE, first: 4)",
    "Query.bestSellers": "(first: 2)",
    "Query.customer": '(customerId: "c3")',
    "Query.product": '(productId: "p1")',
    "Query.products": "(orderBy: DEAREST, first: 2)",
    "Customer.orders": "(first: 3)",
}
DIRECTIVES = ("",) * 6 + (" @include(if: $yes)", " @skip(if: $yes)", " @skip(if: $no)")
FIRST_NAME = "Grüner Tee\u2028 🍵\x7f"
TAKEN = "UPDATE shop.products SET product_name = %s, list_price = 12 WHERE product_id = 'p1'"
KEYS = ("o", "t1", "page", "place", "every", "shown", "own", "Name", "_", "k" * 63)
"""Names that the statement has as well, and the longest that PostgreSQL keeps."""
ROWS = (
    "INSERT INTO shop.trends VALUES ('month', '2024-01-01', 'EUR', 2, 3, 14.99, NULL),"
    " ('month', '2024-02-01', 'EUR', 1, 9007199254740993, 29.97, 14.98)",
    "INSERT INTO shop.customer_value (customer_id, currency, lifetime_value, orders, recency_days, cancelled_orders,"
    " returned_orders) VALUES ('c3', 'EUR', 0.10, 30, 0, 0, 0), ('c3', 'USD', 12345678901234.56, 1, 0, 0, 0)",
    "INSERT INTO shop.product_periods SELECT product_id, date '1800-01-01', valid_from, false, 'Long \"ago\"', names,"
    " category_id, list_price, currency, created_on FROM shop.products",
)


@pytest.fixture
def client(warehouse: Warehouse, database: Server, tmp_path: Path) -> Iterator[Client]:
    """Callers who may ask as often as they like."""
    load_tables(warehouse, ("silver.commerce_*", "gold.commerce_*"), database.url("loader"))
    file, roles = tmp_path / "tokens.json", ("reader", "editor")
    tokens = {role: new_token(file, role, role) for role in roles}
    desk = Desk(database.url("editor"), str(tmp_path / "raw"))
    with TestClient(make_app(database.url("reader"), Door.from_file(file, 10**6), desk)) as http:
        yield Client(http, tokens)


@pytest.fixture
def filled(client: Client, database: Server) -> Client:
    """A shop whose every field has a value somewhere: decisions taken and waiting, letters that JSON escapes."""
    with psycopg.connect(database.url("owner"), autocommit=True) as connection:
        for name in (FIRST_NAME, 'Tea \\ "best"'):
            read = client.ask(PRODUCT, id="p1")["product"]
            change = {"productId": "p1", "expectedVersion": read["version"], "why": "new label"}
            client.ask(UPDATE, "editor", c=change | {"name": name, "listPrice": f"{len(name)}.5"})
            # The first is taken by a load; the second waits.
            connection.execute(TAKEN, (FIRST_NAME,))
            connection.execute(
                "UPDATE shop.product_decisions SET taken_in = 1 WHERE decision_id = 1"
            )
        for statement in ROWS:
            connection.execute(statement.encode())
    return client


def test_the_library_picks_the_same_from_all_values(filled: Client) -> None:
    root, chance = SDL.query_type, random.Random(7)
    assert root is not None
    every: dict[str, Any] = {}
    for name in root.fields:
        every |= filled.ask(f"{{ {selection(root, [name])} }}")
    assert every["product"]["name"] == 'Tea \\ "best"'
    assert [one["takenIn"] for one in every["product"]["decisions"]] == [1, None]
    for number in range(150):
        query, variables = picked(chance, root), {"yes": True, "no": False, "n": 3}
        answer = filled.post({"query": query, "variables": variables}).json()
        expected = execute(SDL, parse(query), root_value=every, variable_values=variables)
        assert isinstance(expected, ExecutionResult)
        assert not expected.errors, (query, expected.errors)
        # As text, for the order of fields is the query's.
        assert json.dumps(answer.get("data")) == json.dumps(expected.data), (number, query, answer)
        assert filled.statements == 1


def selection(kind: GraphQLObjectType, names: list[str]) -> str:
    """Fields with all that is below them."""
    parts = []
    for name in names:
        inner = get_named_type(kind.fields[name].type)
        below = f" {{ {selection(inner, list(inner.fields))} }}" if has_fields(inner) else ""
        parts.append(name + ARGUMENTS.get(f"{kind.name}.{name}", "") + below)
    return " ".join(parts)


def has_fields(kind: Any) -> bool:
    return isinstance(kind, GraphQLObjectType)


def picked(chance: random.Random, root: GraphQLObjectType) -> str:
    """Some of all fields in any order, some renamed, in fragments, or left out by a variable."""
    fragments = ["fragment last on ProductPage { __typename }"]
    keys = list(KEYS)

    def some_of(kind: GraphQLObjectType) -> list[str]:
        names = list(kind.fields)
        return [*chance.sample(names, chance.randint(1, min(3, len(names)))), "__typename"]

    def below(kind: GraphQLObjectType) -> str:
        parts = []
        for name in some_of(kind):
            inner = get_named_type(kind.fields[name].type) if name in kind.fields else None
            own = f"{keys.pop()}: {name}" if keys and chance.random() < 0.2 else name
            own += ARGUMENTS.get(f"{kind.name}.{name}", "") + chance.choice(DIRECTIVES)
            parts.append(own + (f" {{ {below(inner)} }}" if has_fields(inner) else ""))
        chance.shuffle(parts)
        first, rest = " ".join(parts[:2]), " ".join(parts[2:]) or "__typename"
        shape = chance.choice(("plain", "inline", "named"))
        if shape == "named":
            fragments.append(f"fragment f{len(fragments)} on {kind.name} {{ {rest} }}")
            return f"{first} ...f{len(fragments) - 1}"
        return f"{first} {rest}" if shape == "plain" else f"{first} ... on {kind.name} {{ {rest} }}"

    used = "a: __typename @include(if: $yes) b: __typename @include(if: $no)"
    body = f"{below(root)} {used} last: products(first: $n) {{ ...last }}"
    return (
        f"query Q($yes: Boolean!, $no: Boolean = true, $n: Int!) {{ {body} }} {' '.join(fragments)}"
    )


def test_a_decision_replaces_what_it_was_made_against(database: Server) -> None:
    """Every chain of changes, by a loop of Python's."""
    chance, values = random.Random(5), ["a", "b", None]
    fields = ("product_name", "category_id")
    with psycopg.connect(database.url("owner")) as connection:
        for _ in range(300):
            decisions = [
                [
                    {
                        "field": chance.choice(fields),
                        "was": chance.choice(values),
                        "becomes": chance.choice(values),
                    }
                    for _ in range(chance.randint(1, 3))
                ]
                for _ in range(chance.randint(0, 4))
            ]
            expected = start = chance.choice(values)
            for change in (one for decision in decisions for one in decision):
                if change["field"] == "product_name" and change["was"] == expected:
                    expected = change["becomes"]
            asked = "SELECT shop.decided('product_name', %s, %s::jsonb)"
            (found,) = connection.execute(asked, (start, json.dumps(decisions))).fetchone() or (
                "?",
            )
            assert found == expected, (start, decisions)


@pytest.mark.nightly
def test_a_statement_that_takes_too_long_is_said_so(client: Client, database: Server) -> None:
    own = "ALTER ROLE strata_reader SET {} = '{}'"
    with psycopg.connect(database.superuser_url, autocommit=True) as connection:
        connection.execute(own.format("statement_timeout", "200ms").encode())
        try:
            with psycopg.connect(database.url("owner")) as holder:
                holder.execute("LOCK shop.customers")
                answer = client.post({"query": '{ customer(customerId: "c1") { country } }'})
        finally:
            connection.execute(
                own.format("statement_timeout", LIMITS["reader"]["statement_timeout"]).encode()
            )
    assert answer.status_code == 200
    (error,) = answer.json()["errors"]
    assert error["extensions"] == {"code": "TIMEOUT"}
    assert "took too long" in error["message"]
