"""The shop's API: right answers, few statements, stable pages, and nobody in without a token."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from strata.lake.versions import Warehouse
from strata.serve.graphql.access import Door, new_token
from strata.serve.graphql.app import make_app
from strata.serve.graphql.decisions import Desk
from strata.serve.graphql.persisted import Persisted
from strata.serve.graphql.schema import schema
from strata.serve.postgres.load import load_tables
from strata.serve.postgres.local import free_port
from strata.serve.postgres.server import Server, control, find_binaries

from tests.doors import shop
from tests.doors.publishing import publish

SCHEMA = Path(__file__).parent / "shop.graphql"
MANY = [
    *shop.ORDERS,
    *(shop.order(n, date(2024, 4, 1) + timedelta(n), "c3") for n in range(10, 40)),
]
MANY_LINES = [
    *shop.LINES,
    *(shop.line(own, item, f"p{item}", 1, "2.5") for own in MANY[4:] for item in (1, 2)),
]


class Client:
    """Asks the API over HTTP."""

    def __init__(self, http: TestClient, tokens: dict[str, str]) -> None:
        self.http, self.tokens = http, tokens
        self.statements = 0

    def post(self, body: Any, role: str = "reader", **headers: str) -> Any:
        token = {"Authorization": f"Bearer {self.tokens.get(role, 'guess')}"}
        answer = self.http.post("/graphql", json=body, headers=token | headers)
        self.statements = int(answer.headers.get("server-timing", "desc=0").rpartition("=")[2])
        return answer

    def ask(self, query: str, role: str = "reader", **variables: Any) -> dict[str, Any]:
        answer = self.post({"query": query, "variables": variables}, role).json()
        assert "errors" not in answer, answer["errors"]
        return dict(answer["data"])

    def refused(self, query: str, role: str = "reader", **variables: Any) -> tuple[str, str]:
        answer = self.post({"query": query, "variables": variables}, role).json()
        return answer["errors"][0]["extensions"]["code"], answer["errors"][0]["message"]


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    made = Warehouse(str(tmp_path / "warehouse"))
    publish(made, "commerce", shop.published(MANY, MANY_LINES))
    return made


@pytest.fixture
def client(warehouse: Warehouse, database: Server, tmp_path: Path) -> Iterator[Client]:
    load_tables(warehouse, ("silver.commerce_*", "gold.commerce_*"), database.url("loader"))
    tokens = {
        role: new_token(tmp_path / "tokens.json", f"{role}-1", role)
        for role in ("reader", "editor")
    }
    app = make_app(
        database.url("reader"),
        Door.from_file(tmp_path / "tokens.json", 120),
        Desk(database.url("editor"), str(tmp_path / "raw")),
    )
    with TestClient(app) as http:
        yield Client(http, tokens)


def test_the_schema_is_reviewed() -> None:
    assert schema.as_str() + "\n" == SCHEMA.read_text(), (
        "the API has changed: if that is wanted, write schema.as_str() to tests/doors/shop.graphql"
    )


def test_the_questions_of_the_shop(client: Client) -> None:
    answer = client.ask(
        """{ publication { number runId }
             productSales(period: MONTH, filter: {toDate: "2024-03-31"}, orderBy: REVENUE, first: 3)
               { nodes { periodStart productId units revenue orders product { name } } }
             bestSellers(categoryId: "1", first: 2) { rank units revenue product { name category { path } } }
             customer(customerId: "c1") { country orders { nodes { orderId revenue items { quantity product { listPrice } } } } } }"""
    )
    assert answer == {
        "publication": {"number": 1, "runId": "run-commerce-1"},
        "productSales": {
            "nodes": [
                {
                    "periodStart": "2024-02-01",
                    "productId": "p2",
                    "units": 3,
                    "revenue": "29.97",
                    "orders": 1,
                    "product": {"name": "Product 2"},
                },
                {
                    "periodStart": "2024-01-01",
                    "productId": "p2",
                    "units": 1,
                    "revenue": "9.99",
                    "orders": 1,
                    "product": {"name": "Product 2"},
                },
                {
                    "periodStart": "2024-01-01",
                    "productId": "p1",
                    "units": 2,
                    "revenue": "5.00",
                    "orders": 1,
                    "product": {"name": "Product 1"},
                },
            ]
        },
        "bestSellers": [
            {
                "rank": 1,
                "units": 34,
                "revenue": "114.96",
                "product": {"name": "Product 2", "category": {"path": "Drinks > Tea"}},
            },
            {
                "rank": 2,
                "units": 32,
                "revenue": "80.00",
                "product": {"name": "Product 1", "category": {"path": "Drinks > Tea"}},
            },
        ],
        "customer": {
            "country": "DE",
            "orders": {
                "nodes": [
                    {
                        "orderId": "o2",
                        "revenue": "29.97",
                        "items": [{"quantity": 3, "product": {"listPrice": "9.9900"}}],
                    },
                    {
                        "orderId": "o1",
                        "revenue": "14.99",
                        "items": [
                            {"quantity": 2, "product": {"listPrice": "2.5000"}},
                            {"quantity": 1, "product": {"listPrice": "9.9900"}},
                        ],
                    },
                ]
            },
        },
    }


def test_every_period_adds_up_to_the_lines(client: Client) -> None:
    """Days and whole months stand in the database; weeks and parts of months are added up."""
    starts = {
        "DAY": lambda day: day,
        "WEEK": lambda day: day - timedelta(day.weekday()),
        "MONTH": lambda day: day.replace(day=1),
    }
    query = """query Q($period: Period!, $a: Date, $b: Date) { productSales(period: $period, first: 100,
        filter: {fromDate: $a, toDate: $b}) { nodes { periodStart productId units revenue } } }"""
    ranges = ((None, None), (date(2024, 2, 1), date(2024, 4, 30)), (date(2024, 2, 1), None),
              (date(2024, 4, 11), date(2024, 5, 2)), (None, date(2024, 5, 2)))  # fmt: skip
    for period, start in starts.items():
        for first, last in ranges:
            sums: dict[tuple[str, str], list[Decimal]] = {}
            for row in MANY_LINES:
                is_in = (first or date.min) <= row["sale_date"] <= (last or date.max)
                if row["is_counted"] and is_in:
                    key = (str(start(row["sale_date"])), row["product_id"])
                    own = sums.setdefault(key, [Decimal(0), Decimal(0)])
                    own[0], own[1] = own[0] + row["quantity"], own[1] + row["revenue"]
            days = {"a": first and str(first), "b": last and str(last)}
            nodes = client.ask(query, period=period, **days)["productSales"]["nodes"]
            found = [tuple(node.values()) for node in nodes]
            expected = [(*key, int(one[0]), str(one[1])) for key, one in sorted(sums.items())]
            assert found == expected, (period, first, last)


def test_rows_do_not_cost_statements(client: Client) -> None:
    query = """query Q($n: Int!) { customer(customerId: "c3") { orders(first: $n) {
        nodes { items { product { name category { name } } } } } } }"""
    for rows in (1, 30):
        client.ask(query, n=rows)
        assert client.statements == 1, "customer, orders, items, products, categories"
    parts = """query Q($n: Int!) { customer(customerId: "c3") { orders(first: $n) { nodes { ...order } } } }
        fragment order on CustomerOrder { items { ... on OrderItem { product { ...kind } } } }
        fragment kind on Product { name category { name } }"""
    assert client.ask(parts, n=30) == client.ask(query, n=30)
    client.ask("{ __typename }")
    assert client.statements == 0


def test_pages_hold_through_a_load(client: Client, warehouse: Warehouse, database: Server) -> None:
    query = """query Q($after: String) { customer(customerId: "c3") { orders(first: 10, after: $after) {
        nodes { orderId } pageInfo { endCursor hasNextPage publication } } } }"""
    seen, after, publications = [], None, []
    for number in range(4):
        page = client.ask(query, after=after)["customer"]["orders"]
        seen += [node["orderId"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        publications.append(page["pageInfo"]["publication"])
        if not page["pageInfo"]["hasNextPage"]:
            break
        if number == 0:
            # A newer order, and an older one that is gone from what is read already.
            orders = [own for own in MANY if own["order_id"] != "o39"] + [
                shop.order(99, date(2024, 12, 1), "c3")
            ]
            lines = [row for row in MANY_LINES if row["order_id"] != "o39"]
            publish(warehouse, "commerce", shop.published(orders, lines))
            load_tables(warehouse, ("gold.commerce_order_revenue",), database.url("loader"))
    assert seen == [f"o{n}" for n in range(39, 9, -1)], "nothing twice, nothing left out"
    assert publications == [1, 2, 2]


def test_money_and_counts_lose_nothing(client: Client, database: Server) -> None:
    import psycopg

    with psycopg.connect(database.url("owner")) as connection:
        connection.execute(
            "UPDATE shop.daily_product_sales SET units = 9007199254740993, revenue = 1234567890123456.78 WHERE product_id = 'p3'"
        )
    answer = client.post(
        {
            "query": '{ productSales(period: DAY, filter: {productIds: ["p3"]}) { nodes { units revenue } } }'
        }
    )
    assert '"units":9007199254740993,"revenue":"1234567890123456.78"' in answer.text
    assert client.ask('{ products(filter: {priceFrom: "9.99"}) { nodes { productId } } }') == {
        "products": {"nodes": [{"productId": "p2"}]}
    }
    code, _ = client.refused("{ products(filter: {priceFrom: 9.99}) { nodes { productId } } }")
    assert code in ("BAD_REQUEST", "BAD_QUERY"), "a number would have gone through a float"


def test_nobody_in_without_a_token(client: Client) -> None:
    query = {"query": "{ publication { number } }"}
    assert client.post(query, "nobody").status_code == 401
    assert client.http.post("/graphql", json=query).status_code == 401
    assert client.http.get("/graphql?query={publication{number}}").status_code == 405
    change = 'mutation { undoDecision(decisionId: "1", why: "x") { decisionId } }'
    assert client.refused(change)[0] == "FORBIDDEN"
    statuses = [client.post(query, "editor").status_code for _ in range(121)]
    assert statuses.count(200) == 120
    assert statuses[-1] == 429


ATTACKS = {
    "too deep": (
        "{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }",
        "BAD_QUERY",
    ),
    "many aliases": (
        "{ " + " ".join(f"a{n}: publication {{ number }}" for n in range(20)) + " }",
        "BAD_QUERY",
    ),
    "many tokens": ("{ " + "publication { number } " * 400 + "}", "BAD_QUERY"),
    "costly": (
        "{ products(first: 100) { nodes { history { name } decisions { why changes { was } } category { name path } } } }",
        None,
    ),
    "too costly": (
        '{ customer(customerId: "c1") { orders(first: 100) { nodes { items { product { history { name } decisions { why } } } } } } }',
        "TOO_COSTLY",
    ),
    "a huge page": ("{ products(first: 101) { nodes { name } } }", "BAD_REQUEST"),
    "no page": ("{ products(first: 0) { nodes { name } } }", "BAD_REQUEST"),
    "a cursor of another sorting": (
        '{ products(after: "WyJuYW1lIiwgImEiLCAiYiJd") { nodes { name } } }',
        "BAD_REQUEST",
    ),
    "a cursor of code": (
        '{ products(after: "\'; DROP TABLE shop.orders; --") { nodes { name } } }',
        "BAD_REQUEST",
    ),
    "code in a filter": (
        '{ products(filter: {nameContains: "\' OR 1=1 --"}) { nodes { name } } }',
        None,
    ),
    "wild cards": ('{ products(filter: {nameContains: "%"}) { nodes { name } } }', None),
    "a zero byte": ('{ product(productId: "a\\u0000") { name } }', "BAD_REQUEST"),
    "no field of ours": ("{ passwords }", "BAD_QUERY"),
    "the schema under every alias": (
        "{ "
        + " ".join(
            f"a{n}: __schema {{ types {{ name kind fields {{ name description args {{ name }} "
            "type { name kind ofType { name kind } } isDeprecated } } directives { name } }"
            for n in range(15)
        )
        + " }",
        "TOO_COSTLY",
    ),
    "many large aliases": (
        "{ "
        + " ".join(
            f'a{n}: customer(customerId: "c{n}") {{ orders(first: 1) {{ nodes {{ items {{ product '
            "{ history { name } decisions { why } } } } } }"
            for n in range(10)
        )
        + " }",
        "TOO_COSTLY",
    ),
    "large aliases by a fragment": (
        "{ "
        + " ".join(f'a{n}: product(productId: "p{n}") {{ ...all }}' for n in range(14))
        + " } fragment all on Product { category { name } history { name } decisions { why } }",
        "TOO_COSTLY",
    ),
    "no end of brackets": ("{ a" * 400, "BAD_QUERY"),
    "as deep as it is long": ("{ a " * 330 + "}" * 330, "BAD_QUERY"),
    "a subscription": ("subscription { publication { number } }", "BAD_QUERY"),
    "circle of fragments": (
        "{ products { ...a } } fragment a on ProductPage { ...b } fragment b on ProductPage { ...a }",
        "BAD_QUERY",
    ),
}


def test_attacks(client: Client) -> None:
    for name, (query, expected) in ATTACKS.items():
        answer = client.post({"query": query}).json()
        codes = [error["extensions"]["code"] for error in answer.get("errors", [])]
        assert set(codes) == ({expected} if expected else set()), (name, answer)
        assert "psycopg" not in json.dumps(answer) + name
    assert client.ask(
        '{ products(filter: {nameContains: "\' OR 1=1 --"}) { nodes { name } } }'
    ) == {"products": {"nodes": []}}
    assert client.post([{"query": "{ publication { number } }"}]).status_code == 400, "no batches"
    assert client.post({"query": "x" * 70_000}).status_code == 400
    assert (
        client.http.post(
            "/graphql",
            content=b"{",
            headers={
                "Authorization": f"Bearer {client.tokens['reader']}",
                "Content-Type": "application/json",
            },
        ).status_code
        == 400
    )


BODIES: tuple[dict[str, Any], ...] = (
    {"query": ""},
    {"query": " "},
    {"query": 5},
    {"query": "{ __typename }", "operationName": 5},
    {"query": "{ __typename }", "operationName": "Other"},
    {"query": "query A { __typename } query B { __typename }"},
    {"query": "{ __typename }", "variables": [1]},
)


def test_bodies_that_are_no_question(client: Client) -> None:
    for body in BODIES:
        codes = [error["extensions"]["code"] for error in client.post(body).json()["errors"]]
        assert codes == ["BAD_REQUEST"], body
    both = {"query": "query A { __typename } query B { b: __typename }", "operationName": "B"}
    assert client.post(both).json() == {"data": {"b": "Query"}}


def doubled(levels: int) -> str:
    """A small text that is a query of 2 to the power of `levels` fields, written out."""
    parts = [f"fragment f{n} on Query {{ ...f{n + 1} ...f{n + 1} }}" for n in range(levels)]
    last = f"fragment f{levels} on Query {{ publication {{ number }} }}"
    return " ".join(["{ ...f0 }", *parts, last])


def cursor(*values: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


BUYS = 'query Q($n: Int%s) { customer(customerId: "c3") { orders(first: $n) { nodes { items { product { history { name } decisions { why } } } } } } }'
PAGES = "query Q($after: String) { %s(after: $after%s) { nodes { productId } } }"
DEAREST, BEST = (
    PAGES % ("products", ", orderBy: DEAREST"),
    PAGES % ("productSales", ", orderBy: UNITS"),
)
PRODUCTS = "query Q($id: ID!) { product(productId: $id) { name } }"
WITH_VARIABLES: dict[str, tuple[str, dict[str, Any], str]] = {
    "a page as large as a default": (BUYS % " = 100", {}, "TOO_COSTLY"),
    "a page of 100.0": (BUYS % "", {"n": 100.0}, "TOO_COSTLY"),
    "an endless page": (BUYS % "", {"n": 1e999}, "BAD_QUERY"),
    "a cursor of a number without end": (
        DEAREST,
        {"after": cursor("dearest", "1e999999999", "p1")},
        "BAD_REQUEST",
    ),
    "a cursor that is no number": (
        DEAREST,
        {"after": cursor("dearest", "NaN", "p1")},
        "BAD_REQUEST",
    ),
    "a cursor of many digits": (
        BEST,
        {"after": cursor("units", "9" * 190, "2024-01-01", "p1", "EUR")},
        "BAD_REQUEST",
    ),
    "a cursor of code": (DEAREST, {"after": cursor("dearest", "1) OR (1=1", "p1")}, "BAD_REQUEST"),
    "a cursor of a day that is none": (
        BEST,
        {"after": cursor("units", "1", "2024-02-30", "p1", "EUR")},
        "BAD_REQUEST",
    ),
    "a cursor of nested lists": (
        DEAREST,
        {"after": base64.urlsafe_b64encode(b"[" * 40_000).decode()},
        "BAD_REQUEST",
    ),
    "half of a letter": (PRODUCTS, {"id": "\ud800"}, "BAD_REQUEST"),
    "half of a letter in a day": (
        "query Q($day: Date) { salesTrends(fromDate: $day) { units } }",
        {"day": "\ud800"},
        "BAD_QUERY",
    ),
    "a list for a name": (PRODUCTS, {"id": ["a", "b"]}, "BAD_QUERY"),
}


def test_attacks_by_variables(client: Client) -> None:
    for name, (query, variables, expected) in WITH_VARIABLES.items():
        text = json.dumps({"query": query, "variables": variables})
        headers = {
            "Authorization": f"Bearer {client.tokens['reader']}",
            "Content-Type": "application/json",
        }
        answer = client.http.post("/graphql", content=text, headers=headers).json()
        assert [e["extensions"]["code"] for e in answer["errors"]] == [expected], (name, answer)
    began = time.monotonic()
    assert client.refused(doubled(40))[0] == "BAD_REQUEST"
    assert time.monotonic() - began < 5, "refused by counting, not by walking through it"
    assert client.ask(doubled(3)) == {"publication": {"number": 1}}


def test_a_page_ends_at_a_name_of_any_length(client: Client, database: Server) -> None:
    """A cursor holds the name by which the page is sorted."""
    import psycopg

    with psycopg.connect(database.url("owner")) as connection:
        connection.execute(
            "UPDATE shop.products SET product_name = 'A' || repeat('ä', 5000) WHERE product_id = 'p2'"
        )
    query = """query Q($after: String) { products(orderBy: NAME, first: 1, after: $after) {
        nodes { productId } pageInfo { endCursor } } }"""
    seen, after = [], None
    for _ in range(3):
        page = client.ask(query, after=after)["products"]
        seen += [node["productId"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
    assert seen == ["p2", "p1", "p3"]


def test_an_edited_cursor_is_a_cursor_or_refused(client: Client) -> None:
    """Whatever is changed of one, nothing breaks."""
    chance, refused = random.Random(3), 0
    for field, order in (("products", "NAME"), ("productSales", "REVENUE")):
        query = f"""query Q($after: String) {{ {field}(orderBy: {order}, first: 1, after: $after) {{
            pageInfo {{ endCursor }} }} }}"""
        true = client.ask(query)[field]["pageInfo"]["endCursor"].encode()
        for _ in range(25):
            edited = bytearray(true)
            for place in chance.sample(range(len(true)), 2):
                edited[place] = chance.randrange(33, 127)
            answer = client.post({"query": query, "variables": {"after": edited.decode()}}).json()
            codes = [error["extensions"]["code"] for error in answer.get("errors", [])]
            assert codes in ([], ["BAD_REQUEST"]), (edited, answer)
            refused += bool(codes)
    assert 10 < refused < 50


def test_errors_say_nothing_of_the_inside(client: Client, database: Server) -> None:
    import psycopg

    with psycopg.connect(database.url("owner")) as connection:
        connection.execute("REVOKE SELECT ON shop.best_sellers FROM strata_reader")
    code, message = client.refused("{ bestSellers { rank } }")
    assert code == "INTERNAL"
    assert "best_sellers" not in message
    assert "its log says why" in message


def test_persisted_queries(client: Client) -> None:
    query = "{ publication { number } }"
    hashed = {
        "persistedQuery": {"version": 1, "sha256Hash": hashlib.sha256(query.encode()).hexdigest()}
    }
    assert (
        client.post({"extensions": hashed}).json()["errors"][0]["extensions"]["code"]
        == "PERSISTED_QUERY_NOT_FOUND"
    )
    assert client.post({"query": query, "extensions": hashed}).json() == {
        "data": {"publication": {"number": 1}}
    }
    assert client.post({"extensions": hashed}).json() == {"data": {"publication": {"number": 1}}}
    assert client.post({"query": "{ __typename }", "extensions": hashed}).status_code == 400
    only = Persisted(only=True)
    with pytest.raises(Exception, match="persisted queries only"):
        only.find({"query": query})


@pytest.mark.nightly
def test_a_database_that_goes_and_comes(client: Client, database: Server) -> None:
    query = {"query": "{ publication { number } }"}
    assert client.post(query).status_code == 200
    own = (find_binaries(), database.folder)
    control(*own, "stop", "-m", "immediate", "-w")
    try:
        away = [client.post(query) for _ in range(3)]
    finally:
        control(*own, "start", "-w", "-t", "60", "-l", database.folder / "server.log",
                "-o", f"-p {database.port}")  # fmt: skip
    assert {answer.status_code for answer in away} == {503}
    assert away[-1].json()["errors"] == [
        {
            "message": "the database does not answer; ask again",
            "extensions": {"code": "UNAVAILABLE"},
        }
    ]
    assert client.post(query).json() == {"data": {"publication": {"number": 1}}}


def connect(port: int) -> socket.socket:
    """As soon as somebody listens there."""
    for _ in range(300):
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=30)
        except ConnectionRefusedError:
            time.sleep(0.1)
    raise AssertionError("nobody listens")


ENDLESS = {
    "a header": b"GET / HTTP/1.1\r\nHost: x\r\nX: ",
    "a body in parts": b"POST /graphql HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n",
    "a header after the body": b"POST /graphql HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ",
}


@pytest.mark.nightly
def test_a_request_without_end_is_cut_off(database: Server) -> None:
    """By the program as it is started: nobody's memory is anybody's to fill."""
    port, code = free_port(), "from strata.cli import main; raise SystemExit(main())"
    told = {"STRATA_READER_URL": database.url("reader"), "STRATA_GRAPHQL_TOKENS": "{}"}
    command = [sys.executable, "-c", code, "serve", "graphql", "--port", str(port)]
    with subprocess.Popen(command, env=os.environ | told, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert b"the API is at" in process.stdout.readline()
            for begins in ENDLESS.values():
                with connect(port) as endless, pytest.raises(ConnectionError):
                    endless.sendall(begins + b"a" * (64 << 20))
            kept = http.client.HTTPConnection("127.0.0.1", port)
            for _ in range(3_000):  # Together more than one request may have.
                kept.request("GET", "/page.css", headers={"X": "a" * 100})
                assert kept.getresponse().read()
        finally:
            process.terminate()


@pytest.mark.nightly
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_stopped_api_leaves_no_database_running(open_folder: Path, workers: str) -> None:
    """A service manager stops it by SIGTERM; the database that it has started stops with it."""
    code = "from strata.cli import main; raise SystemExit(main())"
    places = ["--data", f"{open_folder}/postgres", "--warehouse", f"{open_folder}/warehouse"]
    port = free_port()
    command = [sys.executable, "-c", code, "serve", "graphql", "--port", str(port), *places]
    command += ["--workers", workers]
    told = os.environ | {"STRATA_GRAPHQL_TOKENS": "{}"}
    with subprocess.Popen(command, env=told, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert b"the API is at" in process.stdout.readline()
            assert (open_folder / "postgres" / "postmaster.pid").exists()
            connect(port).close()
        finally:
            process.terminate()
    assert process.returncode == 0
    assert not (open_folder / "postgres" / "postmaster.pid").exists()


UPDATE = """mutation U($c: ProductChange!) { updateProduct(change: $c)
    { decisionId decidedBy why takenIn changes { field was becomes } } }"""
PRODUCT = "query P($id: ID!) { product(productId: $id) { name listPrice version decisions { decidedBy undoes } } }"


def test_a_decision_shows_at_once_and_leaves_a_file(client: Client, tmp_path: Path) -> None:
    before = client.ask(PRODUCT, id="p1")["product"]
    change = {
        "productId": "p1",
        "expectedVersion": before["version"],
        "why": "new supplier",
        "name": "Green tea",
        "listPrice": "3",
    }
    made = client.ask(UPDATE, "editor", c=change)["updateProduct"]
    assert made == {
        "decisionId": "1",
        "decidedBy": "editor-1",
        "why": "new supplier",
        "takenIn": None,
        "changes": [
            {"field": "product_name", "was": "Product 1", "becomes": "Green tea"},
            {"field": "list_price", "was": "2.5000", "becomes": "3.0000"},
        ],
    }
    after = client.ask(PRODUCT, id="p1")["product"]
    assert (after["name"], after["listPrice"]) == ("Green tea", "3.0000")
    assert client.refused(UPDATE, "editor", c=change | {"name": "Black tea"})[0] == "CONFLICT", (
        "read before the change"
    )
    (file,) = (tmp_path / "raw" / "commerce" / "product_decisions").iterdir()
    lines = file.read_text().splitlines()
    assert file.name == "decision-000000000001.csv"
    assert (
        lines[0]
        == '"decision_id","product_id","field","was","becomes","decided_at","decided_by","why"'
    )
    assert lines[2].startswith('"1","p1","list_price","2.5000","3.0000","')
    undo = 'mutation { undoDecision(decisionId: "1", why: "wrong product") { undoes changes { becomes } } }'
    assert client.ask(undo, "editor")["undoDecision"] == {
        "undoes": "1",
        "changes": [{"becomes": "Product 1"}, {"becomes": "2.5000"}],
    }
    assert client.refused(undo, "editor")[0] == "CONFLICT"
    assert client.ask(PRODUCT, id="p1")["product"]["version"] == before["version"]
    assert client.ask(PRODUCT, id="p1")["product"]["decisions"] == [
        {"decidedBy": "editor-1", "undoes": None},
        {"decidedBy": "editor-1", "undoes": "1"},
    ]
    version = client.ask(PRODUCT, id="p2")["product"]["version"]
    free = {"productId": "p2", "expectedVersion": version, "why": "a gift", "listPrice": "-0"}
    (change,) = client.ask(UPDATE, "editor", c=free)["updateProduct"]["changes"]
    assert change["becomes"] == "0.0000", "as the database, and the next load, read it"


def test_a_decision_survives_the_next_load(
    client: Client, warehouse: Warehouse, database: Server
) -> None:
    """A delivery that repeats the old name does not undo it; one that says another is newer."""
    for product in ("p1", "p2"):
        read = client.ask(PRODUCT, id=product)["product"]
        change = {"productId": product, "expectedVersion": read["version"], "why": "relabelled"}
        client.ask(UPDATE, "editor", c=change | {"name": f"{read['name']}, organic"})
    day = date(2024, 6, 1)
    second = [
        shop.product(1, "3.0000", day),
        shop.product(2, "9.9900", day, product_name="Renamed by its maker"),
        *shop.PRODUCTS[2:],
    ]
    publish(warehouse, "commerce", shop.published(MANY, MANY_LINES, second))
    load_tables(warehouse, ("silver.commerce_products",), database.url("loader"))
    after = [client.ask(PRODUCT, id=product)["product"] for product in ("p1", "p2")]
    assert [(one["name"], one["listPrice"]) for one in after] == [
        ("Product 1, organic", "3.0000"),
        ("Renamed by its maker", "9.9900"),
    ]


@pytest.mark.nightly
def test_decisions_that_are_refused(client: Client) -> None:
    version = client.ask(PRODUCT, id="p1")["product"]["version"]
    base = {"productId": "p1", "expectedVersion": version, "why": "because"}
    refused = {
        "NOT_FOUND": [{"productId": "p9", "name": "x"}, {"categoryId": "77"}],
        "NO_CHANGE": [{"name": "Product 1"}],
        "BAD_REQUEST": [
            {},
            {"name": "a\nb"},
            {"name": " "},
            {"listPrice": "-1"},
            {"listPrice": "1.23456"},
            {"listPrice": None},
            {"why": " ", "name": "x"},
        ],
        "CONFLICT": [{"expectedVersion": "0", "name": "x"}],
    }
    for code, changes in refused.items():
        for change in changes:
            assert client.refused(UPDATE, "editor", c=base | change)[0] in (code, "BAD_QUERY"), (
                change
            )


@pytest.mark.nightly
def test_of_two_decisions_at_once_one_stands(client: Client) -> None:
    from concurrent.futures import ThreadPoolExecutor

    version = client.ask(PRODUCT, id="p1")["product"]["version"]
    changes = [
        {"productId": "p1", "expectedVersion": version, "why": "race", "name": f"Tea {n}"}
        for n in range(8)
    ]
    with ThreadPoolExecutor(8) as several:
        answers = list(
            several.map(
                lambda c: client.post({"query": UPDATE, "variables": {"c": c}}, "editor").json(),
                changes,
            )
        )
    assert sum("errors" not in answer for answer in answers) == 1
    assert len(client.ask(PRODUCT, id="p1")["product"]["decisions"]) == 1
