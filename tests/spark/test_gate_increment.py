"""Uniqueness after an increment: the keys of written rows alone are asked, and the answer is that
of the whole table.
"""

from __future__ import annotations

import random
from collections import Counter

import pytest
from pyspark.sql import SparkSession
from strata.declare.contract import Contract, Field
from strata.declare.suite import Expectation
from strata.gate import gate, uniqueness
from strata.kit.groups import Groups

from tests.spark.test_gate import frame_of

HOW = ("", "any_value_is_missing", "never")
KEYED = Contract(
    "silver.keyed_things",
    "",
    "",
    tuple(
        Field(name, kind, "")
        for name, kind in (("part", "string"), ("key", "string"), ("number", "bigint"))
    ),
)


@pytest.mark.spark
@pytest.mark.parametrize(
    ("columns", "ignored"),
    [
        (("key",), {}),
        # A rule of one column ignores what is missing, whatever it is told.
        *[
            ((one, two), {"ignore_row_if": how} if how else {})
            for one, two in (("key", "number"), ("part", "key"))
            for how in HOW
        ],
    ],
)
def test_an_increment_is_asked_for_the_keys_that_it_writes_and_misses_none(
    spark: SparkSession, columns: tuple[str, ...], ignored: dict[str, str]
) -> None:
    """Rows of a table whose keys are single, and some groups exchanged: the answer is that of the
    whole table.
    """
    name, wanted = (
        ("key", {"column": "key"})
        if len(columns) == 1
        else ("keys", {"column_list": list(columns)})
    )
    types = {
        "key": "expect_column_values_to_be_unique",
        "keys": "expect_compound_columns_to_be_unique",
    }
    rule = Expectation(types[name], {**wanted, **ignored}, "critical", "single keys")
    chance = random.Random(f"{columns} {ignored}")
    outcomes = Counter[str]()
    for _ in range(12):
        kept = [{"part": chance.choice("abcd"), "key": f"k{n}", "number": n} for n in range(40)]
        kept += [
            {"part": None, "key": "k of none", "number": None},
            {"part": "a", "key": None, "number": 99},
        ]
        # A group of its own, which reuses keys of other groups now and then; of one that is NULL
        # too.
        some = [
            chance.choice([f"new{n}", f"new{n}", f"new{n}", "k3", "k of none", None])
            for n in range(chance.choice([2, 5]))
        ]
        written = [
            {
                "part": chance.choice(["new", "other", None]),
                "key": key,
                "number": chance.choice([3, None, n]),
            }
            for n, key in enumerate(some)
        ]
        parts = {row["part"] for row in written}
        whole = [row for row in kept if row["part"] not in parts] + written
        frame, exchanged = frame_of(spark, KEYED, whole), frame_of(spark, KEYED, written)
        touched = Groups(exchanged.select("part").distinct, ("part",))
        asked = uniqueness.unique(
            frame, len(whole), rule, gate.Exchanged(exchanged, len(written), touched)
        )
        assert asked == uniqueness.unique(frame, len(whole), rule), written
        outcomes["single" if asked.success else "shared"] += 1
    assert min(outcomes["single"], outcomes["shared"]) > 0, outcomes
