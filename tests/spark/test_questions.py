"""The analysts' questions, docs/sql/*.sql: the same rows by DuckDB and by Spark, types included."""

from __future__ import annotations

from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from strata.errors import UsageError
from strata.serve import duck, query
from strata.serve.published import Published
from strata.spark import session

from tests.samples import Samples

pytestmark = [
    pytest.mark.spark,
    pytest.mark.samples("commerce", "fleet", "launches", "residents", "soil"),
]
QUESTIONS = sorted((Path(__file__).parents[2] / "docs" / "sql").glob("*.sql"))
# The first row of those whose answer is known from the raw files.
FIRST: dict[str, dict[str, Any]] = {
    "commerce_question_1": {"product_id": "22423", "units": 367, "revenue": Decimal("4354.68"), "days": 5},
    "commerce_question_3": {
        "customer_id": "15061", "lifetime_value": Decimal("9407.34"), "orders": 6, "average_order_value": Decimal("1567.89"),
        "first_order_date": date(2010, 12, 2), "last_order_date": date(2010, 12, 2),
    },
    "commerce_question_4": {
        "period_start": date(2010, 12, 1), "orders": 308, "units": 47719, "revenue": Decimal("104539.88"), "revenue_change": None,
    },
    "launches_question_1": {
        "core_id": "5e9e28a7f3591817f23b2663", "reuse_count": 13, "flights": 14, "source_flights": 14,
        "first_launch_at": datetime(2020, 5, 30, 19, 22, tzinfo=timezone.utc),
        "last_launch_at": datetime(2022, 9, 11, 1, 10, tzinfo=timezone.utc),
    },
    "residents_question_1": {
        "as_of_date": date(2024, 10, 1), "authority_code": "postcode_outward_only", "authority_name": None, "people": 75,
        "people_f": 32, "people_m": 33, "people_sex_unknown": 10,
    },
}  # fmt: skip


@pytest.mark.parametrize("path", QUESTIONS, ids=lambda path: path.stem)
def test_both_engines_answer_alike(path: Path, spark: SparkSession, samples: Samples) -> None:
    text = path.read_text(encoding="utf-8")
    by_duckdb = duck.query(Published(samples.warehouse), text)
    reader = query.Reader(spark, session.java(spark), samples.warehouse)
    by_spark = query.to_arrow(reader.query(text))
    assert by_duckdb.num_rows > 0
    assert by_duckdb.to_pylist() == by_spark.to_pylist()
    assert [(f.name, f.type) for f in by_duckdb.schema] == [
        (f.name, f.type) for f in by_spark.schema
    ]
    if path.stem in FIRST:
        assert by_duckdb.to_pylist()[0] == FIRST[path.stem]


def test_spark_refuses_what_duckdb_refuses(spark: SparkSession, samples: Samples) -> None:
    reader = query.Reader(spark, session.java(spark), samples.warehouse)
    listed = Path(__file__).parents[1] / "unit" / "serve" / "refused.sql"
    texts = [line for line in listed.read_text().splitlines() if line and not line.startswith("#")]
    answered = []
    for text in texts:
        try:
            reader.query(text)
        except UsageError:
            continue
        answered.append(text)
    assert answered == []
