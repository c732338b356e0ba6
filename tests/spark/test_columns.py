"""Strict parsing: what is taken as a number, and what is not."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as F
from strata.kit import columns, values

pytestmark = pytest.mark.spark

# Text -> the double it is; None where it is refused.
NUMBERS: dict[str, float | None] = {
    "0": 0.0,
    "1": 1.0,
    "-1.5": -1.5,
    "+.5": 0.5,
    "3.": 3.0,
    "007": 7.0,
    "0.1": 0.1,
    "50.6166666666667": 50.6166666666667,
    "2.8000000000000003": 2.8000000000000003,
    "9" * 100: 1e100,
    "NaN": None,
    "nan": None,
    "Infinity": None,
    "-inf": None,
    "1d": None,
    "1f": None,
    "1L": None,
    "0x10": None,
    "1_000": None,
    "1,5": None,
    "1 000": None,
    " 1": None,
    "1\n": None,
    "\u0663": None,
    "\uff11": None,
    "": None,
    "-": None,
    ".": None,
    "--1": None,
    "1.2.3": None,
    "1e400": None,
    "9" * 400: None,
    "null": None,
}


def apply(spark: SparkSession, parse: Any, texts: list[str | None]) -> list[Any]:
    """Each text parsed, in order, in one Spark job."""
    rows = (
        spark.createDataFrame(list(enumerate(texts)), "n int, text string")
        .select("n", parse(F.col("text")).alias("value"))
        .collect()
    )
    return [row["value"] for row in sorted(rows)]


def test_doubles(spark: SparkSession) -> None:
    found = apply(spark, columns.parse_double, [*NUMBERS, None])
    assert dict(zip(NUMBERS, found, strict=False)) == NUMBERS
    assert found[-1] is None


def test_an_exponent_is_taken_where_asked_for_only(spark: SparkSession) -> None:
    texts = ["5e+05", "1E-3", "1e5", "1e400", "1e-400", "e5", "1e", "1e5.0"]
    assert apply(spark, columns.parse_double, texts) == [None] * 8
    with_exponent = apply(spark, lambda text: columns.parse_double(text, exponent=True), texts)
    assert with_exponent == [500000.0, 0.001, 100000.0, None, None, None, None, None]


def test_negative_zero_is_zero(spark: SparkSession) -> None:
    [zero] = apply(spark, columns.parse_double, ["-0.0"])
    assert math.copysign(1, zero) == 1


SCRAPS = st.text(alphabet="0123456789+-.eEdxN_, \u0663", max_size=8)
PLAIN = re.compile(r"[+-]?([0-9]{1,100}(\.[0-9]*)?|\.[0-9]+)")


@settings(max_examples=5, deadline=None)
@given(st.lists(st.one_of(SCRAPS, st.floats().map(repr), st.integers().map(str)), min_size=200))
def test_a_number_is_taken_exactly_when_it_is_plain(spark: SparkSession, texts: list[str]) -> None:
    expected = [float(text) if PLAIN.fullmatch(text) else None for text in texts]
    assert apply(spark, columns.parse_double, texts) == expected


def test_money_is_never_rounded(spark: SparkSession) -> None:
    told = {
        "1": "1.0000", "1.25": "1.2500", "1.2500": "1.2500", "1.25005": None, "1.250000": "1.2500",
        "-0.10": "-0.1000", ".5": None, "12345678.00": "12345678.0000", "123456789": None,
        "1e2": None, "NaN": None, "1.": None, "1.5 ": None, "1.5\n": None, "0.000": "0.0000",
    }  # fmt: skip
    found = apply(spark, lambda _: values.parse_money("text"), list(told))
    assert found == [None if text is None else Decimal(text) for text in told.values()]


def test_bigints(spark: SparkSession) -> None:
    texts = [
        "0",
        "-7",
        "+7",
        "9223372036854775807",
        "9223372036854775808",
        "1.0",
        "1_0",
        "\u0663",
        "",
        " 1",
        None,
    ]
    assert apply(spark, columns.parse_bigint, texts) == [
        0,
        -7,
        7,
        2**63 - 1,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
    ]


def test_blanks(spark: SparkSession) -> None:
    assert apply(spark, columns.blank_to_null, [" a b\t", "\u00a0", "", None, "\r\nx"]) == [
        "a b",
        None,
        None,
        None,
        "x",
    ]


def test_markers(spark: SparkSession) -> None:
    assert apply(
        spark, lambda text: columns.marker_to_null(text, "NA"), ["NA", "na", "1", None]
    ) == [None, "na", "1", None]


def test_reasons_are_those_that_stand(spark: SparkSession) -> None:
    def reasons(text: Column) -> Column:
        flags = [
            columns.flag(text == "a", "is a"),
            columns.flag(text.isNull(), "is missing"),
            columns.flag(text != "b", "no b"),
        ]
        return columns.reasons(*flags)

    assert apply(spark, reasons, ["a", "b", None]) == [["is a", "no b"], [], ["is missing"]]


def test_no_flags_are_no_reasons(spark: SparkSession) -> None:
    assert apply(spark, lambda text: columns.reasons(), ["a"]) == [[]]


def test_reasons_are_added_once(spark: SparkSession) -> None:
    frame = spark.createDataFrame([(["x"],)], "_reasons array<string>")
    added = frame.select(
        columns.add_reasons(columns.flag(F.lit(True), "x"), columns.flag(F.lit(True), "y")).alias(
            "r"
        )
    )
    assert added.first()["r"] == ["x", "y"]  # type: ignore[index]


def test_a_content_hash_tells_where_values_end(spark: SparkSession) -> None:
    pairs = [
        ("a", "b"),
        ("ab", ""),
        ("", "ab"),
        (None, "ab"),
        ("ab", None),
        (None, None),
        ("", ""),
        ("1:a", None),
        ("a", "1:b"),
    ]
    frame = spark.createDataFrame(pairs, "x string, y string").select(
        columns.content_hash(F.col("x"), F.col("y")).alias("h")
    )
    assert len({row["h"] for row in frame.collect()}) == len(pairs)
