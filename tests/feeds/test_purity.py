"""A transform runs no action: it is built on empty frames while every way to run a job is barred."""

from __future__ import annotations

from datetime import date
from typing import Any, NoReturn

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.classic.dataframe import DataFrame as ClassicFrame
from strata.declare.contract import load_contract, struct_type
from strata.declare.feed import load_feed
from strata.kit.shared import UNKNOWN
from strata.kit.table import Table
from strata.kit.whole import Whole

pytestmark = pytest.mark.spark

ACTIONS = (
    "cache", "checkpoint", "collect", "count", "first", "foreach", "foreachPartition", "head",
    "isEmpty", "localCheckpoint", "persist", "show", "tail", "take", "toArrow", "toLocalIterator",
    "toPandas",
)  # fmt: skip
# Some delivery is whole, so that what a transform does then is built too.
WHOLE = Whole({"a": "a"}, {"a": (date(2024, 1, 1),)})
FEEDS = ("commerce", "fleet", "launches", "residents", "soil", "toy")


@pytest.fixture
def barred(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise AssertionError("a transform must run no action")

    for name in ACTIONS:
        monkeypatch.setattr(ClassicFrame, name, refuse)
    for name in ("rdd", "write"):
        monkeypatch.setattr(ClassicFrame, name, property(refuse))


def tables() -> list[tuple[str, Table]]:
    return [(feed, table) for feed in FEEDS for table in load_feed(feed).tables]


def empty(spark: SparkSession, table: Table, name: str) -> DataFrame:
    schema = struct_type(load_contract(name).fields, enforce_required=False)
    frame = spark.createDataFrame([], schema)
    reference = table.via.get(name)
    return frame if reference is None else frame.select(*reference.columns)


@pytest.mark.parametrize(
    ("feed", "table"), [pytest.param(*both, id=both[1].name) for both in tables()]
)
def test_a_transform_is_built_without_running_anything(
    spark: SparkSession, barred: None, feed: str, table: Table
) -> None:
    params = load_feed(feed).params_class
    keywords = {"params": params()} if params and table.params else {}
    keywords |= {"shared": UNKNOWN} if table.unique else {}
    keywords |= {"whole": WHOLE} if table.ends else {}
    built = table.transform(*[empty(spark, table, name) for name in table.inputs], **keywords)
    contract = {f.name for f in load_contract(table.name).fields if f.name != "_run_id"}
    assert contract <= set(built.columns)


def test_the_bar_holds(spark: SparkSession, barred: None) -> None:
    with pytest.raises(AssertionError, match="no action"):
        spark.range(3).count()
