"""Row rules asked by Arrow and by Spark: the same answer of every row, over odd values by chance."""

from __future__ import annotations

import datetime as dt
import math
import random
import sys
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyspark.sql import SparkSession
from strata.declare.contract import Field, struct_type
from strata.declare.suite import Expectation, Suite
from strata.gate import arrow_rules, gate, patterns

from tests.frames import local_frame
from tests.unit.gate.test_patterns import ALIKE, DIFFERENT

FIELDS = tuple(Field(name, kind, "") for name, kind in (
    ("text", "string"), ("day", "date"), ("day_b", "date"), ("at", "timestamp"), ("at_b", "timestamp"),
    ("number", "double"), ("number_b", "double"), ("whole", "bigint"), ("whole_b", "bigint"),
    ("short", "decimal(12,4)"), ("long", "decimal(18,2)"),
))  # fmt: skip
ROWS = 1500
BOUNDS = (0.0, -0.0, 0.1, 0.3, -1.5, 1, 90, 2**53, -(2**53), 5e-324, 1e308, math.inf, -math.inf)
LETTERS = "ab-&^]1 _.,\n\r\t\x0b\x00\u0085\u2028äK\u212a😀"
TOKENS = (
    *("a", "b", "-", "1", "&", "&&", "[a-c]", "[^a]", "[^-b]", "[a&&b]", "[ab-]", "[\\d_]", "[.]"),
    *(
        "(",
        "(?:",
        ")",
        ")?",
        "|",
        "*",
        "+",
        "?",
        "{1,2}",
        "^",
        "$",
        "\\z",
        "\\.",
        "\\d",
        "\\w",
        ".",
    ),
    *(" ", "\\s", "\\]", "[^\\w]"),
)


def pick(chance: random.Random, *kinds: Sequence[Any]) -> Any:
    return chance.choice(chance.choice(kinds))


def some_row(chance: random.Random) -> list[Any]:
    near = [
        to for bound in BOUNDS if not math.isinf(bound)
        for to in (bound, math.nextafter(bound, math.inf), math.nextafter(bound, -math.inf))
    ]  # fmt: skip
    odd = [None, math.nan, math.inf, -math.inf, 0.0, -0.0, sys.float_info.min]
    wholes: list[list[Any]] = [
        [None, 0, 1, -1, 90, 91],
        [2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63)],
    ]
    digits = [None, 0, 1, -1, 3000, 900000, 899999, -15000, 10**12 - 1, 1 - 10**12]
    cents = [None, 0, 1, -1, 10, 30, 9000, 2**53, 2**53 + 1, 10**18 - 1, 1 - 10**18]
    days = [
        None,
        dt.date(1, 1, 1),
        dt.date(1969, 12, 31),
        dt.date(2026, 10, 1),
        dt.date(9999, 12, 31),
    ]
    times = [
        None,
        *(dt.datetime(y, 1, 1, 0, 0, 0, us) for y in (1600, 1970, 2026) for us in (0, 1)),
    ]
    exact = chance.choice(digits), chance.choice(cents)
    return [
        chance.choice([None, *["".join(chance.choices(LETTERS, k=chance.randrange(6)))] * 9]),
        *(chance.choice(days) for _ in "ab"),
        *(chance.choice(times) for _ in "ab"),
        *(pick(chance, odd, near, [chance.uniform(-2, 2)]) for _ in "ab"),
        *(pick(chance, *wholes) for _ in "ab"),
        *(None if n is None else Decimal(n).scaleb(-s) for n, s in zip(exact, (4, 2), strict=True)),
    ]


def some_rules(chance: random.Random) -> list[tuple[str, dict[str, Any]]]:
    rules: list[tuple[str, dict[str, Any]]] = [
        ("expect_column_values_to_not_be_null", {"column": "number"}),
        ("expect_column_values_to_be_null", {"column": "at"}),
        ("expect_column_values_to_be_in_set", {"column": "text", "value_set": ["a", "", "ä"]}),
        ("expect_column_values_to_not_be_in_set", {"column": "text", "value_set": ["b", "\n"]}),
    ]
    for _ in range(50):
        told: dict[str, Any] = {key: chance.choice(BOUNDS) for key in ("min_value", "max_value")}
        told |= {"strict_min": chance.random() < 0.5, "strict_max": chance.random() < 0.5}
        for name in chance.choice(
            [(), (), ("min_value", "strict_min"), ("max_value", "strict_max")]
        ):
            del told[name]
        column = chance.choice(("number", "number", "whole", "short", "long"))
        rules.append(("expect_column_values_to_be_between", {"column": column, **told}))
    for column in ("number", "whole", "day", "at"):
        for or_equal in (True, False):
            when = chance.choice(["both_values_are_missing", "either_value_is_missing", "neither"])
            pair = {"column_A": column, "column_B": f"{column}_b", "or_equal": or_equal}
            rules.append(("expect_column_pair_values_a_to_be_greater_than_b",
                          {**pair, "ignore_row_if": when}))  # fmt: skip
    for pattern in (*ALIKE, *some_patterns(chance)):
        kind = chance.choice(["match", "not_match"])
        rules.append(
            (f"expect_column_values_to_{kind}_regex", {"column": "text", "regex": pattern})
        )
    return rules


