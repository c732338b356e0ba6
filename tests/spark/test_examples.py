"""The row that a warning names: the same, however the rows came to lie, and wherever Strata runs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from strata.declare.contract import load_contract
from strata.declare.suite import Expectation, load_suite
from strata.gate.gate import Outcome
from strata.gate.judging import Rule
from strata.run.audit.examples import with_examples
from strata.run.state import Context
from strata.run.written import Target, Written

from tests import mutants
from tests.plain import tables_of
from tests.spark.test_plain_queries import frame_of

pytestmark = pytest.mark.spark
FIXES = "silver.fleet_fixes"


def test_spark_and_arrow_tell_the_same_moment_in_utc(spark: SparkSession) -> None:
    """The tests' own zone is five and a half hours ahead."""
    batch = tables_of(FIXES, mutants.valid_table(FIXES))["batch"]
    frame = frame_of(spark, FIXES, batch)
    kwargs = {"column": "vehicle_id"}
    rule = Expectation("expect_column_values_to_be_null", kwargs, "warning", "no vehicle")
    context = SimpleNamespace(
        store=SimpleNamespace(read=lambda table, version: frame),
        line=[],
        plan=SimpleNamespace(looked=SimpleNamespace(entries=[])),
    )
    told = []
    for whole in (batch, None):
        written = SimpleNamespace(
            rules=[Rule(rule, F.lit(True))], whole=whole, commit=SimpleNamespace(version=0)
        )
        [outcome] = with_examples(
            cast(Context, context),
            Target(load_contract(FIXES), load_suite(FIXES), None),
            cast(Written, cast(Any, written)),
            [Outcome(rule, False, 1, None)],
        )
        told.append(outcome.observed)
    assert told[0] == told[1]
    assert "fixed_at 2024-01-01 12:00:00+00:00" in str(told[0])
