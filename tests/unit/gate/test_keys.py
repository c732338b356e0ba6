"""Keys told apart by their hashes, as the tasks do that write a table."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa
import pytest
from strata.declare.suite import Expectation
from strata.gate import small

KEY = Expectation(
    "expect_compound_columns_to_be_unique", {"column_list": ["vehicle", "at"]}, "critical", "one"
)
NOON, EVENING = dt.datetime(2026, 10, 1, 12), dt.datetime(2026, 10, 1, 18)
FIRST = [("a", NOON), ("a", EVENING), ("b", NOON), (None, NOON), ("a", None)]


def part(rows: list[tuple[Any, Any]]) -> pa.Table:
    vehicles, times = zip(*rows, strict=True)
    return pa.table({
        "other": pa.array([1] * len(rows)),
        "at": pa.array(times, pa.timestamp("us", tz="UTC")),
        "vehicle": pa.array(vehicles, pa.string()),
    })  # fmt: skip


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ([("b", EVENING), ("c", NOON), (None, EVENING)], True),
        ([("b", EVENING), ("b", NOON)], False),  # as in the first file
        ([("c", NOON), ("c", NOON)], False),
        ([(None, NOON)], False),  # Spark decides what a missing part of a key means
    ],
)
def test_a_key_that_two_rows_have_is_found_across_files(
    second: list[tuple[Any, Any]], expected: bool
) -> None:
    hashes = [small.hash_keys(part(rows), KEY) for rows in (FIRST, second)]
    assert small.are_single(hashes) is expected


def test_nothing_has_single_keys() -> None:
    assert small.are_single([])
