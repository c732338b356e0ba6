"""Queries of a gate that DuckDB may answer: it finds as many rows as Spark does."""

from __future__ import annotations

import random
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import dataset as ds
from pyspark.sql import DataFrame, SparkSession
from strata.declare.contract import load_contract, struct_type
from strata.declare.suite import Expectation, load_suite
from strata.errors import GateFailed
from strata.gate import plain_queries, queries

from tests import mutants
from tests.plain import answers_of, schema_of, tables_of

pytestmark = pytest.mark.spark

SUMS = (
    "gold.commerce_customer_value",
    "gold.commerce_daily_category_sales",
    "gold.commerce_daily_product_sales",
    "gold.commerce_trends",
)
REVENUE = "gold.commerce_order_revenue"


def orders(chance: random.Random, number: int) -> list[dict[str, Any]]:
    """Orders of customers and guests, counted or not; amounts of either sign."""
    return [
        {
            "order_id": str(n),
            "customer_id": chance.choice(["a", "b", None]),
            "order_date": date(2024, 1, 1) + timedelta(chance.randrange(40)),
            "is_counted": chance.random() < 0.7,
            "currency": "EUR",
            "revenue": Decimal(chance.randrange(-(10**6), 10**9)) / 100,
        }
        for n in range(number)
    ]


def sums(name: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a table makes of the orders, as far as the query reads it."""
    counted = [row for row in rows if row["is_counted"]]
    if name == "gold.commerce_customer_value":
        return [{"lifetime_value": r["revenue"]} for r in counted if r["customer_id"]]
    if name == "gold.commerce_trends":
        return [{"period": p, "revenue": r["revenue"]} for r in counted for p in ("month", "week")]
    return [{"revenue": row["revenue"]} for row in counted]


@pytest.mark.parametrize("name", SUMS)
def test_duckdb_finds_what_spark_finds_where_sums_hold_and_where_a_cent_is_lacking(
    spark: SparkSession, name: str
) -> None:
    chance, found = random.Random(name), []
    asked = plain_queries.of_suite(load_suite(name))
    assert len(asked) == 1
    for number, lacks in ((0, False), (30, False), (30, True)):
        rows = orders(chance, number)
        held = sums(name, rows)
        if lacks:
            amount = "lifetime_value" if "lifetime_value" in held[0] else "revenue"
            held[-1][amount] += chance.choice([Decimal("0.01"), Decimal("-0.01")])
        tables = {
            "batch": pa.Table.from_pylist(held, schema_of(name)),
            REVENUE: pa.Table.from_pylist(rows, schema_of(REVENUE)),
        }
        frames = {
            own: frame_of(spark, name if own == "batch" else own, table)
            for own, table in tables.items()
        }
        expected = queries.count_found(asked, frames["batch"], {REVENUE: frames[REVENUE]})
        outcome = answers_of(asked, tables)[0].outcome
        assert (outcome.success, outcome.observed) == (expected == [0], str(expected[0]))
        found.append(expected[0])
    assert found == [0, 0, 1]


MARKED = [
    (name, rule)
    for name in mutants.table_names()
    for rule in plain_queries.of_suite(load_suite(name))
]
EACH_RUN = {
    # A sum of another table, missing values, a window, Spark's own functions, and a moment told.
    ("gold.launches_core_reuse", "the cores' flights must add up to the flown flights"),
    ("gold.residents_by_authority", "no number above zero and below the limit must be visible"),
    ("silver.soil_measurements", "the layers of one profile should not overlap"),
    ("silver.fleet_vehicles", "the periods of a vehicle must not overlap"),
    ("gold.residents_moves_by_month", "a month must be given by its first day"),
    ("silver.fleet_fixes", "an idle vehicle should not drive faster than 5 km/h"),
}


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        pytest.param(
            name, rule, id=f"{name}: {rule.description}",
            marks=[] if (name, rule.description) in EACH_RUN else [pytest.mark.nightly],
        )
        for name, rule in MARKED
    ],
)  # fmt: skip
def test_duckdb_answers_as_spark_does_where_a_rule_holds_and_where_it_breaks(
    spark: SparkSession, name: str, rule: Expectation
) -> None:
    """`tests/unit/gate/test_plain_queries.py` has every answer of DuckDB's in each run."""
    for whole in (mutants.valid_table(name), mutants.broken_table(name, rule)):
        tables = tables_of(name, whole)
        frames = {
            own: frame_of(spark, name if own == "batch" else own, table)
            for own, table in tables.items()
        }
        [answer] = answers_of([rule], tables)
        expected = queries.count_found([rule], frames["batch"], frames)
        assert [answer.outcome.observed] == list(map(str, expected))
        if answer.least is not None:
            assert answer.least == queries.first_found(rule, frames["batch"], frames)


def frame_of(spark: SparkSession, name: str, rows: pa.Table) -> DataFrame:
    fields = load_contract(name).fields
    return spark.createDataFrame(rows, struct_type(fields, enforce_required=False))


def test_a_query_that_duckdb_cannot_answer_stops_the_run() -> None:
    text = "SELECT nothing FROM {batch}"
    asked = Expectation(
        "unexpected_rows_expectation", {queries.QUERY: text}, "critical", "sums", is_plain=True
    )
    rows = pa.table({"something": [1]})
    with pytest.raises(GateFailed, match="must be able to answer"):
        plain_queries.audit([asked], {"batch": lambda: ds.dataset(rows)})
