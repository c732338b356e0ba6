"""People's decisions on products: they hold against deliveries that repeat what they were made against."""

from __future__ import annotations

from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import SparkSession
from strata.feeds.commerce.catalogue import commerce_products
from strata.feeds.commerce.decisions import commerce_product_decisions

from tests.feeds.test_commerce import bronze

pytestmark = pytest.mark.spark

CATEGORIES = [
    {"category_id": "1", "category_name": "Tea"},
    {"category_id": "2", "category_name": "Coffee"},
]


def record(day: int, name: str, price: str = "2.50", product: str = "p1") -> dict[str, Any]:
    return {
        "product_id": product,
        "product_name": name,
        "category_id": "1",
        "price": price,
        "_delivery_date": date(2024, 5, day),
    }


def decision(
    number: int, day: int, field: str, was: str | None, becomes: str | None, product: str = "p1"
) -> dict[str, Any]:
    at = datetime(2024, 5, day, 12, number, tzinfo=timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {
        "decision_id": str(number),
        "product_id": product,
        "field": field,
        "was": was,
        "becomes": becomes,
        "decided_at": at,
        "decided_by": "ann",
        "why": "because",
    }


CASES = {
    "a delivery that repeats the old name does not undo a decision; another name is newer word": (
        [record(1, "A"), record(7, "A"), record(9, "C")],
        [decision(1, 3, "product_name", "A", "B")],
        [(1, 3, "A", "1", "2.5000"), (3, 9, "B", "1", "2.5000"), (9, None, "C", "1", "2.5000")],
    ),
    "decisions build on each other, and one takes another back": (
        [record(1, "A"), record(8, "A", "9")],
        [
            decision(1, 3, "product_name", "A", "B"),
            decision(2, 3, "list_price", "2.5000", "3.0000"),
            decision(3, 4, "product_name", "B", "C"),
            decision(4, 6, "list_price", "3.0000", "2.5000"),
        ],
        [
            (1, 3, "A", "1", "2.5000"),
            (3, 4, "B", "1", "3.0000"),
            (4, 6, "C", "1", "3.0000"),
            (6, 8, "C", "1", "2.5000"),
            (8, None, "C", "1", "9.0000"),
        ],
    ),
    "a decision on the day of a delivery holds for that delivery": (
        [record(3, "A")],
        [decision(1, 3, "category_id", "1", "2")],
        [(3, None, "A", "2", "2.5000")],
    ),
    "a decision against what was never so, before all deliveries, and of another product, changes nothing": (
        [record(5, "A")],
        [
            decision(1, 6, "product_name", "Z", "B"),
            decision(2, 1, "list_price", "2.5000", "8"),
            decision(3, 6, "product_name", "A", "B", product="p2"),
        ],
        [(5, None, "A", "1", "8.0000")],
    ),
}


def test_what_a_product_is_after_decisions(spark: SparkSession) -> None:
    """All cases in one pass: each is a product of its own."""
    records, taken, expected = [], [], {}
    for number, (own, decided, periods) in enumerate(CASES.values()):
        name = f"case{number}"
        records += [{**row, "product_id": name} for row in own]
        taken += [
            {
                **row,
                "product_id": name if row["product_id"] == "p1" else "other",
                "decision_id": f"{number}{row['decision_id']}",
            }
            for row in decided
        ]
        expected[name] = periods
    categories = spark.createDataFrame(
        [
            (c["category_id"], c["category_name"], c["category_name"], "1", "Tea")
            for c in CATEGORIES
        ],
        "category_id string, category_name string, category_path string, top_category_id string, top_category_name string",
    )
    decisions = commerce_product_decisions(bronze(spark, "product_decisions", *taken), categories)
    sales = bronze(spark, "sales")
    made = commerce_products(
        bronze(spark, "products", *records), sales, categories, decisions
    ).collect()
    found: dict[str, list[Any]] = {name: [] for name in expected}
    for row in sorted(made, key=lambda row: (row["product_id"], row["valid_from"])):
        assert row["_reasons"] == []
        if row["_fold"] is None:
            until = None if row["valid_to"].year == 9999 else row["valid_to"].day
            found[row["product_id"]].append(
                (
                    row["valid_from"].day,
                    until,
                    row["product_name"],
                    row["category_id"],
                    str(row["list_price"]),
                )
            )
    assert found == expected
    assert sum(row["_rows"] for row in made) == len(records), "each record is answered for once"
    assert all(row["list_price"] >= Decimal(0) for row in made)


def test_decisions_that_are_none(spark: SparkSession) -> None:
    categories = spark.createDataFrame([("1",)], "category_id string")
    wrong = [
        decision(1, 1, "colour", "a", "b"),
        decision(2, 1, "list_price", "1", "-2"),
        decision(3, 1, "category_id", "1", "77"),
        decision(4, 1, "product_name", "a", None),
        {**decision(5, 1, "product_name", "a", "b"), "decided_at": "yesterday", "why": None},
        decision(6, 1, "product_name", "a", "b"),
        decision(6, 1, "product_name", "a", "c"),
    ]
    made = commerce_product_decisions(
        bronze(spark, "product_decisions", *wrong), categories
    ).collect()
    reasons = {(row["decision_id"], row["becomes"]): row["_reasons"] for row in made}
    assert reasons == {
        (1, "b"): ["a decision changes product_name, category_id or list_price"],
        (2, "-2"): ["a decided price must be a plain number that is not negative"],
        (3, "77"): ["its category is unknown"],
        (4, None): ["a decision must say what the value becomes"],
        (5, "b"): [
            "a decision must say when it was taken, as an instant in UTC",
            "a decision must say why",
        ],
        (6, "b"): ["a decision's records must agree: its file has been changed"],
        (6, "c"): ["a decision's records must agree: its file has been changed"],
    }
