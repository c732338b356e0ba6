"""Frames that a run keeps: planned once, whatever the session does elsewhere."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from strata.run.state import Kept

pytestmark = pytest.mark.spark

ADAPTIVE = "spark.sql.adaptive.enabled"


@pytest.fixture
def adaptive(spark: SparkSession) -> Iterator[SparkSession]:
    """The session with adaptive execution, as large runs and clusters have it."""
    before = spark.conf.get(ADAPTIVE)
    spark.conf.set(ADAPTIVE, "true")
    yield spark
    spark.conf.set(ADAPTIVE, str(before))


def rests(spark: SparkSession) -> DataFrame:
    """How many of the first hundred numbers leave each rest by seven: a plan of two stages."""
    return spark.range(100).groupBy((F.col("id") % 7).alias("rest")).count()


def plan_of(frame: DataFrame) -> str:
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        frame.explain()
    return told.getvalue()


def test_what_is_kept_is_not_planned_anew_after_each_stage(adaptive: SparkSession) -> None:
    assert "AdaptiveSparkPlan" in plan_of(rests(adaptive))
    kept = Kept()
    try:
        frame = kept.keep(rests(adaptive))
        _, cached, inside = plan_of(frame).partition("InMemoryRelation")
        assert cached
        assert "AdaptiveSparkPlan" not in inside
        assert adaptive.conf.get(ADAPTIVE) == "true"
        found = {row["rest"]: row["count"] for row in frame.collect()}
        assert found == {0: 15, 1: 15, 2: 14, 3: 14, 4: 14, 5: 14, 6: 14}
    finally:
        kept.release()
    assert not frame.is_cached
