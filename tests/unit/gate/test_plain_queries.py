"""Queries of a gate that DuckDB answers: each says no to a table that breaks its rule alone."""

from __future__ import annotations

import pyarrow as pa
import pytest
from strata.declare.suite import Expectation, load_suite
from strata.gate import plain_queries, queries

from tests import mutants
from tests.plain import answers_of, tables_of


@pytest.mark.parametrize("feed", ["commerce", "fleet", "launches", "residents", "soil"])
def test_duckdb_tells_a_table_that_breaks_a_rule_from_one_that_keeps_it(feed: str) -> None:
    asked = {
        name: rules
        for name in mutants.table_names()
        if name.partition(".")[2].startswith(f"{feed}_")
        and (rules := plain_queries.of_suite(load_suite(name)))
    }
    assert asked
    for name, rules in asked.items():
        valid = answers_of(rules, tables_of(name, mutants.valid_table(name)))
        assert [a.outcome.success for a in valid] == [True] * len(rules), name
        for rule in rules:
            broken = answers_of(rules, tables_of(name, mutants.broken_table(name, rule)))
            fails = [a.outcome.expectation for a in broken if not a.outcome.success]
            assert fails == [rule], (name, rule.description)


def test_a_table_is_offered_with_its_columns_in_their_order() -> None:
    held = pa.table({"text": ["b", "a"], "number": [1, 2], "flag": [True, None]})
    for query, found in (
        ("SELECT * FROM {batch}", {"text": "a", "number": 2, "flag": None}),
        ("SELECT count(*) AS n FROM {batch}", {"n": 2}),
    ):
        rule = Expectation(
            "unexpected_rows_expectation", {"unexpected_rows_query": query}, "warning", "none"
        )
        [answer] = answers_of([rule], {"batch": held})
        assert answer.least == found
        assert list(answer.least) == list(found)


def test_no_query_is_left_to_spark() -> None:
    left = [
        (name, rule.description)
        for name in mutants.table_names()
        for rule in load_suite(name).expectations
        if queries.is_query(rule) and not rule.is_plain and "toy" not in name
    ]
    assert left == []


@pytest.mark.parametrize(
    ("tokens", "is_one_key"),
    [
        ([], True),
        ([None], True),
        (["k1.aa:1", None, "k1.aa:2"], True),
        (["k1.aa:2", "k1.ab:1"], False),
        (["k1.aa:2", "k1.aa:1", "k1.a:3"], False),
        (["k1.aa:2", "k1.aa0:1"], False),
        (["k1.aa:2", "k1.aa"], False),
        (["k1.aa"], False),
    ],
)
@pytest.mark.parametrize("name", ["users", "postcodes"])
def test_the_least_and_the_greatest_pseudonym_tell_of_another_key(
    name: str, tokens: list[str | None], is_one_key: bool
) -> None:
    column = {"users": "person_token", "postcodes": "postcode_token"}[name]
    [rule] = plain_queries.of_suite(load_suite(f"bronze.residents_{name}"))
    for order in (tokens, tokens[::-1]):
        held = pa.table({column: pa.array(order, pa.string())})
        [answer] = answers_of([rule], {"batch": held})
        assert answer.outcome.success is is_one_key
