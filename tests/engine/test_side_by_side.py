"""A small run takes short cuts: rows judged in the driver, tables side by side. What it publishes is
what a large run would.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from strata.errors import GateFailed
from strata.ledger.publication import GateEntry

from tests.engine.shop import TABLES, Shop

pytestmark = pytest.mark.spark

LARGE = {"most_rows_here": -1, "most_bytes_here": -1}
SMALL = {"at_once": 3}
DELIVERIES = (
    (
        *("a1,s1,2024-01-01,10.50", "a2,s2,2024-01-01,3", "a2,s2,2024-01-01,3"),
        *("a3,s9,2024-01-02,5", "a4,s1,2024-01-02,x", "a5,s1,2024-01-03,-4", "bad,row"),
        "a6,s2,2024-01-03,7.25",
    ),
    (
        *("a1,s1,2024-01-01,11.50", "a7,s1,2024-01-02,4", "a8,s2,2024-01-03,-1", "a9,s1,,1"),
        *("a2,s2,2024-01-04,3", "A10,s1,2024-01-04,2", ",s1,2024-01-04,2"),
    ),
)


def deliver(shop: Shop, number: int, **options: Any) -> None:
    if number == 0:
        shop.shops("a.csv", "s1,Alpha", "s2,Beta", ",Nobody")
    else:
        shop.shops("b.csv", "s9,Late")
    shop.sales(f"{number}.csv", *DELIVERIES[number])
    shop.run(**options)


def told(gate: GateEntry) -> tuple[Any, ...]:
    """What a gate counted and said; not how long it took."""
    counts = (gate.rows_in, gate.accepted, gate.quarantined, gate.folded, gate.total_rows)
    said = [(e["type"], e["success"], e["unexpected"], e["observed"]) for e in gate.expectations]
    return gate.table, gate.mode, counts, gate.folds, gate.reasons, said


def test_what_is_published_does_not_depend_on_short_cuts(
    spark: SparkSession, tmp_path: Path
) -> None:
    quick, plain = Shop(spark, tmp_path / "quick"), Shop(spark, tmp_path / "plain")
    names = ("bronze.toy_shops", "bronze.toy_sales", *TABLES)
    for number in range(len(DELIVERIES)):
        deliver(quick, number, **SMALL)
        deliver(plain, number, **LARGE)
        both = [
            (
                {name: shop.table(name) for name in names},
                {name: shop.rejected(name) for name in names},
                {s.table: (s.rows, s.identity, s.rejected) for s in shop.published().tables},
                list(map(told, shop.published().gates)),
            )
            for shop in (quick, plain)
        ]
        assert both[0] == both[1], f"delivery {number}"
    assert quick.rejected("silver.toy_sales"), "some rows must be rejected"
    assert {gate.mode for gate in quick.published().gates} >= {"append", "groups"}


def test_a_failed_gate_publishes_nothing_of_tables_side_by_side(
    spark: SparkSession, tmp_path: Path
) -> None:
    shop = Shop(spark, tmp_path)
    shop.shops("a.csv", "s1,Alpha", "s2,Beta")
    shop.sales("a.csv", *(f"a{n},s1,2024-01-01,-1" for n in range(20)))
    with pytest.raises(GateFailed, match=r"silver\.toy_sales"):
        shop.run(**SMALL)
    assert shop.publications() == 0
