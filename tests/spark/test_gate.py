"""The gate's proofs: it counts what Great Expectations counts, kills every mutant, and lets no row
vanish.
"""

from __future__ import annotations

import datetime as dt
import math
from contextlib import ExitStack
from decimal import Decimal
from typing import Any
from unittest import mock

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql import functions as F
from strata.declare.contract import Contract, Field, load_contract, split_name, struct_type
from strata.declare.suite import Expectation, Suite, load_suite
from strata.errors import ConservationError, GateFailed
from strata.gate import (
    arrow_judging,
    arrow_rules,
    conditions,
    counting,
    gate,
    judging,
    library_rules,
    small,
    uniqueness,
)
from strata.kit.table import Rows

from tests import mutants
from tests.frames import local_frame
from tests.mutants import Row

TABLES = mutants.table_names()


def _covering() -> set[str]:
    """A few tables whose suites hold every type of expectation that any suite holds, at either
    severity; the toy's first.
    """
    kinds = {
        table: {(e.type, e.severity) for e in load_suite(table).expectations} for table in TABLES
    }
    left = set().union(*kinds.values())
    chosen: set[str] = set()
    while left:
        best = max(
            sorted(TABLES), key=lambda table: (len(kinds[table] & left), "toy" in table, table)
        )
        chosen.add(best)
        left -= kinds[best]
    return chosen


# The types are the engine's, and shown in every run; that each suite of each feed holds is shown
# every night.
OF_EVERY_TYPE = _covering()
EACH_TABLE = [
    pytest.param(table, marks=[] if table in OF_EVERY_TYPE else [pytest.mark.nightly])
    for table in TABLES
]


def frame_of(spark: SparkSession, contract: Contract, rows: list[Row]) -> DataFrame:
    """The rows with the contract's types; NULL is let in everywhere, as it is before the gate."""
    return local_frame(
        spark,
        mutants.complete(contract, rows),
        struct_type(contract.fields, enforce_required=False),
    ).coalesce(1)


def count_by_gate(frame: DataFrame, suite: Suite) -> dict[str, int]:
    """How many rows break each row rule, as the pass that writes the table counts them."""
    rules = gate.row_rules(frame, suite)
    tally = tally_of(frame, frame.count(), suite)
    return {rule.expectation.text: count for rule, count in zip(rules, tally.broken, strict=True)}


def count_by_arrow(frame: DataFrame, suite: Suite) -> dict[str, int]:
    """The same of the rules that the driver can answer of rows it has fetched."""
    rows = frame.toArrow()
    rules = [e for e in suite.expectations if gate.is_row_expectation(e)]
    asked = [e for e in rules if arrow_rules.can_ask([e], rows.schema)]
    return dict(zip([e.text for e in asked], arrow_rules.count_broken(rows, asked), strict=True))


def count_by_library(frame: DataFrame, expectations: list[Expectation]) -> list[int]:
    """The count of unexpected rows in a real validation by Great Expectations, in the order
    asked."""
    gx = gate.library()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_spark("parity", persist=False).add_dataframe_asset("parity")
    batch = asset.add_batch_definition_whole_dataframe("parity").get_batch({"dataframe": frame})
    asked = [
        library_rules.implementation(e)(**e.kwargs, meta={"place": place})
        for place, e in enumerate(expectations)
    ]
    counts: dict[int, int] = {}
    with ExitStack() as stack:
        for kind in {type(one) for one in asked}:
            stack.enter_context(
                mock.patch.object(kind, "_validate", _telling(kind._validate, counts))
            )
        batch.validate(
            gx.ExpectationSuite("parity", expectations=asked), result_format="BOOLEAN_ONLY"
        )
    return [counts[place] for place in range(len(expectations))]


def _telling(validate: Any, counts: dict[int, int]) -> Any:
    """The library's own judgement, which also tells the count that it judges by: only slow formats
    return it.
    """

    def judge(self: Any, metrics: dict[str, Any], *more: Any, **named: Any) -> Any:
        told = {name: n for name, n in metrics.items() if name.endswith(".unexpected_count")}
        # Beside the count of most rules, for the sake of a share.
        nulls = "column_values.nonnull.unexpected_count"
        counts[self.configuration.meta["place"]] = next(
            (n for name, n in told.items() if name != nulls), told.get(nulls, -1)
        )
        return validate(self, metrics, *more, **named)

    return judge


# --- parity --------------------------------------------------------------------------------------


