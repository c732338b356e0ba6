"""A transform runs no action: it is built on empty frames while every way to run a job is barred."""

from __future__ import annotations

from datetime import date
from functools import reduce
from typing import Any, NoReturn

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.classic.dataframe import DataFrame as ClassicFrame
from strata.declare.contract import load_contract, struct_type
from strata.declare.feed import load_feed
from strata.kit.shared import UNKNOWN
from strata.kit.table import Table
from strata.kit.whole import Whole

from tests import mutants
from tests.frames import local_frame

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
    built = built_of(feed, table, [empty(spark, table, name) for name in table.inputs])
    contract = {f.name for f in load_contract(table.name).fields if f.name != "_run_id"}
    assert contract <= set(built.columns)


def built_of(feed: str, table: Table, inputs: list[DataFrame]) -> DataFrame:
    params = load_feed(feed).params_class
    keywords: dict[str, Any] = {"params": params()} if params and table.params else {}
    keywords |= {"shared": UNKNOWN} if table.unique else {}
    keywords |= {"whole": WHOLE} if table.ends else {}
    return table.transform(*inputs, **keywords)


def some(spark: SparkSession, table: Table, name: str) -> DataFrame:
    """An input that every row of the table may refer to, but of which none is made."""
    if name in table.driving_inputs:
        return empty(spark, table, name)
    contract = load_contract(name)
    rows = mutants.complete(contract, mutants.valid_rows(name)[:1])
    frame = local_frame(spark, rows, struct_type(contract.fields, enforce_required=False))
    reference = table.via.get(name)
    return frame if reference is None else frame.select(*reference.columns)


def test_of_no_rows_those_tables_have_none_that_say_so(spark: SparkSession) -> None:
    """A small run does not ask Spark for them."""
    told = [
        built_of(feed, table, [some(spark, table, name) for name in table.inputs])
        .agg(F.count(F.lit(1)).alias("rows"))
        .select(F.lit(table.name).alias("name"), "rows")
        for feed, table in tables()
        if table.none_of_none
    ]
    counted = reduce(DataFrame.unionByName, told).collect()
    assert {row["name"]: row["rows"] for row in counted} == {
        "gold.residents_by_authority": 0,
        "gold.soil_area_stats": 0,
    }


def test_the_bar_holds(spark: SparkSession, barred: None) -> None:
    with pytest.raises(AssertionError, match="no action"):
        spark.range(3).count()
