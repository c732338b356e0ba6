"""Many orders of one input as groups of one frame: a transform gives each group the same rows."""

from __future__ import annotations

from collections import Counter, defaultdict
from random import Random
from typing import Any

import pytest
from pyspark.sql import SparkSession
from strata.declare.feed import load_feed

from tests.faults.cases import CASES

pytestmark = pytest.mark.spark

CASES_IN_ONE = 200
COLUMNS = (
    "sale_id string, shop_id string, sale_date string, amount string, _file_sha256 string, "
    "_record_number bigint"
)


def disordered(case: int) -> list[tuple[Any, ...]]:
    """The toy's sales, shuffled, cut into files, some twice; ids bear the case, so that cases do
    not meet.
    """
    chance = Random(f"order/{case}")
    [file] = [file for file in CASES["toy"].files() if file.source == "sales"]
    records = [record.split(",") for record in file.records if record.count(",") == 3]
    records += chance.sample(records, chance.randrange(5))
    chance.shuffle(records)
    rows = []
    for number, (sale, shop, day, amount) in enumerate(records):
        sha256 = f"{chance.randrange(16):x}" * 64
        rows.append(
            (f"{case}/{sale}", f"{case}/{shop}", day or None, amount, sha256, 1000 * case + number)
        )
    return rows


def test_two_hundred_orders_of_the_same_sales_give_the_same_rows(spark: SparkSession) -> None:
    sales = load_feed("toy").table("silver.toy_sales").transform
    rows = [row for case in range(CASES_IN_ONE) for row in disordered(case)]
    shops = [(f"{case}/s{number}",) for case in range(CASES_IN_ONE) for number in range(1, 6)]
    outcome = sales(
        spark.createDataFrame(rows, COLUMNS), spark.createDataFrame(shops, "shop_id string")
    ).collect()

    assert len(outcome) == len(rows)
    accepted: dict[str, Counter[Any]] = defaultdict(Counter)
    rejected: dict[str, set[Any]] = defaultdict(set)
    for row in outcome:
        case, sale = row["sale_id"].split("/")
        content = (sale, row["shop_id"].split("/")[1], row["sale_date"], row["amount_eur"])
        if row["_reasons"]:
            rejected[case].add((*content, tuple(sorted(row["_reasons"]))))
        elif row["_fold"] is None:
            accepted[case][content] += 1
    assert len(accepted) == len(rejected) == CASES_IN_ONE
    assert max(accepted["0"].values()) == 1
    assert {
        case
        for case in accepted
        if accepted[case] != accepted["0"] or rejected[case] != rejected["0"]
    } == set()
    assert {sale for sale, *_ in rejected["0"]} >= {"a3", "a4", "a10"}