@pytest.mark.spark
@pytest.mark.parametrize("table", EACH_TABLE)
def test_counts_equal_those_of_great_expectations(spark: SparkSession, table: str) -> None:
    contract, suite = load_contract(table), load_suite(table)
    rows = mutants.edge_rows(table)
    frame = frame_of(spark, contract, rows)
    rules = [e for e in suite.expectations if e.is_uniqueness or gate.is_row_expectation(e)]

    ours = count_by_gate(frame, suite) | {
        e.text: uniqueness.unique(frame, len(rows), e).unexpected for e in rules if e.is_uniqueness
    }
    theirs = count_by_library(frame, rules)

    assert count_by_arrow(frame, suite).items() <= ours.items()
    assert {e.description: ours[e.text] for e in rules} == {
        e.description: n for e, n in zip(rules, theirs, strict=True)
    }
    idle = [e.description for e, n in zip(rules, theirs, strict=True) if not 0 < n < len(rows)]
    assert idle == [], "each rule must meet rows that keep it and rows that break it"


MIXED = Contract(
    "silver.mixed_kinds",
    "",
    "",
    tuple(Field(name, kind, "") for name, kind in (
        ("text", "string"), ("other_text", "string"), ("json", "string"), ("day", "date"), ("at", "timestamp"),
        ("number", "double"), ("other_number", "double"), ("whole", "bigint"), ("exact", "decimal(9,2)"),
    )),
)  # fmt: skip
_NUMBERS = (None, math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, 1.5)
_TEXTS = (None, "", "a", "A", "a\n", "2024-01-31", "2024-02-31", "ab", "Ä")
MIXED_ROWS: list[Row] = [
    {
        "text": _TEXTS[n % 9], "other_text": _TEXTS[n // 9 % 9], "number": _NUMBERS[n % 8], "other_number": _NUMBERS[n // 8 % 8],
        "json": (None, "{}", '{"a": 1}', "{", "1", '{"a": "x"}')[n % 6],
        "day": (None, dt.date(1, 1, 1), dt.date(2024, 1, 31), dt.date(2024, 2, 1), dt.date(9999, 12, 31))[n % 5],
        "at": (None, dt.datetime(2024, 1, 30), dt.datetime(2024, 2, 1))[n % 3],
        "whole": (None, -(2**63), 2**63 - 1, 2**53, 2**53 + 1, 0, 1)[n % 7],
        "exact": (None, Decimal("0.00"), Decimal("-0.01"), Decimal("9999999.99"), Decimal("1.00"))[n % 5],
    }
    for n in range(90)
]  # fmt: skip
_NUMBER_PAIR, _NUMBER_LIST = (
    {"column_A": "number", "column_B": "other_number"},
    {"column_list": ["number", "other_number"]},
)
_TEXT_LIST = {"column_list": ["text", "other_text"]}
# Each type of row expectation that the gate takes, with arguments of every kind.
EVERY_TYPE: tuple[tuple[str, dict[str, Any]], ...] = (
    ("expect_column_values_to_be_null", {"column": "number"}),
    ("expect_column_values_to_not_be_null", {"column": "number"}),
    ("expect_column_values_to_be_between", {"column": "number", "min_value": 0}),
    (
        "expect_column_values_to_be_between",
        {"column": "number", "max_value": 1, "strict_max": True},
    ),
    (
        "expect_column_values_to_be_between",
        {"column": "whole", "min_value": 0, "max_value": 2**53, "strict_min": True},
    ),
    ("expect_column_values_to_be_between", {"column": "exact", "min_value": 0, "max_value": 1.5}),
    # Of decimals the driver's Arrow is asked whole bounds alone.
    ("expect_column_values_to_be_between", {"column": "exact", "min_value": 0, "max_value": 1}),
    (
        "expect_column_values_to_be_between",
        {"column": "day", "min_value": "2024-01-31", "max_value": "2024-12-31"},
    ),
    ("expect_column_values_to_be_between", {"column": "at", "max_value": "2024-01-31"}),
    ("expect_column_values_to_be_in_set", {"column": "text", "value_set": ["a", "ab"]}),
    ("expect_column_values_to_be_in_set", {"column": "whole", "value_set": [0, 1]}),
    ("expect_column_values_to_not_be_in_set", {"column": "text", "value_set": ["a", ""]}),
    (
        "expect_column_value_lengths_to_be_between",
        {"column": "text", "min_value": 1, "max_value": 2},
    ),
    ("expect_column_value_lengths_to_equal", {"column": "text", "value": 1}),
    ("expect_column_values_to_match_regex", {"column": "text", "regex": "^[a-z]$"}),
    ("expect_column_values_to_not_match_regex", {"column": "text", "regex": "^a"}),
    (
        "expect_column_values_to_match_regex_list",
        {"column": "text", "regex_list": ["^a", "b$"], "match_on": "all"},
    ),
    ("expect_column_values_to_match_regex_list", {"column": "text", "regex_list": ["^a", "b$"]}),
    (
        "expect_column_values_to_not_match_regex_list",
        {"column": "text", "regex_list": ["^a", "b$"]},
    ),
    (
        "expect_column_values_to_match_strftime_format",
        {"column": "text", "strftime_format": "%Y-%m-%d"},
    ),
    ("expect_column_values_to_be_json_parseable", {"column": "json"}),
    ("expect_column_pair_values_a_to_be_greater_than_b", _NUMBER_PAIR),
    (
        "expect_column_pair_values_a_to_be_greater_than_b",
        {**_NUMBER_PAIR, "or_equal": True, "ignore_row_if": "either_value_is_missing"},
    ),
    (
        "expect_column_pair_values_a_to_be_greater_than_b",
        {**_NUMBER_PAIR, "or_equal": True, "ignore_row_if": "neither"},
    ),
    ("expect_column_pair_values_to_be_equal", {"column_A": "text", "column_B": "other_text"}),
    (
        "expect_column_pair_values_to_be_equal",
        {**_NUMBER_PAIR, "ignore_row_if": "either_value_is_missing"},
    ),
    (
        "expect_column_pair_values_to_be_in_set",
        {"column_A": "text", "column_B": "other_text", "value_pairs_set": [["a", "A"], ["", "a"]]},
    ),
    ("expect_multicolumn_sum_to_equal", {**_NUMBER_LIST, "sum_total": 1}),
    ("expect_multicolumn_values_to_be_equal", _NUMBER_LIST),
    (
        "expect_multicolumn_values_to_be_equal",
        {**_NUMBER_LIST, "ignore_row_if": "any_value_is_missing"},
    ),
    (
        "expect_select_column_values_to_be_unique_within_record",
        {**_TEXT_LIST, "ignore_row_if": "never"},
    ),
    (
        "expect_select_column_values_to_be_unique_within_record",
        {**_TEXT_LIST, "ignore_row_if": "any_value_is_missing"},
    ),
    ("expect_column_values_to_be_unique", {"column": "text"}),
    ("expect_compound_columns_to_be_unique", {"column_list": ["text", "number"]}),
    (
        "expect_compound_columns_to_be_unique",
        {"column_list": ["text", "number"], "ignore_row_if": "any_value_is_missing"},
    ),
    (
        "expect_compound_columns_to_be_unique",
        {"column_list": ["text", "number"], "ignore_row_if": "never"},
    ),
)


def suite_of(*rules: tuple[str, dict[str, Any]], severity: str = "critical") -> Suite:
    made = tuple(
        Expectation(kind, kwargs, severity, f"rule {n}") for n, (kind, kwargs) in enumerate(rules)
    )
    return Suite("silver.mixed_kinds", made, 1.0)


@pytest.mark.spark
def test_every_type_of_row_expectation_counts_as_great_expectations_does(
    spark: SparkSession,
) -> None:
    suite = suite_of(*EVERY_TYPE)
    frame = frame_of(spark, MIXED, MIXED_ROWS)

    unique = [e for e in suite.expectations if e.is_uniqueness]
    ours = count_by_gate(frame, suite) | {
        e.text: uniqueness.unique(frame, len(MIXED_ROWS), e).unexpected for e in unique
    }
    # The driver counts keys that Arrow compares as Spark does; of floating-point numbers it does
    # not, for NaN and -0.0 are keys of their own there.
    fetched = frame.toArrow()
    in_driver = {
        e.text: small.count_shared(fetched, e)
        for e in unique
        if small.can_tell_keys(fetched.schema, e)
    }
    assert in_driver == {text: ours[text] for text in in_driver}
    assert 0 < len(in_driver) < len(unique)
    asked = count_by_arrow(frame, suite)
    assert len(asked) == 12, "NULL, bounds of numbers, sets of texts, a pattern, pairs"
    assert asked.items() <= ours.items()
    theirs = count_by_library(frame, list(suite.expectations))

    told = [(e.type, e.kwargs) for e in suite.expectations]
    assert [(*of, ours[e.text]) for of, e in zip(told, suite.expectations, strict=True)] == [
        (*of, n) for of, n in zip(told, theirs, strict=True)
    ]
    idle = [(*of, n) for of, n in zip(told, theirs, strict=True) if not 0 < n < len(MIXED_ROWS)]
    assert idle == [], "each rule must meet rows that keep it and rows that break it"


def test_the_types_of_which_conditions_are_made_here_are_all_met_by_the_mixed_rows() -> None:
    """Else parity above would not speak of them."""
    rules = [Expectation(kind, kwargs, "critical", "") for kind, kwargs in EVERY_TYPE]
    met = {e.type for e in rules if conditions.is_known(e)}
    assert met == set(conditions.KNOWN)


def test_every_row_expectation_of_the_library_is_proven_or_refused() -> None:
    gate.library()
    from great_expectations.expectations.registry import list_registered_expectation_implementations

    every = [
        Expectation(kind, {}, "critical", "r")
        for kind in list_registered_expectation_implementations()
    ]
    known = {e.type for e in every if e.is_uniqueness or gate.is_row_expectation(e)}
    refused = {e.type for e in every if gate.why_refused(e)}
    proven = {kind for kind, _ in EVERY_TYPE}
    assert refused & proven == set()
    assert known == proven | refused


# --- mutants -------------------------------------------------------------------------------------


def killed_by_row(spark: SparkSession, table: str) -> dict[str, str]:
    """The row rules of the table that a mutant breaks alone, each with `rejected` or `recorded`."""
    contract, suite = load_contract(table), load_suite(table)
    bases, made = mutants.valid_rows(table), mutants.row_mutants(table)
    numbers = Field("_number", "int", "")
    rows = [*bases, *(mutant.row for mutant in made)]
    numbered = [(*cells, n) for n, cells in enumerate(mutants.complete(contract, rows))]
    frame = local_frame(
        spark, numbered, struct_type((*contract.fields, numbers), enforce_required=False)
    ).coalesce(1)
    rules = gate.row_rules(frame, suite)
    judged = judging.judge(frame, rules, Rows.ONE_TO_ONE)
    broken = (
        F.array(*(rule.breaks for rule in rules)) if rules else F.array().cast("array<boolean>")
    )
    seen = judged.select(
        "_number", "_reasons", judging.is_accepted().alias("ok"), broken.alias("broken")
    ).collect()
    answers = {row["_number"]: row for row in seen}
    descriptions = [rule.expectation.description for rule in rules]
    critical = {
        rule.expectation.description for rule in rules if rule.expectation.severity == "critical"
    }

    def breaks(number: int) -> set[str]:
        return {
            text
            for text, is_broken in zip(descriptions, answers[number]["broken"], strict=True)
            if is_broken
        }

    assert breaks(0) == set(), (
        f"{table}: the first valid row must keep every rule; say in VALID what it needs"
    )
    assert all(answers[n]["ok"] for n in range(len(bases))), (
        f"{table}: every valid row must be accepted"
    )
    killed: dict[str, str] = {}
    for number, mutant in enumerate(made, len(bases)):
        rule, answer = suite.expectations[mutant.rule], answers[number]
        newly = breaks(number) - breaks(mutant.base)
        implied = mutants.implied_by(table, rule.description)
        if newly != {rule.description} | implied:
            continue
        assert set(answer["_reasons"]) == newly & critical
        assert answer["ok"] == (not newly & critical)
        killed[rule.description] = "recorded" if answer["ok"] else "rejected"
    return killed


def audit(spark: SparkSession, table: str, whole: mutants.Whole) -> gate.Verdict:
    """The verdict on a whole table, of which no row was rejected."""
    contract, suite = load_contract(table), load_suite(table)
    frame = frame_of(spark, contract, whole.rows)
    views = {name: frame_of(spark, load_contract(name), rows) for name, rows in whole.views.items()}
    outcomes = gate.audit(frame, len(whole.rows), suite, contract, views)
    return gate.verdict(contract, suite, counting.Tally(), outcomes, len(whole.rows), 0)


@pytest.mark.spark
@pytest.mark.parametrize("table", EACH_TABLE)
def test_every_expectation_is_killed_by_its_own_mutant(spark: SparkSession, table: str) -> None:
    suite = load_suite(table)
    of_rows = {e.description for e in suite.expectations if gate.is_row_expectation(e)}
    killed = killed_by_row(spark, table)
    assert of_rows - killed.keys() == set(), "no single change breaks these rules and no others"
    for rule in suite.expectations:
        if rule.description in of_rows:
            assert killed[rule.description] == (
                "rejected" if rule.severity == "critical" else "recorded"
            )
            continue
        verdict = audit(spark, table, mutants.broken_table(table, rule))
        broken = [o.expectation.description for o in verdict.outcomes if not o.success]
        assert broken == [rule.description]
        assert [f.startswith(rule.description) for f in verdict.failures] == (
            [True] if rule.severity == "critical" else []
        )
        killed[rule.description] = "stopped"
    if len(of_rows) < len(suite.expectations):
        assert audit(spark, table, mutants.valid_table(table)).passed
    assert len(killed) == len(suite.expectations), (
        "every expectation of the suite has a mutant, and no two share a description"
    )
    _KILLED[table] = len(killed)


_KILLED: dict[str, int] = {}


@pytest.mark.spark
@pytest.mark.nightly
def test_killed_expectations_are_all_that_the_suites_hold(request: pytest.FixtureRequest) -> None:
    chosen = {
        item.callspec.params["table"]
        for item in request.session.items
        if item.name.startswith("test_every_expectation_is_killed")
    }
    if chosen != set(TABLES):
        pytest.skip("only some of the tables were chosen")
    assert sum(_KILLED.values()) == sum(len(load_suite(table).expectations) for table in TABLES)


@pytest.mark.parametrize("feed", mutants.told_feeds())
def test_what_a_feed_tells_of_its_mutants_is_of_its_own_tables_and_rules(feed: str) -> None:
    told = mutants.told_of(feed)
    own = {name for name in TABLES if split_name(name)[1] == feed}
    assert {*told.VALID, *told.VIEWS} <= own
    rules = {(table, e.description) for table in own for e in load_suite(table).expectations}
    assert {*told.IMPLIED, *told.WHOLE} <= rules
    assert {
        (table, other) for (table, _), others in told.IMPLIED.items() for other in others
    } <= rules


# --- how rows are told apart ---------------------------------------------------------------------

PAIRS = Contract(
    "silver.toy_pairs",
    "",
    "",
    (
        Field("word", "string", ""),
        Field("_file_sha256", "string", "", is_provenance=True),
        Field("_record_number", "bigint", "", is_provenance=True),
    ),
)
NO_A = suite_of(("expect_column_values_to_not_be_in_set", {"column": "word", "value_set": ["a"]}))
INPUT = ("a", "b", "c", "d")


def words(spark: SparkSession, *rows: tuple[Any, ...], extra: str = "") -> DataFrame:
    """Rows of word, record number and what `extra` names."""
    kinds = "word string, _record_number bigint" + (f", {extra}" if extra else "")
    return (
        spark.createDataFrame(list(rows), kinds).coalesce(1).withColumn("_file_sha256", F.lit("f"))
    )


def as_noted(judged: pa.Table) -> list[str]:
    """Each judged row with what is noted of it, in any order; NaN is as good as NaN."""
    return sorted(repr(sorted(row.items())) for row in judged.to_pylist())


def tally_of(
    frame: DataFrame,
    rows_in: int,
    suite: Suite = NO_A,
    rows: Rows = Rows.ONE_TO_ONE,
    folds: tuple[str, ...] = (),
) -> counting.Tally:
    rules = gate.row_rules(frame, suite)
    judged = judging.judge(frame, rules, rows)
    tally = counting.read_tally(counting.count(judged, rules, folds), rows_in, rules, folds)
    counting.count_rejected(tally, judged.where(judging.is_rejected()), rules)
    fetched = small.fetch(judged, frame.columns, rules)
    assert small.count(fetched, rows_in, rules, folds) == tally, "as the driver counts them"
    here, _ = arrow_judging.fetch(frame, rows, suite, frame.columns)
    assert as_noted(here) == as_noted(fetched), "as the driver judges them"
    return tally


@pytest.mark.spark
@pytest.mark.parametrize("relation", [Rows.ONE_TO_ONE, Rows.ONE_TO_MANY])
def test_rows_judged_here_are_judged_as_spark_judges_them(
    spark: SparkSession, relation: Rows
) -> None:
    """With reasons, folds and weights of the transform's, ids that lack, and more rules than one
    number has bits for."""
    said, folds = (None, [], ["first"], ["first", "rule 1", "first"]), (None, "again")
    rows = [
        (word, None if n % 11 == 0 else n, said[n % 4], folds[n // 4 % 2], n % 3)
        for n, word in enumerate((None, "a", "b", "abc", "", "\u00e4") * 16)
    ]
    kinds = "word string, _record_number bigint, _reasons array<string>, _fold string, _rows int"
    frame = spark.createDataFrame(rows, kinds).withColumn(
        "_file_sha256", F.when(F.col("_record_number") % 7 != 0, "f" * 40)
    )
    kept = [
        ("expect_column_values_to_not_be_in_set", {"column": "word", "value_set": [f"{n}"]})
        for n in range(61)
    ]
    warns = suite_of(
        *kept,
        ("expect_column_values_to_match_regex", {"column": "word", "regex": "^[a-z]"}),
        severity="warning",
    )
    stops = suite_of(
        ("expect_column_values_to_not_be_null", {"column": "word"}),
        ("expect_column_values_to_not_be_in_set", {"column": "word", "value_set": ["a", "abc"]}),
    )  # fmt: skip
    suite = Suite(warns.table, (*warns.expectations, *stops.expectations), 1.0)
    rules = gate.row_rules(frame, suite)
    by_spark = small.fetch(judging.judge(frame, rules, relation), frame.columns, rules)
    here, own = arrow_judging.fetch(frame, relation, suite, frame.columns)
    assert [rule.breaks for rule in own] == [None] * 64, "Arrow was asked"
    assert as_noted(here) == as_noted(by_spark)
    counts = [small.count(rows, 96, rules, ("again",)) for rows in (here, by_spark)]
    assert counts[0] == counts[1]
    assert set(small.reasons(here)) == {"first", "rule 0", "rule 1"}


@pytest.mark.spark
@pytest.mark.parametrize("every", [100, 3])
def test_the_rejected_rows_are_found_again_by_their_marks_be_they_few_or_many(
    spark: SparkSession, every: int
) -> None:
    numbered = spark.range(1500).select(
        F.lit("f").alias("_file_sha256"), F.col("id").alias("_record_number")
    )
    frame = numbered.withColumn(
        "_reasons", F.when(F.col("_record_number") % every == 0, F.array(F.lit("no")))
    )
    judged, observation = judging.judge(frame, [], Rows.ONE_TO_ONE), Observation()
    counting.observed(judged, observation, ["_record_number"], [], ()).write.format("noop").mode(
        "overwrite"
    ).save()

    found = counting.marked(judged, observation.get["marks"])

    rejected = {row["_record_number"] for row in found.where(judging.is_rejected()).collect()}
    assert rejected == set(range(0, 1500, every))
    assert observation.get["rows_rejected"] == len(rejected)
    # Few others are computed again.
    assert found.count() < len(rejected) + 30


@pytest.fixture(scope="module")
def identity(spark: SparkSession) -> int:
    """The order-free hash of the four input rows' ids, as the ledger has it for a driving input."""
    rows = words(spark, *((word, n) for n, word in enumerate(INPUT)))
    return int(
        rows.agg(F.bit_xor(F.xxhash64("_file_sha256", "_record_number")).alias("ids")).first()[
            "ids"
        ]
    )


@pytest.mark.spark
def test_a_row_is_rejected_by_transform_or_rule_else_folded_else_accepted(
    spark: SparkSession, identity: int
) -> None:
    frame = words(
        spark,
        ("a", 0, None, None),
        ("b", 1, ["not a word"], "repeated"),
        ("a", 2, [], "repeated"),
        ("d", 3, None, None),
        extra="_reasons array<string>, _fold string",
    )
    rules = gate.row_rules(frame, NO_A)
    judged = judging.judge(frame, rules, Rows.ONE_TO_ONE).orderBy("_record_number").collect()
    assert [(row["_reasons"], row["_fold"]) for row in judged] == [
        (["rule 0"], None),
        (["not a word"], None),
        ([], "repeated"),
        ([], None),
    ]

    tally = tally_of(frame, 4, folds=("repeated",))
    assert (tally.accepted, tally.quarantined, tally.folded, tally.folds, tally.broken) == (
        1,
        2,
        1,
        {"repeated": 1},
        [1],
    )
    counting.assert_conserved("silver.toy_pairs", tally, identity)


@pytest.mark.spark
def test_a_row_that_breaks_rules_has_each_reason_once(spark: SparkSession) -> None:
    suite = suite_of(
        *[
            (kind, {"column": "word", "value_set": ["a"]})
            for kind in ("expect_column_values_to_not_be_in_set",) * 2
        ]
    )
    frame = words(spark, ("a", 0, ["rule 1", "own"]), extra="_reasons array<string>")
    assert judging.judge(frame, gate.row_rules(frame, suite), Rows.ONE_TO_ONE).first()[
        "_reasons"
    ] == ["rule 1", "own", "rule 0"]


# --- conservation --------------------------------------------------------------------------------

UNBALANCED = {
    "loses a row": ([("b", 1), ("c", 2), ("d", 3)], 3),
    "doubles a row": ([("b", 0), ("b", 1), ("c", 2), ("d", 3), ("d", 3)], 5),
    "loses every row": ([], 0),
}


@pytest.mark.spark
@pytest.mark.parametrize("what", UNBALANCED)
def test_a_transform_that_loses_or_doubles_rows_is_a_conservation_error(
    spark: SparkSession, identity: int, what: str
) -> None:
    rows, out = UNBALANCED[what]
    tally = tally_of(words(spark, *rows), len(INPUT))
    with pytest.raises(ConservationError, match=f"4 came in, .* = {out} came out") as raised:
        counting.assert_conserved("silver.toy_pairs", tally, identity)
    assert raised.value.table == "silver.toy_pairs"
    assert raised.value.tally is tally
    assert raised.value.exit_code == 7


@pytest.mark.spark
def test_a_transform_that_loses_one_row_and_doubles_another_is_a_conservation_error(
    spark: SparkSession, identity: int
) -> None:
    tally = tally_of(words(spark, ("b", 1), ("c", 2), ("d", 3), ("d", 3)), len(INPUT))
    assert tally.accepted == len(INPUT)
    with pytest.raises(ConservationError, match="loses one row and doubles another") as raised:
        counting.assert_conserved("silver.toy_pairs", tally, identity)
    assert raised.value.table == "silver.toy_pairs"


@pytest.mark.spark
def test_an_undeclared_fold_is_a_conservation_error(spark: SparkSession, identity: int) -> None:
    frame = words(
        spark,
        ("b", 0, "known"),
        ("b", 1, "unheard of"),
        ("c", 2, None),
        ("d", 3, None),
        extra="_fold string",
    )
    tally = tally_of(frame, len(INPUT), folds=("known",))
    assert (tally.folded, tally.folds) == (2, {"known": 1})
    with pytest.raises(ConservationError, match="every fold has a declared reason") as raised:
        counting.assert_conserved("silver.toy_pairs", tally, identity)
    assert raised.value.table == "silver.toy_pairs"


@pytest.mark.spark
@pytest.mark.parametrize("rows", [Rows.ONE_TO_MANY, Rows.AGGREGATE])
def test_a_transform_that_must_tell_its_rows_and_does_not_is_a_conservation_error(
    spark: SparkSession, rows: Rows
) -> None:
    with pytest.raises(ConservationError, match=f"{rows.value} must tell `_rows`"):
        judging.judge(words(spark, ("b", 0)), [], rows)


# Parts of the four input rows, with `_rows`: the first part of each row counts it, whatever becomes
# of the others.
PARTS = {
    "balances": (
        [("b", 0, 1), ("a", 0, 0), ("b", 1, 1), ("a", 2, 1), ("c", 2, 0), ("d", 3, 1)],
        "",
    ),
    "counts a part as a row": (
        [("b", 0, 1), ("b", 0, 1), ("b", 1, 1), ("c", 2, 1), ("d", 3, 1)],
        "loses or doubles rows",
    ),
    "counts one row twice for another": (
        [("b", 0, 1), ("b", 0, 1), ("b", 1, 1), ("c", 2, 1), ("d", 3, 0)],
        "doubles another",
    ),
    "counts two rows in one": ([("b", 0, 2), ("c", 2, 1), ("d", 3, 1)], "doubles another"),
    "tells no count": (
        [("b", 0, None), ("b", 1, 1), ("c", 2, 1), ("d", 3, 1)],
        "loses or doubles rows",
    ),
}


@pytest.mark.spark
@pytest.mark.parametrize("what", PARTS)
def test_parts_of_a_row_answer_for_it_once(spark: SparkSession, identity: int, what: str) -> None:
    parts, message = PARTS[what]
    tally = tally_of(words(spark, *parts, extra="_rows int"), len(INPUT), rows=Rows.ONE_TO_MANY)
    if not message:
        counting.assert_conserved("silver.toy_pairs", tally, identity)
        assert (tally.accepted, tally.quarantined, tally.rows_written, tally.rows_rejected) == (
            3,
            1,
            4,
            2,
        )
        return
    with pytest.raises(ConservationError, match=message):
        counting.assert_conserved("silver.toy_pairs", tally, identity)


@pytest.mark.spark
def test_an_aggregate_answers_for_as_many_rows_as_came_in(spark: SparkSession) -> None:
    frame = words(spark, ("b", 0, 3), ("a", 1, 1), extra="_rows bigint")
    tally = tally_of(frame, 4, rows=Rows.AGGREGATE)
    counting.assert_conserved("gold.toy_pairs", tally, None)
    assert (tally.accepted, tally.quarantined, tally.rows_written) == (3, 1, 1)
    with pytest.raises(ConservationError, match="5 came in, 3 \\+ 1 \\+ 0 = 4 came out"):
        counting.assert_conserved("gold.toy_pairs", tally_of(frame, 5, rows=Rows.AGGREGATE), None)


# --- the verdict ---------------------------------------------------------------------------------


def judge_totals(
    rows: int, rejected: int, *, share: float = 0.5, allow_empty: bool = False
) -> tuple[str, ...]:
    contract = Contract("silver.toy_pairs", "", "", (), allow_empty)
    return gate.verdict(
        contract, Suite("silver.toy_pairs", (), share), counting.Tally(), [], rows, rejected
    ).failures


def test_an_empty_table_fails_unless_its_contract_allows_it() -> None:
    assert judge_totals(0, 0) == ("the table must not be empty; no row was accepted",)
    assert judge_totals(0, 0, allow_empty=True) == ()
    assert len(judge_totals(0, 1, share=1.0)) == 1


def test_more_rejected_rows_than_the_suite_allows_fail() -> None:
    assert judge_totals(1, 1, share=0.5) == ()
    assert judge_totals(1, 2, share=0.5) == (
        "at most 50.0% of the rows may be rejected; 2 of 3 were (66.7%)",
    )
    assert judge_totals(99999, 1, share=0.0) != ()
    assert judge_totals(0, 1, share=0.5, allow_empty=True) != ()


def test_a_failed_warning_stops_nothing_and_row_rules_stop_nothing() -> None:
    warned, row, table = (Expectation(kind, {"column": "word"}, severity, text) for kind, severity, text in (
        ("expect_column_max_to_be_between", "warning", "w"),
        ("expect_column_values_to_not_be_null", "critical", "r"),
        ("expect_column_max_to_be_between", "critical", "t"),
    ))  # fmt: skip
    outcomes = [
        gate.Outcome(warned, False),
        gate.Outcome(row, False, 3),
        gate.Outcome(table, False, None, "9"),
    ]
    verdict = gate.verdict(PAIRS, NO_A, counting.Tally(), outcomes, 1, 0)
    assert verdict.failures == ("t (found 9)",)


@pytest.mark.spark
@pytest.mark.parametrize(
    "query",
    [
        "SELECT nothing FROM {batch}",
        "SELECT * FROM {silver.nobody}",
        "SELECT 1 / 0 AS n FROM {batch}",
        "SELECT word, {0} FROM {batch}",
    ],
)
def test_a_table_expectation_that_cannot_answer_fails_the_gate(
    spark: SparkSession, query: str
) -> None:
    with pytest.raises(
        GateFailed,
        match="an expectation must be able to answer; unexpected_rows_expectation could not",
    ):
        gate.audit(words(spark, ("b", 0)), 1, suite_of(asked(query)), PAIRS, {})


@pytest.mark.spark
def test_a_query_finds_rows_of_the_candidate_and_of_other_tables(spark: SparkSession) -> None:
    """Doubled braces stand for one, as Great Expectations has them."""
    suite = suite_of(
        asked("SELECT word FROM {batch} WHERE word = '{{}}'"),
        asked("SELECT * FROM {silver.toy_others} o JOIN {batch} USING (word)"),
        asked("SELECT word, word FROM {batch} WHERE word > 'c'"),
    )
    outcomes = gate.audit(
        words(spark, ("b", 0), ("{}", 1), ("{}", 2)),
        3,
        suite,
        PAIRS,
        {"silver.toy_others": words(spark, ("b", 7))},
    )
    assert [(o.success, o.observed) for o in outcomes] == [(False, "2"), (False, "1"), (False, "2")]


@pytest.mark.spark
def test_a_query_is_run_once(spark: SparkSession) -> None:
    evaluated = spark.sparkContext.accumulator(0)

    @F.udf("boolean")
    def is_odd(number: int) -> bool:
        evaluated.add(1)
        return number % 2 == 1

    odd = words(spark, *[("a", n) for n in range(9)]).withColumn("is_odd", is_odd("_record_number"))
    (outcome,) = gate.audit(
        odd, 9, suite_of(asked("SELECT word FROM {batch} WHERE is_odd")), PAIRS, {}
    )

    assert (outcome.success, outcome.observed) == (False, "4")
    assert evaluated.value == 9


def asked(query: str) -> tuple[str, dict[str, Any]]:
    return "unexpected_rows_expectation", {"unexpected_rows_query": query}


@pytest.mark.spark
def test_what_a_personal_column_holds_is_not_told(spark: SparkSession) -> None:
    rules = [
        ("expect_column_max_to_be_between", {"column": name, "max_value": 0})
        for name in ("name", "size")
    ]
    contract = Contract(
        "silver.toy_people",
        "",
        "",
        (Field("name", "double", "", is_personal=True), Field("size", "double", "")),
    )
    frame = spark.createDataFrame([(424242.0, 7.0)], "name double, size double")
    outcomes = gate.audit(frame, 1, suite_of(*rules), contract, {})
    told = {o.expectation.kwargs["column"]: (o.success, o.observed) for o in outcomes}
    assert told == {"name": (False, None), "size": (False, "7.0")}
