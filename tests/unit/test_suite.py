"""Suites: what each must say, what the gate refuses to take from one, and that every suite keeps
the house rules.
"""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any

import pytest
from strata.declare import feed as feeds
from strata.declare.contract import Contract, Field, load_contract
from strata.declare.suite import (
    NOT_NULL,
    Expectation,
    Suite,
    check_against_contract,
    load_suite,
    parse_suite,
)
from strata.errors import DeclarationError
from strata.gate import gate

TABLES = tuple(name for feed in feeds.all_feeds() for name in feed.table_names)

# --- every suite that there is -------------------------------------------------------------------


@pytest.mark.parametrize("table", TABLES)
def test_suite_agrees_with_its_contract_and_with_great_expectations(table: str) -> None:
    suite = load_suite(table)
    assert check_against_contract(suite, load_contract(table)) + gate.check_types(suite) == []


@pytest.mark.parametrize("table", [name for name in TABLES if ".toy_" not in name])
def test_no_suite_needs_great_expectations_whose_import_takes_seconds(table: str) -> None:
    assert not gate.needs_library(load_suite(table))


@pytest.mark.parametrize("table", TABLES)
def test_no_two_rules_share_a_description(table: str) -> None:
    """The description is all that stands with a rejected row."""
    told = [rule.description for rule in load_suite(table).expectations]
    assert len(set(told)) == len(told)


@pytest.mark.parametrize("table", TABLES)
def test_every_floating_point_column_is_bounded_on_both_sides(table: str) -> None:
    """NaN passes not-null, and infinity passes a bound on one side."""
    between = [
        e.kwargs
        for e in load_suite(table).expectations
        if e.type.endswith("values_to_be_between") and e.severity == "critical"
    ]
    bounded = {
        kwargs["column"] for kwargs in between if {"min_value", "max_value"} <= kwargs.keys()
    }
    assert [
        own.name
        for own in load_contract(table).fields
        if own.type in ("double", "float") and own.name not in bounded
    ] == []


# --- what a suite must not say -------------------------------------------------------------------

RULE = {
    "type": NOT_NULL,
    "kwargs": {"column": "pair_id"},
    "severity": "critical",
    "description": "a pair has an id",
}
DOCUMENT = {"table": "silver.toy_pairs", "max_rejected_share": 0.1, "expectations": [RULE]}


def with_rule(**changes: Any) -> dict[str, Any]:
    return {**DOCUMENT, "expectations": [{**RULE, **changes}]}


def with_kwargs(**more: Any) -> dict[str, Any]:
    return with_rule(kwargs={"column": "pair_id", **more})


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no expectations": (
        {**DOCUMENT, "expectations": []},
        "expectations must hold at least one; without any it would pass anything",
    ),
    "expectations left out": (
        {"table": "silver.toy_pairs", "max_rejected_share": 0},
        "expectations is missing",
    ),
    "another table": (
        {**DOCUMENT, "table": "silver.toy_other"},
        "table must be silver.toy_pairs; found 'silver.toy_other'",
    ),
    "unknown key": ({**DOCUMENT, "max_rejected": 1}, "unknown key max_rejected"),
    "no share": (
        {"table": "silver.toy_pairs", "expectations": [RULE]},
        "max_rejected_share is missing",
    ),
    "share above 1": (
        {**DOCUMENT, "max_rejected_share": 20},
        "max_rejected_share must be a number in [0, 1]; found 20",
    ),
    "share is true": (
        {**DOCUMENT, "max_rejected_share": True},
        "max_rejected_share must be a number in [0, 1]; found True",
    ),
    "share is not a number": (
        {**DOCUMENT, "max_rejected_share": float("nan")},
        "max_rejected_share must be a number in [0, 1]; found nan",
    ),
    "mostly": (with_kwargs(mostly=0.99), "expectation 1: mostly is not allowed in a gate"),
    "row_condition": (
        with_kwargs(row_condition="size > 1"),
        "expectation 1: row_condition is not allowed in a gate",
    ),
    "condition_parser": (
        with_kwargs(condition_parser="spark"),
        "expectation 1: condition_parser is not allowed in a gate",
    ),
    "catch_exceptions": (
        with_kwargs(catch_exceptions=True),
        "expectation 1: catch_exceptions is not allowed in a gate",
    ),
    "result_format": (
        with_kwargs(result_format="COMPLETE"),
        "expectation 1: result_format is not allowed in a gate",
    ),
    "severity in kwargs": (
        with_kwargs(severity="info"),
        "expectation 1: severity is not allowed in a gate",
    ),
    "unknown severity": (
        with_rule(severity="error"),
        "expectation 1: severity must be critical or warning; found 'error'",
    ),
    "no severity": (with_rule(severity=None), "expectation 1: severity is missing"),
    "no description": (with_rule(description=""), "expectation 1: description is missing"),
    "no type": (with_rule(type=None), "expectation 1: type is missing"),
    "mostly beside kwargs": (with_rule(mostly=0.9), "expectation 1: unknown key mostly"),
    "kwargs are a list": (
        with_rule(kwargs=["column"]),
        "expectation 1: kwargs must be a mapping; found list",
    ),
    "not a mapping": (
        {**DOCUMENT, "expectations": [RULE, NOT_NULL]},
        "expectation 2 must be a mapping; found str",
    ),
    "twice": ({**DOCUMENT, "expectations": [RULE, RULE]}, "expectation 2 repeats an earlier one"),
    "twice in other words": (
        {
            **DOCUMENT,
            "expectations": [
                RULE,
                {**RULE, "severity": "warning", "description": "an id is known"},
            ],
        },
        "expectation 2 repeats an earlier one",
    ),
}


