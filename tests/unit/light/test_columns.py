"""What is judged column by column has the verdict and the values that `Judge` gives one by one."""

from __future__ import annotations

import datetime as dt
import json
import math
import random
from itertools import groupby
from typing import Any

import numpy as np
import pytest
from strata.declare.suite import load_suite
from strata.light.fixes import COLUMNS, FIELDS, TABLE, Fix, Vehicle, parse_instant, parse_number
from strata.light.local import arrow, typed
from strata.light.local.block import Block
from strata.light.local.known import Known
from strata.light.local.verdicts import Court, fixes
from strata.light.quick import Quick
from strata.light.rules import row_rules

from tests.unit.light.test_verdicts import CONSTANTS, judge_of, rule, verdicts


def block_of(rows: list[list[str]]) -> Block:
    columns = [arrow.of_texts(list(column)) for column in zip(*rows, strict=True)]
    return Block(1, len(rows), dict(zip(FIELDS, columns, strict=True)), {})


def group_of(told: dict[str, Any]) -> str:
    """Records of one group may lie in one block: same file, same vehicle."""
    return json.dumps([told["layout"], told["delivered_on"], told["vehicle"]])


def test_the_shared_records_have_their_verdicts_in_blocks_too() -> None:
    differ, count = list[Any](), 0
    for _, of_group in groupby(sorted(verdicts(), key=group_of), key=group_of):
        group = list(of_group)
        first = group[0]
        day = dt.date.fromisoformat(first["delivered_on"]) if first["delivered_on"] else None
        judge = judge_of(CONSTANTS[first["layout"]], day)
        vehicle = Vehicle(**first["vehicle"]) if first["vehicle"] else None
        names = {told["record"]["vehicle_id"] for told in group if told["record"]["vehicle_id"]}
        known = Known([(name, vehicle) for name in sorted(names)] if vehicle else [])
        rows = [[told["record"][name] or "" for name in FIELDS] for told in group]
        found = Court(Quick(judge), known).judge(block_of(rows))
        reasons = {place: list(whys) for place, whys, _ in found.rejected}
        sound = dict(fixes(found.sound, known))
        assert sorted([*reasons, *sound]) == list(range(len(group)))
        for place, told in enumerate(group):
            count += 1
            values = judge.typed(told["record"], vehicle)
            expected = Fix(*[values[name] for name in Fix._fields])
            if reasons.get(place, []) != told["reasons"]:
                differ.append((told["record"], told["reasons"], reasons.get(place)))
            elif not told["reasons"] and repr(sound[place]) != repr(expected):
                differ.append((told["record"], expected, sound[place]))
    assert (differ, count >= 500) == ([], True)


def test_most_sound_records_are_judged_by_columns_alone() -> None:
    """Else the quick way would be as slow as the other one, and no test would tell."""

    class Unasked(Quick):
        def judge_all(self, *_: Any) -> Any:
            raise AssertionError("asked one by one")

    quick = Unasked(judge_of(CONSTANTS["telemetry"], None))
    row = ["v", "2026-10-01 06:00:00", "-1.25", "2.5", "50", "moving", "60.5"]
    found = Court(quick, Known([("v", Vehicle(100.0, 1.0, 2.0))])).judge(block_of([row, row]))
    assert len(found.sound) == 2


def test_every_day_of_the_era_and_no_other_is_an_instant() -> None:
    first = dt.date(1979, 12, 30).toordinal()
    days = [str(dt.date.fromordinal(first + n)) for n in range(366 * 121)]
    days += [f"{year}-{day}" for year in range(1979, 2101) for day in ("02-29", "02-30", "04-31")]
    days += ["2000-00-10", "2000-13-01", "2000-01-00", "2000-01-32", "200-01-01", "2000-1-1"]
    for end in ("Z", ".5Z", "+02:00", "-14:59"):
        assert_instants([f"{day} 23:59:59{end}" for day in days[:: 1 if end == "Z" else 31]])


def test_texts_near_instants_are_instants_where_the_judge_says_so() -> None:
    chance, base = random.Random(3), "2024-02-29T23:59:59.123456+05:30"
    texts = ["", "2024-02-29", "é024-02-29 00:00:00Z", "2024-02-29 00:00:00é", base]
    for _ in range(3000):
        text = list(base[: chance.choice((19, 20, 21, 26, len(base)))])
        for _ in range(chance.randrange(3)):
            text[chance.randrange(len(text))] = chance.choice("0123456789TZ .:+-é")
        texts.append("".join(text) + chance.choice(("", "Z", "+00:00", "\n")))
    assert_instants(texts)


def assert_instants(texts: list[str]) -> None:
    found = typed.instants(arrow.of_texts(texts), parse_instant).tolist()
    here = [None if each == typed.NO_INSTANT else typed.instant_of(each) for each in found]
    there = [parse_instant(text) for text in texts]
    assert [p for p in zip(texts, here, there, strict=True) if p[1] != p[2]] == []
    assert any(there)


def test_a_number_told_is_the_number_that_the_judge_reads() -> None:
    chance = random.Random(4)
    texts = ["", "-0", "0", "-0.0", "1e5", "1e", "+1", " 1", "1 ", "1\n", "nan", "inf", "0x1F",
             "1_0", "٤", "1,5", ".5", "5.", "9007199254740993", "999999999999999.99999999999999999999",
             "0.1234567890123456789012"]  # fmt: skip
    texts += ["".join(chance.choices("0123456789.-e", k=chance.randrange(1, 24))) for _ in range(5000)]  # fmt: skip
    texts += [repr(chance.uniform(-180, 180)) for _ in range(5000)]
    found = typed.numbers(arrow.of_texts(texts)).tolist()
    told = [(text, each) for text, each in zip(texts, found, strict=True) if not math.isnan(each)]
    assert [(t, each) for t, each in told if repr(each) != repr(parse_number(t))] == []
    assert len(told) > 5000


@pytest.mark.parametrize(
    "kwargs",
    [
        {"min_value": 0, "max_value": 1},
        {"min_value": 0, "strict_min": True},
        {"max_value": 1, "strict_max": True},
    ],
)
def test_bounds_hold_for_columns_as_for_one_value(kwargs: dict[str, Any]) -> None:
    values = [-1.0, 0.0, 0.5, 1.0, 2.0, math.inf, -math.inf]
    rules = row_rules(rule("expect_column_values_to_be_between", column="a", **kwargs), ["a"])
    kept = rules.surely_kept({"a": np.array([*values, math.nan])}).tolist()
    assert kept == [not rules.broken_by({"a": value}) for value in values] + [False]


def test_a_rule_that_columns_cannot_be_asked_leaves_every_row_to_the_judge() -> None:
    rules = row_rules(
        rule("expect_column_values_to_match_regex", column="a", regex="x"), ["a", "b"]
    )
    assert not rules.surely_kept({"a": np.array([1.0])})
    assert rules.surely_kept({"b": np.array([1.0])}, told={"a"})
    suite = row_rules(load_suite(TABLE), COLUMNS)
    nothing = {column: np.array([math.nan]) for column in COLUMNS}
    assert not suite.surely_kept(nothing, told={"engine_status"}).any()
