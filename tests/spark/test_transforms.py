"""A table is a pure function from DataFrames to one DataFrame: no transform runs an action.

Each one is built on empty frames while every action is barred. What it gives is a plan, with the
columns of the table's contract.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.classic.dataframe import DataFrame as ClassicDataFrame
from strata.declare import feed as feeds
from strata.declare.contract import load_contract, struct_type
from strata.kit.shared import UNKNOWN
from strata.kit.table import Table

pytestmark = pytest.mark.spark

TABLES = {
    table.name: (feed, table)
    for name in feeds.feed_names()
    for feed in (feeds.load_feed(name),)
    for table in feed.tables
}
# What computes, keeps, writes, or names something in the session. The last two make a frame out of
# what is not an input.
METHODS = (
    "collect", "count", "first", "head", "take", "tail", "show", "isEmpty",
    "toLocalIterator", "toPandas", "toArrow", "foreach", "foreachPartition",
    "cache", "persist", "checkpoint", "localCheckpoint",
    "createTempView", "createOrReplaceTempView", "createGlobalTempView",
    "createOrReplaceGlobalTempView", "summary", "describe", "approxQuantile", "corr", "cov",
    "freqItems", "crosstab",
)  # fmt: skip
PROPERTIES = ("rdd", "write", "writeStream")
OF_THE_SESSION = ("sql", "createDataFrame", "table")
# A query that DuckDB takes too is asked by one function of the kit, over the inputs alone; pyspark
# gives them names for as long as it reads the text.
ALLOWED = {"sql": "strata.kit.plain", "createOrReplaceTempView": "pyspark.sql.sql_formatter"}


class Barred(AssertionError):
    """A transform ran an action, or asked the session for something."""


@contextmanager
def every_action_barred() -> Iterator[None]:
    """Within it, whatever would start a job, keep a frame or ask the session raises `Barred`."""

    def bar(name: str, asked: Callable[..., Any] | None = None) -> Callable[..., Any]:
        def barred(*given: Any, **named: Any) -> Any:
            caller = sys._getframe(1).f_globals["__name__"]
            if asked is not None and caller == ALLOWED.get(asked.__name__):
                return asked(*given, **named)
            raise Barred(f"a transform runs no action; this one called {name}")

        return barred

    with pytest.MonkeyPatch.context() as patch:
        for name in METHODS:
            patch.setattr(ClassicDataFrame, name, bar(name, getattr(ClassicDataFrame, name)))
        for name in PROPERTIES:
            patch.setattr(ClassicDataFrame, name, property(bar(name)))
        for name in OF_THE_SESSION:
            asked = getattr(SparkSession, name)
            patch.setattr(SparkSession, name, bar(f"SparkSession.{name}", asked))
        yield


def empty_inputs(spark: SparkSession, table: Table) -> list[DataFrame]:
    """A frame of no rows for each input, of the columns that the transform is given."""
    frames = []
    for name in table.inputs:
        kinds = struct_type(load_contract(name).fields, enforce_required=False)
        frame = spark.createDataFrame([], kinds)
        reference = table.via.get(name)
        frames.append(frame if reference is None else frame.select(*reference.columns))
    return frames


@pytest.mark.parametrize("name", TABLES)
def test_a_transform_runs_no_action(spark: SparkSession, name: str) -> None:
    feed, table = TABLES[name]
    inputs = empty_inputs(spark, table)
    given: dict[str, Any] = {}
    if table.params:
        given["params"] = feed.params_class(**feed.default_params())
    if table.unique:
        given["shared"] = UNKNOWN
    spark.sparkContext.setJobGroup(name, "a transform on empty frames")
    try:
        with every_action_barred():
            made = table.transform(*inputs, **given)
    finally:
        spark.sparkContext.setLocalProperty("spark.jobGroup.id", None)  # type: ignore[arg-type]
    # Nor by way of the JVM.
    assert list(spark.sparkContext.statusTracker().getJobIdsForGroup(name)) == []
    # Columns of its own besides are left out by whoever writes.
    assert set(load_contract(name).business_columns) <= set(made.columns)


@pytest.mark.parametrize("name", [*METHODS, *PROPERTIES])
def test_each_bar_holds(spark: SparkSession, name: str) -> None:
    """Else the test above could not fail."""
    frame = spark.createDataFrame([], "a int")
    with every_action_barred(), pytest.raises(Barred, match=f"called {name}$"):
        getattr(frame, name)()


@pytest.mark.parametrize("name", OF_THE_SESSION)
def test_the_session_is_barred_too(spark: SparkSession, name: str) -> None:
    with every_action_barred(), pytest.raises(Barred, match=f"called SparkSession.{name}$"):
        getattr(spark, name)("nothing")