def test_the_suite_from_which_the_refused_ones_are_made_holds() -> None:
    suite = parse_suite("silver.toy_pairs", DOCUMENT, Path("x.yaml"))
    assert gate.check_types(suite) == []
    assert suite.max_rejected_share == 0.1


@pytest.mark.parametrize("what", REFUSED)
def test_suite_is_refused(what: str) -> None:
    document, finding = REFUSED[what]
    with pytest.raises(DeclarationError) as raised:
        parse_suite("silver.toy_pairs", document, Path("expectations/silver/toy_pairs.yaml"))
    assert finding in raised.value.findings
    assert all(each.startswith(finding.split(":")[0]) for each in raised.value.findings), (
        "and nothing else"
    )
    assert "expectations/silver/toy_pairs.yaml" in str(raised.value)
    assert raised.value.exit_code == 2


def test_a_date_as_bound_is_told_in_a_fingerprint() -> None:
    rule = {
        **RULE,
        "type": "expect_column_values_to_be_between",
        "kwargs": {"column": "day", "min_value": dt.date(2024, 1, 1)},
    }
    suite = parse_suite("silver.toy_pairs", {**DOCUMENT, "expectations": [rule]}, Path("x.yaml"))
    assert "2024-01-01" in suite.text
    assert gate.check_types(suite) == []


# --- what Great Expectations would refuse, or ignore ---------------------------------------------


def rule(kind: str = NOT_NULL, severity: str = "critical", **kwargs: Any) -> Expectation:
    return Expectation(kind, kwargs, severity, "a rule")


Z_SCORES = rule(
    "expect_column_value_z_scores_to_be_less_than", column="a", threshold=3, double_sided=True
)


def suite_of(*rules: Expectation) -> Suite:
    return Suite("silver.toy_pairs", rules, 0.0)


@pytest.mark.parametrize(
    ("wrong", "finding"),
    [
        (
            rule("expect_column_values_to_be_nul", column="a"),
            "must be one of Great Expectations'; 'expect_column_values_to_be_nul' is not",
        ),
        (rule(colum="a"), "expect_column_values_to_not_be_null refuses its kwargs"),
        (
            rule("expect_column_values_to_be_between", column="a", min_valu=1, max_value=2),
            "refuses its kwargs",
        ),
        (rule("expect_column_values_to_be_between", column="a"), "refuses its kwargs"),
        (rule("expect_column_values_to_match_regex", colum="a", regex="x"), "refuses its kwargs"),
        (
            rule("expect_column_values_to_be_increasing", column="a"),
            "depends on which rows arrive together",
        ),
        (
            rule("expect_column_values_to_be_decreasing", column="a"),
            "depends on which rows arrive together",
        ),
        (
            rule("expect_column_values_to_not_be_outliers", column="a"),
            "depends on which rows arrive together",
        ),
        (Z_SCORES, "depends on which rows arrive together"),
        (
            rule("expect_column_values_to_match_json_schema", column="a", json_schema={}),
            "one bad row would stop the run",
        ),
        (
            rule("expect_column_values_to_be_of_type", column="a", type_="int"),
            "cannot be computed on Spark",
        ),
        (
            rule("expect_column_values_to_be_in_type_list", column="a", type_list=["int"]),
            "cannot be computed on Spark",
        ),
        (
            rule("expect_column_values_to_be_dateutil_parseable", column="a"),
            "cannot be computed on Spark",
        ),
        (
            rule("expect_column_values_to_match_like_pattern", column="a", like_pattern="x%"),
            "cannot be computed on Spark",
        ),
    ],
    ids=lambda value: value.type if isinstance(value, Expectation) else "",
)
def test_great_expectations_cannot_use_it(wrong: Expectation, finding: str) -> None:
    findings = gate.check_types(suite_of(rule(column="a"), wrong))
    assert len(findings) == 1
    assert findings[0].startswith("expectation 2: ")
    assert finding in findings[0]


