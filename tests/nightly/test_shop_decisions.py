"""A change made by the API survives the next day's load: API, raw file, run, publication, database, API."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from starlette.testclient import TestClient
from strata.declare.feed import load_feed
from strata.lake.versions import Warehouse, read_arrow
from strata.ledger.publication import Publication
from strata.run.plan import Options, make_plan
from strata.run.run import run_feed
from strata.serve.graphql.access import Door, new_token
from strata.serve.graphql.app import make_app
from strata.serve.graphql.decisions import Desk
from strata.serve.postgres.load import load_tables
from strata.serve.postgres.server import Server

from tests.doors import conftest as doors
from tests.doors.test_graphql import PRODUCT, UPDATE, Client

pytestmark = [pytest.mark.spark, pytest.mark.nightly]
open_folder, cluster, database = doors.open_folder, doors.cluster, doors.database
PRODUCTS = "silver.commerce_products"


def deliver(raw: Path, day: str, **products: tuple[str, str]) -> None:
    """A delivery of products: name and price of each."""
    for source, header, rows in (
        (
            "product_categories",
            ["category_id", "category_name", "parent_category_id"],
            [["1", "Tea", ""]],
        ),
        (
            "products",
            ["product_id", "product_name", "category_id", "price"],
            [[i, n, "1", p] for i, (n, p) in products.items()],
        ),
    ):
        file = raw / "commerce" / source / f"delivery={day}" / f"{source}.csv"
        file.parent.mkdir(parents=True)
        with file.open("w", newline="") as out:
            csv.writer(out).writerows([header, *rows])


def run(spark: SparkSession, raw: Path, warehouse: Warehouse, full: bool = False) -> Publication:
    feed, options = load_feed("commerce"), Options(str(raw), full=full)
    plan = make_plan(feed, feed.default_params(), warehouse, options)
    published = run_feed(spark, warehouse, plan, options, lambda _: None).publication
    assert published is not None
    return published


def test_a_change_stands_through_the_next_load(
    spark: SparkSession, database: Server, tmp_path: Path
) -> None:
    raw, warehouse = tmp_path / "raw", Warehouse(str(tmp_path / "warehouse"))
    deliver(raw, "2024-05-01", p1=("Sencha", "4.00"), p2=("Assam", "3.00"))
    run(spark, raw, warehouse)
    every = ("silver.commerce_*", "gold.commerce_*")
    load_tables(warehouse, every, database.url("loader"))
    tokens = {
        role: new_token(tmp_path / "tokens.json", role, role) for role in ("reader", "editor")
    }
    door = Door.from_file(tmp_path / "tokens.json")
    with TestClient(
        make_app(database.url("reader"), door, Desk(database.url("editor"), str(raw)))
    ) as http:
        client = Client(http, tokens)
        for name in ("p1", "p2"):
            read = client.ask(PRODUCT, id=name)["product"]
            change = {
                "productId": name,
                "expectedVersion": read["version"],
                "why": "relabelled",
                "name": f"{read['name']} (organic)",
            }
            client.ask(UPDATE, "editor", c=change)
        # A later delivery repeats what the shop knew of one product, and renames the other itself.
        deliver(raw, "2098-01-01", p1=("Sencha", "4.50"), p2=("Assam Gold", "3.00"))
        second = run(spark, raw, warehouse)
        load_tables(warehouse, every, database.url("loader"))
        asked = "{ products { nodes { productId name listPrice history { name listPrice } decisions { takenIn } } } }"
        nodes = client.ask(asked)["products"]["nodes"]
    assert [(n["productId"], n["name"], n["listPrice"]) for n in nodes] == [
        ("p1", "Sencha (organic)", "4.5000"),
        ("p2", "Assam Gold", "3.0000"),
    ]
    assert [period["name"] for period in nodes[0]["history"]] == [
        "Sencha",
        "Sencha (organic)",
        "Sencha (organic)",
    ]
    assert [period["name"] for period in nodes[1]["history"]] == [
        "Assam",
        "Assam (organic)",
        "Assam Gold",
    ]
    assert [node["decisions"] for node in nodes] == [[{"takenIn": second.publication}]] * 2
    state = second.state(PRODUCTS)
    assert state is not None
    columns = ["product_id", "valid_from", "valid_to", "product_name", "list_price"]
    held = read_arrow(warehouse, PRODUCTS, state.version, columns).sort_by(
        [(c, "ascending") for c in columns[:2]]
    )
    again = run(spark, raw, Warehouse(str(tmp_path / "afresh")), full=True).state(PRODUCTS)
    assert again is not None
    anew = read_arrow(Warehouse(str(tmp_path / "afresh")), PRODUCTS, again.version, columns)
    assert held.equals(anew.sort_by([(c, "ascending") for c in columns[:2]])), (
        "the result does not depend on arrival"
    )
