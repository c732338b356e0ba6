"""The path without Spark judges every record of the shared file as the file says."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from strata.declare.source_contract import load_layouts
from strata.declare.suite import Suite, load_suite, parse_suite
from strata.errors import DeclarationError
from strata.light.fixes import COLUMNS, FIELDS, TABLE, Fix, Vehicle, judge_of
from strata.light.quick import Quick
from strata.light.rules import row_rules

VERDICTS = Path(__file__).parents[2] / "corpus" / "fleet_verdicts.jsonl"
CONSTANTS = {layout.name: layout.constants for layout in load_layouts("fleet")}


def verdicts() -> list[dict[str, Any]]:
    return [json.loads(line) for line in VERDICTS.read_text(encoding="utf-8").splitlines()]


def judged(told: dict[str, Any]) -> list[str]:
    delivered = told["delivered_on"]
    day = dt.date.fromisoformat(delivered) if delivered else None
    judge = judge_of(CONSTANTS[told["layout"]], day, dt.date(2100, 1, 1))
    vehicle = Vehicle(**told["vehicle"]) if told["vehicle"] else None
    return list(judge.reasons(judge.typed(told["record"], vehicle)))


def test_every_record_has_the_verdict_that_the_file_tells() -> None:
    told = verdicts()
    differ = [
        (t["record"], t["reasons"], found) for t in told if (found := judged(t)) != t["reasons"]
    ]
    assert (len(told) >= 500, differ) == (True, [])


def test_the_quick_way_gives_the_same_verdicts() -> None:
    quick: dict[Any, Quick] = {}
    differ = []
    for told in verdicts():
        delivered = told["delivered_on"]
        day = dt.date.fromisoformat(delivered) if delivered else None
        key = told["layout"], day
        judge = quick.setdefault(key, Quick(judge_of(CONSTANTS[told["layout"]], day)))
        vehicle = Vehicle(**told["vehicle"]) if told["vehicle"] else None
        row = [told["record"][name] or "" for name in FIELDS]
        found = judge.judge(row, vehicle)
        reasons = [] if isinstance(found, Fix) else list(found)
        if reasons != told["reasons"]:
            differ.append((told["record"], told["reasons"], reasons))
    assert differ == []


def test_every_critical_rule_of_rows_rejects_a_record_of_the_file_alone() -> None:
    alone = {t["reasons"][0] for t in verdicts() if len(t["reasons"]) == 1}
    sentences = {sentence for sentence, _ in row_rules(load_suite(TABLE), COLUMNS).rules}
    # Whoever tells no vehicle has an unknown one.
    assert sentences - alone == {"a fix must tell its vehicle"}


def rule(type_: str, **kwargs: Any) -> Suite:
    item = {"type": type_, "kwargs": kwargs, "severity": "critical", "description": "broken"}
    document = {"table": "silver.t_x", "max_rejected_share": 0, "expectations": [item]}
    return parse_suite("silver.t_x", document, Path("x.yaml"))


BETWEEN, PAIR = (
    "expect_column_values_to_be_between",
    "expect_column_pair_values_a_to_be_greater_than_b",
)
NAN = float("nan")
EITHER = {"ignore_row_if": "either_value_is_missing"}


@pytest.mark.parametrize(
    ("suite", "row", "is_broken"),
    [
        (rule(BETWEEN, column="a", min_value=0, max_value=1), {"a": None}, False),
        (rule(BETWEEN, column="a", min_value=0, max_value=1), {"a": NAN}, True),
        # NaN is greater than every number, to Spark and so to Great Expectations.
        (rule(BETWEEN, column="a", min_value=0), {"a": NAN}, False),
        (rule(BETWEEN, column="a", min_value=0, strict_min=True), {"a": 0.0}, True),
        (rule(BETWEEN, column="a", max_value=1, strict_max=True), {"a": 1.0}, True),
        (rule(BETWEEN, column="a", max_value=1), {"a": 1.0}, False),
        (rule(PAIR, column_A="a", column_B="b", **EITHER), {"a": 1.0, "b": 1.0}, True),
        (rule(PAIR, column_A="a", column_B="b", **EITHER), {"a": None, "b": 1.0}, False),
        (rule(PAIR, column_A="a", column_B="b", **EITHER), {"a": NAN, "b": 1.0}, False),
        (rule(PAIR, column_A="a", column_B="b", **EITHER), {"a": 1.0, "b": NAN}, True),
        (
            rule(PAIR, column_A="a", column_B="b", or_equal=True, **EITHER),
            {"a": NAN, "b": NAN},
            False,
        ),
        (rule("expect_column_values_to_match_regex", column="a", regex=r"^[0-9]+\z"), {"a": "1\n"}, True),
        (rule("expect_column_values_to_match_regex", column="a", regex=r"^[0-9]+\z"), {"a": "٤"}, True),
        (rule("expect_column_values_to_not_match_regex", column="a", regex="x"), {"a": "ax"}, True),
        (rule("expect_column_values_to_not_be_in_set", column="a", value_set=["x"]), {"a": "x"}, True),
        (rule("expect_column_values_to_be_in_set", column="a", value_set=["x"]), {"a": None}, False),
    ],
)  # fmt: skip
def test_a_rule_answers_as_spark_does(suite: Suite, row: dict[str, Any], is_broken: bool) -> None:
    assert row_rules(suite, row).broken_by(row) == (("broken",) if is_broken else ())


@pytest.mark.parametrize(
    "suite",
    [
        rule("expect_column_value_lengths_to_be_between", column="a", min_value=1),
        rule(BETWEEN, column="a", min_value=1, parse_strings_as_datetimes=True),
        rule(PAIR, column_A="a", column_B="b"),
    ],
)
def test_a_rule_that_cannot_be_asked_is_refused(suite: Suite) -> None:
    with pytest.raises(DeclarationError, match="rule"):
        row_rules(suite, ("a", "b"))


def test_a_rule_of_columns_that_are_not_known_together_is_refused() -> None:
    suite = rule(PAIR, column_A="a", column_B="b", **EITHER)
    assert row_rules(suite, ("c",)).rules == ()
    with pytest.raises(DeclarationError, match="together"):
        row_rules(suite, ("a", "c"))


@pytest.mark.parametrize(
    ("modules", "heavy"),
    [
        ("strata.light.cloud.handlers", {"pyspark", "pandas", "great_expectations", "numpy", "pyarrow"}),
        ("strata.light.local.run", {"pyspark", "pandas", "great_expectations"}),
    ],
)  # fmt: skip
def test_no_heavy_library_is_imported(modules: str, heavy: set[str]) -> None:
    code = f"import sys; import {modules}; print(sorted({heavy} & set(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (ended.stdout.strip(), ended.stderr) == ("[]", "")