# --- what the library would let pass -------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule_type", "kwargs", "finding"),
    [
        ("in_set", {"value_set": ["a", None]}, "a value_set with null lets every value pass"),
        ("match_regex", {"regex": "^[0-9]+$"}, "ends in $, which lets a last line break pass"),
        ("match_regex", {"regex": "^(a$|b)"}, "ends in $, which lets a last line break pass"),
        ("match_regex_list", {"regex_list": ["^a$"]}, "ends in $, which lets a last line break"),
        ("match_regex", {"regex": r"^[0-9]+\z"}, ""),
        ("match_regex", {"regex": r"^[0-9]+[$]"}, ""),
        ("match_regex", {"regex": r"^5\$"}, ""),
        ("in_set", {"value_set": ["a", ""]}, ""),
    ],
)
def test_arguments_that_let_pass_what_nobody_means_are_refused(
    rule_type: str, kwargs: dict[str, Any], finding: str
) -> None:
    name = {"in_set": "expect_column_values_to_be_in_set"}.get(
        rule_type, f"expect_column_values_to_{rule_type}"
    )
    document = {
        "table": "silver.toy_pairs",
        "max_rejected_share": 0,
        "expectations": [
            {
                "type": name,
                "kwargs": {"column": "a", **kwargs},
                "severity": "critical",
                "description": "a must be sound",
            }
        ],
    }
    if not finding:
        assert parse_suite("silver.toy_pairs", document, Path("x")).expectations
        return
    with pytest.raises(DeclarationError, match=re.escape(finding)):
        parse_suite("silver.toy_pairs", document, Path("x"))


# --- suite and contract --------------------------------------------------------------------------

CONTRACT = Contract(
    "silver.toy_pairs",
    "",
    "",
    (
        Field("a", "string", "", required=True, is_key=True),
        Field("b", "string", "", required=True, is_key=True),
        Field("size", "double", ""),
        Field("_file_sha256", "string", "", required=True, is_provenance=True),
    ),
)
UNIQUE = rule("expect_compound_columns_to_be_unique", column_list=["b", "a"])
NO_UNIQUE = "primary key (a, b) has no critical uniqueness expectation"
A, B = rule(column="a"), rule(column="b")
MOST = rule("expect_column_values_to_be_between", column="size", max_value=9)


@pytest.mark.parametrize(
    ("suite", "findings"),
    [
        (suite_of(A, B, UNIQUE), []),
        (suite_of(A, UNIQUE), [f"required column b has no critical {NOT_NULL}"]),
        (
            suite_of(A, rule(column="b", severity="warning"), UNIQUE),
            [f"required column b has no critical {NOT_NULL}"],
        ),
        (suite_of(A, B), [NO_UNIQUE]),
        (suite_of(A, B, rule("expect_column_values_to_be_unique", column="a")), [NO_UNIQUE]),
        (suite_of(A, B, Expectation(UNIQUE.type, UNIQUE.kwargs, "warning", "w")), [NO_UNIQUE]),
        (
            suite_of(A, B, UNIQUE, rule(column="sice")),
            [f"{NOT_NULL} names column sice, which the contract lacks"],
        ),
        (
            suite_of(
                A,
                B,
                UNIQUE,
                rule("expect_column_pair_values_to_be_equal", column_A="a", column_B="c"),
            ),
            ["expect_column_pair_values_to_be_equal names column c, which the contract lacks"],
        ),
        (
            suite_of(
                A,
                B,
                UNIQUE,
                rule(
                    "expect_column_pair_values_a_to_be_greater_than_b",
                    column_A="a",
                    column_B="size",
                ),
            ),
            [
                "expect_column_pair_values_a_to_be_greater_than_b compares columns that may be null "
                "(size): say ignore_row_if: either_value_is_missing, and give what must be told a "
                "rule of its own"
            ],
        ),
        (
            suite_of(
                A,
                B,
                UNIQUE,
                rule("expect_column_values_to_be_between", column="size", min_value=0),
            ),
            [
                "expect_column_values_to_be_between lets NaN pass in size, for NaN is greater than "
                "every number: give size a max_value"
            ],
        ),
        # A number below a bound is no NaN; nor is one that another rule bounds as strictly.
        (suite_of(A, B, UNIQUE, MOST), []),
        (
            suite_of(
                A,
                B,
                UNIQUE,
                MOST,
                rule(
                    "expect_column_pair_values_a_to_be_greater_than_b",
                    column_A="size",
                    column_B="a",
                    ignore_row_if="either_value_is_missing",
                ),
            ),
            [],
        ),
        (
            suite_of(
                A,
                B,
                UNIQUE,
                rule("expect_multicolumn_sum_to_equal", column_list=["size", "d"], sum_total=1),
            ),
            ["expect_multicolumn_sum_to_equal names column d, which the contract lacks"],
        ),
    ],
)
def test_suite_and_contract(suite: Suite, findings: list[str]) -> None:
    assert check_against_contract(suite, CONTRACT) == findings
