"""Pages, decisions and loads all at once: nothing lost, nothing twice, no decision over another."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest
from strata.lake.versions import Warehouse
from strata.serve.postgres.load import load_tables
from strata.serve.postgres.server import Server

from tests.doors import conftest as doors
from tests.doors import shop, test_graphql, test_graphql_answers
from tests.doors.publishing import publish
from tests.doors.test_graphql import MANY, MANY_LINES, PRODUCT, UPDATE, Client

pytestmark = pytest.mark.nightly
open_folder, cluster, database = doors.open_folder, doors.cluster, doors.database
warehouse, client = test_graphql.warehouse, test_graphql_answers.client
LOADS, EDITORS = 4, 3
PAGE = """query Q($after: String) { customer(customerId: "c3") { orders(first: 7, after: $after) {
    nodes { orderId revenue items { productId } } pageInfo { endCursor hasNextPage } } } }"""


def read_all(client: Client) -> list[str]:
    """Every order of the customer, page by page; each with both of its lines."""
    seen, after = [], None
    while True:
        page = client.ask(PAGE, after=after)["customer"]["orders"]
        for node in page["nodes"]:
            assert node["revenue"] == "5.00", "an answer is of one publication"
            assert len(node["items"]) == 2
            seen.append(node["orderId"])
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            return seen


def test_pages_decisions_and_loads_at_once(
    client: Client, warehouse: Warehouse, database: Server, tmp_path: Path
) -> None:
    over = threading.Event()
    # Another day's orders come and go; those of April and May stay through all loads.
    more = [shop.order(n, date(2024, 12, 1), "c3") for n in range(90, 95)]
    more_lines = [shop.line(own, item, "p1", 1, "2.5") for own in more for item in (1, 2)]
    stays = {f"o{n}" for n in range(10, 40)}

    def load() -> int:
        try:
            for number in range(LOADS):
                extra = ([], []) if number % 2 else (more, more_lines)
                publish(
                    warehouse,
                    "commerce",
                    shop.published([*MANY, *extra[0]], [*MANY_LINES, *extra[1]]),
                )
                url = database.url("loader")
                load_tables(warehouse, ("silver.commerce_*", "gold.commerce_*"), url)
            return LOADS
        finally:
            over.set()

    def page() -> int:
        rounds = 0
        while not over.is_set():
            seen = read_all(client)
            assert len(seen) == len(set(seen)), "nothing twice"
            assert stays <= set(seen), "nothing left out"
            rounds += 1
        return rounds

    def decide(who: int) -> int:
        made = 0
        while not over.is_set():
            read = client.ask(PRODUCT, id="p1")["product"]
            change = {
                "productId": "p1",
                "expectedVersion": read["version"],
                "why": f"editor {who}",
                "name": f"{who}-{made} after {read['name']}"[:60],
            }
            body = {"query": UPDATE, "variables": {"c": change}}
            answer = client.post(body, "editor").json()
            codes = [error["extensions"]["code"] for error in answer.get("errors", [])]
            assert codes in ([], ["CONFLICT"]), answer
            made += not codes
        return made

    work: list[Callable[[], int]] = [load, page, *(lambda n=n: decide(n) for n in range(EDITORS))]
    with ThreadPoolExecutor(len(work)) as several:
        done = [future.result() for future in [several.submit(one) for one in work]]
    assert done[0] == LOADS
    assert done[1] > 0
    assert sum(done[2:]) > 0
    asked = '{ product(productId: "p1") { name decisions { changes { was becomes } } } }'
    product = client.ask(asked)["product"]
    changes = [decision["changes"][0] for decision in product["decisions"]]
    assert len(changes) == sum(done[2:]), "every decision that was confirmed, and no other"
    assert changes[0]["was"] == "Product 1"
    assert [one["was"] for one in changes[1:]] == [one["becomes"] for one in changes[:-1]], (
        "each was made against the one before"
    )
    assert product["name"] == changes[-1]["becomes"]
    files = sorted((tmp_path / "raw" / "commerce" / "product_decisions").iterdir())
    assert len(files) == len(changes), json.dumps([file.name for file in files])
