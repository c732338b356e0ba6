"""Rows that a query rejects, judged by Arrow: what the gate adds to the query's own reasons."""

from __future__ import annotations

import pyarrow as pa
from strata.declare.suite import Expectation
from strata.gate import arrow_judging
from strata.gate.judging import FOLDED, REJECTED, Rule

DAY_TOLD = "expect_column_values_to_not_be_null"
SUITE = [
    Expectation(DAY_TOLD, {"column": "day"}, "critical", "a day must be told"),
    Expectation(
        "expect_column_values_to_be_between",
        {"column": "units", "min_value": 1},
        "critical",
        "units must be at least 1",
    ),
    Expectation(
        "expect_column_values_to_be_between",
        {"column": "units", "min_value": -5},
        "warning",
        "units are many",
    ),
]
ROWS = [
    {"day": None, "units": 3, "_reasons": ["day must be a date"]},
    {"day": "d", "units": -9, "_reasons": ["its order is unknown"]},
    {"day": "d", "units": 0, "_reasons": ["units must be at least 1"]},
    {"day": "d", "units": None, "_reasons": ["units must be a number"]},
]


def test_broken_rules_stand_behind_the_querys_reasons_each_once() -> None:
    columns = {"day": pa.string(), "units": pa.int64(), "_reasons": pa.list_(pa.string())}
    rows = pa.Table.from_pylist(ROWS, pa.schema(columns))
    judged = arrow_judging.judge(rows, [Rule(rule, None) for rule in SUITE])
    assert judged["_reasons"].to_pylist() == [
        ["day must be a date"],  # that no day is told follows from it
        ["its order is unknown", "units must be at least 1"],
        ["units must be at least 1"],
        ["units must be a number"],
    ]
    assert judged["_verdict"].to_pylist() == [REJECTED] * 4
    assert judged.select(["day", "units"]) == rows.drop_columns("_reasons")


def test_a_row_without_reasons_has_those_of_the_rules_and_a_folded_one_is_not_asked() -> None:
    columns = {"day": pa.string(), "units": pa.int64(), "_reasons": pa.list_(pa.string())}
    rows = pa.Table.from_pylist(
        [{"day": None, "units": 0, "_reasons": []}] * 2, pa.schema(columns)
    ).append_column("_fold", pa.array([None, "superseded"], pa.string()))
    judged = arrow_judging.judge(rows, [Rule(rule, None) for rule in SUITE])
    assert judged["_verdict"].to_pylist() == [REJECTED, FOLDED]
    assert judged["_reasons"].to_pylist() == [
        ["a day must be told", "units must be at least 1"],
        [],
    ]


def test_no_rows_are_judged_as_none() -> None:
    columns = {"day": pa.string(), "units": pa.int64(), "_reasons": pa.list_(pa.string())}
    for given in (columns, {"day": pa.string(), "units": pa.int64()}):
        rows = pa.schema(given).empty_table()
        judged = arrow_judging.judge(rows, [Rule(rule, None) for rule in SUITE])
        assert judged.num_rows == 0
        assert judged.schema.field("_reasons").type == pa.list_(pa.string())
