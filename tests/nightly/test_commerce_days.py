"""Days of a shop, one after the other, each by the queries of few touched groups or by Spark alone:
at the end every table, and every rejected row with its reasons, is that of one run by the
transforms over all of them.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from strata.lake.versions import Warehouse

from bench import commerce_data
from tests.feeds.test_commerce_run import Shop, assert_conserved
from tests.plain import BY_TRANSFORMS

pytestmark = [pytest.mark.spark, pytest.mark.nightly]

STATUSES = ("pending", "shipped", "delivered", "cancelled", "returned")
PRICES = ("1.00", "2.5", "0.3333")
ODD = 0.05
"""Of the values, the share that is wrong."""


@pytest.fixture(scope="module")
def loaded(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A raw folder and a warehouse, published once: a full load takes as long as all days after."""
    folder = tmp_path_factory.mktemp("days")
    shop = Shop(spark, folder / "raw", Warehouse(str(folder / "w")))
    commerce_data.make(shop.raw, scale=0, seed=1)
    assert shop.run(fewest_plain_rows=0) is not None
    return folder


@pytest.mark.parametrize("seed", range(2))
def test_days_come_in_by_either_way_and_equal_one_run_over_all(
    spark: SparkSession, loaded: Path, tmp_path: Path, seed: int
) -> None:
    shutil.copytree(loaded, tmp_path / "days")
    chance = random.Random(seed)
    shop = Shop(spark, tmp_path / "days" / "raw", Warehouse(str(tmp_path / "days" / "w")))
    published = None
    for day in range(2, 6):
        _deliver(shop, chance, day)
        published = shop.run(fewest_plain_rows=0 if day > 2 else BY_TRANSFORMS)
        assert published is not None
        assert_conserved(published)
    assert published is not None
    whole = shop.run(BY_TRANSFORMS, full=True)
    assert whole is not None
    for state in published.tables:
        name = state.table
        held, again = (
            Counter(tuple(row.values()) for row in shop.table(p, name)) for p in (published, whole)
        )
        assert held == again, f"seed {seed}: {name}"
        assert shop.quarantined(published, name) == shop.quarantined(whole, name), (
            f"seed {seed}: {name}"
        )


def _deliver(shop: Shop, chance: random.Random, day: int) -> None:
    """New orders and new states of earlier ones, lines of either, and now and then a parent that
    was missing; some of them wrong."""
    delivered = f"2025-01-{day:02}"
    orders = [chance.randrange(1, 250) for _ in range(8)]
    shop.put("orders", delivered, *[_order(chance, n) for n in dict.fromkeys(orders)])
    lines = [_line(chance, chance.choice(orders)) for _ in range(15)]
    shop.put("order_items", delivered, *lines, lines[0])
    if chance.random() < 0.5:
        customer = {"customer_id": "no such customer", "registration_date": "2024-01-01"}
        shop.put("customers", delivered, customer | {"country": "SE"})
    if chance.random() < 0.5:
        product = {"product_name": "P", "category_id": "1", "stock_quantity": "1"}
        shop.put(
            "products",
            delivered,
            {"product_id": "no such product", **product, "price": "5", "created_at": "2024-01-01"},
        )


def _order(chance: random.Random, number: int) -> dict[str, Any]:
    return {
        "order_id": str(number),
        "customer_id": _one_of(chance, ["1", "2", ""], ["no such customer"]),
        "order_date": _one_of(chance, ["2024-12-30", "2025-01-03"], ["2024-02-30"]),
        "status": _one_of(chance, STATUSES, ["lost"]),
    }


def _line(chance: random.Random, order: int) -> dict[str, Any]:
    return {
        "order_item_id": str(chance.randrange(5)),
        "order_id": str(order),
        "product_id": _one_of(chance, ["1", "2"], ["no such product"]),
        "quantity": _one_of(chance, ["1", "2"], ["0", "many"]),
        "unit_price": _one_of(chance, PRICES, ["1,5", "-1.00"]),
        "discount": _one_of(chance, ["", "0.10"], ["99"]),
    }


def _one_of(chance: random.Random, right: Sequence[str], wrong: Sequence[str]) -> str:
    return chance.choice(wrong if chance.random() < ODD else right)