def some_patterns(chance: random.Random) -> list[str]:
    """Tokens by chance, of which some are never let in."""
    told = ("".join(chance.choices(TOKENS, k=chance.randrange(1, 7))) for _ in range(2500))
    return sorted({pattern for pattern in told if patterns.is_alike(pattern)})[:70]


@pytest.mark.spark
def test_arrow_judges_every_row_as_spark_does(spark: SparkSession) -> None:
    chance = random.Random(28)
    schema = struct_type(FIELDS, enforce_required=False)
    frame = local_frame(spark, [some_row(chance) for _ in range(ROWS)], schema).coalesce(1)
    rows = frame.toArrow()
    told = [Expectation(kind, own, "critical", "") for kind, own in some_rules(chance)]
    rules = [rule for rule in told if arrow_rules.can_ask([rule], rows.schema)]
    assert len(rules) > 110

    asked = gate.row_rules(frame, Suite("silver.odd_values", tuple(rules), 1.0))
    by_spark = frame.select(*[rule.breaks.alias(f"r{n}") for n, rule in enumerate(asked)]).toArrow()

    wrong = []
    for column, rule in zip(by_spark.columns, rules, strict=True):
        ours = pc.fill_null(arrow_rules.breaks(rows, rule), False)
        differs = pc.xor(ours, column)
        if pc.any(differs).as_py():
            row = rows.filter(differs).slice(0, 1).to_pylist()[0]
            wrong.append((rule.type, rule.kwargs, {name: row[name] for name in rule.columns}))
    assert wrong == []
    broken = [pc.sum(column).as_py() for column in by_spark.columns]
    assert sum(0 < n < ROWS for n in broken) > 0.7 * len(rules), "rules must be kept and broken"


@pytest.mark.parametrize(
    ("kind", "bounds", "is_asked"),
    [
        (pa.decimal128(12, 4), {"min_value": 0, "max_value": 180}, True),
        # As Arrow has it, 0.7000 is 0.7000000000000001.
        (pa.decimal128(12, 4), {"max_value": 0.7}, False),
        (pa.decimal128(12, 4), {"min_value": 0.7, "max_value": 1}, False),
        # And 3.00000 is 3.0000000000000004.
        (pa.decimal128(12, 5), {"max_value": 3}, False),
        (pa.decimal128(18, 2), {"max_value": 2**53}, False),
        (pa.float64(), {"max_value": 0.7}, True),
    ],
)
def test_of_decimals_arrow_is_asked_only_for_bounds_that_it_tells_exactly(
    kind: pa.DataType, bounds: dict[str, float], is_asked: bool
) -> None:
    kwargs = {"column": "a", **bounds}
    rule = Expectation("expect_column_values_to_be_between", kwargs, "critical", "")
    assert arrow_rules.can_ask([rule], pa.schema([("a", kind)])) == is_asked
    if pa.types.is_decimal(kind) and is_asked:
        rows = pa.table({"a": pa.array([*map(Decimal, bounds.values())], kind)})
        assert not any(arrow_rules.breaks(rows, rule).to_pylist())


@pytest.mark.spark
def test_patterns_are_left_to_spark_for_they_would_mean_something_else(spark: SparkSession) -> None:
    texts = pa.array([text for _, text in DIFFERENT])
    frame = local_frame(spark, [texts.to_pylist()], struct_type(
        tuple(Field(f"t{n}", "string", "") for n in range(len(DIFFERENT))), enforce_required=False
    ))  # fmt: skip
    [java] = frame.select(
        *[frame[f"t{n}"].rlike(pattern) for n, (pattern, _) in enumerate(DIFFERENT)]
    ).collect()
    re2 = [
        pc.match_substring_regex(pa.scalar(text), pattern).as_py() for pattern, text in DIFFERENT
    ]
    assert [one != other for one, other in zip(java, re2, strict=True)] == [True] * len(DIFFERENT)
