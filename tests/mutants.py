"""Rows for the proofs of the gate, made from contracts and suites: valid ones, broken ones, and
edge cases.

A valid row comes from a contract's types and its suite's bounds; what these cannot tell (two
columns that must agree, a regular expression) stands beside the feed's tests, in
`tests/feeds/mutants_<feed>.py`: see `Told`. A mutant is a valid row, or a few, with one thing
changed, so that one rule breaks and no other. Nothing here reads Great Expectations: the answers
are compared with it elsewhere.
"""

from __future__ import annotations

import datetime as dt
import importlib
import math
import pkgutil
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from functools import cache
from typing import Any

from strata.declare import feed as feeds
from strata.declare.contract import Contract, Field, load_contract, split_name
from strata.declare.suite import NOT_NULL, Expectation, Suite, load_suite

Row = dict[str, Any]
PAIR = "expect_column_pair_values_a_to_be_greater_than_b"

# --- every suite ---------------------------------------------------------------------------------


def table_names() -> tuple[str, ...]:
    """Every table of every feed that is installed, the toy's too."""
    return tuple(name for feed in feeds.all_feeds() for name in feed.table_names)


def fields_of(table: str) -> tuple[Field, ...]:
    return load_contract(table).fields


# --- what contracts and suites do not tell -------------------------------------------------------


@dataclass(frozen=True)
class Whole:
    """A whole table, and the other tables that its rules name."""

    rows: list[Row]
    views: dict[str, list[Row]] = field(default_factory=dict)


@dataclass(frozen=True)
class Told:
    """What a feed's `tests/feeds/mutants_<feed>.py` says of its tables: constants of these names,
    any or none.
    """

    VALID: Mapping[str, tuple[Row, ...]] = field(default_factory=dict)
    """By table: what a valid row holds where types and bounds do not say. Several dicts are several
    valid rows: one rule can be broken alone from one of them that cannot be from another. The first
    keeps warnings too."""
    IMPLIED: Mapping[tuple[str, str], set[str]] = field(default_factory=dict)
    """By table and description: rules that cannot break alone, and the rules that break with them.
    """
    VIEWS: Mapping[str, dict[str, list[Row]]] = field(default_factory=dict)
    """By table: the other tables that its queries read, on which the first valid row keeps them."""
    WHOLE: Mapping[tuple[str, str], Whole] = field(default_factory=dict)
    """By table and description: a table on which that rule alone does not hold, where its type does
    not tell one.
    """


_MODULE = "mutants_"


@cache
def told_feeds() -> tuple[str, ...]:
    """The feeds that have such a module."""
    import tests.feeds

    found = (module.name for module in pkgutil.iter_modules(tests.feeds.__path__))
    return tuple(sorted(name.removeprefix(_MODULE) for name in found if name.startswith(_MODULE)))


@cache
def told_of(feed: str) -> Told:
    """What the feed's module says; nothing where it has none."""
    if feed not in told_feeds():
        return Told()
    module = importlib.import_module(f"tests.feeds.{_MODULE}{feed}")
    constants = {
        name: value
        for name, value in vars(module).items()
        if name.isupper() and not name.startswith("_")
    }
    unknown = constants.keys() - {known.name for known in fields(Told)}
    assert not unknown, (
        f"{module.__name__} may hold VALID, IMPLIED, VIEWS and WHOLE; found {sorted(unknown)}"
    )
    return Told(**constants)


def _told(table: str) -> Told:
    return told_of(split_name(table)[1])


def implied_by(table: str, description: str) -> set[str]:
    """The rules that break with this one, which cannot break alone."""
    return _told(table).IMPLIED.get((table, description), set())


# --- values --------------------------------------------------------------------------------------

_INTEGER_BITS = {"smallint": 16, "int": 32, "bigint": 64}
_DECIMAL = re.compile(r"decimal\((\d+),(\d+)\)")


def _limits(kind: str) -> tuple[Any, Any] | None:
    """Smallest and largest value of a type that has them."""
    if kind in _INTEGER_BITS:
        half = 2 ** (_INTEGER_BITS[kind] - 1)
        return -half, half - 1
    if match := _DECIMAL.fullmatch(kind):
        digits, scale = int(match[1]), int(match[2])
        most = Decimal(10**digits - 1).scaleb(-scale)
        return -most, most
    if kind == "date":
        return dt.date(1, 1, 1), dt.date(9999, 12, 31)
    return None


def _step(kind: str) -> Any:
    if match := _DECIMAL.fullmatch(kind):
        return Decimal(1).scaleb(-int(match[2]))
    return (
        dt.timedelta(days=1)
        if kind == "date"
        else dt.timedelta(microseconds=1)
        if kind.startswith("timestamp")
        else 1
    )


def to_kind(kind: str, value: Any) -> Any:
    """A suite's bound as a value of the column's type."""
    if kind in ("double", "float"):
        return float(value)
    if _DECIMAL.fullmatch(kind):
        return Decimal(str(value))
    if kind == "date" and isinstance(value, str):
        return dt.date.fromisoformat(value)
    if kind.startswith("timestamp") and not isinstance(value, dt.datetime):
        return dt.datetime.fromisoformat(str(value))
    return value


def neighbours(kind: str, bound: Any) -> list[Any]:
    """The bound and the values next to it, below and above, as far as the type has them."""
    value = to_kind(kind, bound)
    if kind in ("double", "float"):
        return [
            value,
            math.nextafter(value, -math.inf),
            math.nextafter(value, math.inf),
            value - 1,
            value + 1,
        ]
    around = [value]
    limits = _limits(kind)
    if limits is None or value > limits[0]:
        around.append(value - _step(kind))
    if limits is None or value < limits[1]:
        around.append(value + _step(kind))
    return [v for v in around if limits is None or limits[0] <= v <= limits[1]]


_COMMON: dict[str, list[Any]] = {
    "string": [None, "", " ", "x1", "X1", "x1\n", "Ä\N{GRINNING FACE}", "é", "NaN", "a" * 300],
    "double": [None, math.nan, math.inf, -math.inf, 0.0, -0.0, 5e-324, 1.7976931348623157e308],
    "boolean": [None, True, False],
    "binary": [None, b"", b"\x00"],
    "timestamp": [None, dt.datetime(1970, 1, 1), dt.datetime(2024, 2, 29, 23, 59, 59, 999999)],
}


def edge_values(own: Field, suite: Suite) -> list[Any]:
    """NULL, what is odd in the type, and what lies on and around every bound that the suite sets to
    the column.
    """
    kind = own.type
    values = list(_COMMON.get("double" if kind == "float" else kind, [None]))
    if limits := _limits(kind):
        values += [*limits, to_kind(kind, 0) if kind != "date" else dt.date(2024, 2, 29)]
    for rule in suite.expectations:
        if own.name in rule.columns:
            values += _values_of(kind, rule)
    return list({repr(value): value for value in values}.values())


def _values_of(kind: str, rule: Expectation) -> list[Any]:
    values: list[Any] = []
    bounds = [
        rule.kwargs[key] for key in ("min_value", "max_value") if rule.kwargs.get(key) is not None
    ]
    if rule.type == "expect_column_values_to_be_between":
        for bound in bounds:
            values += neighbours(kind, bound)
    if rule.type.startswith("expect_column_value_lengths"):
        lengths = bounds or [rule.kwargs["value"]]
        values += [
            "é" * length
            for bound in lengths
            for length in (bound - 1, bound, bound + 1)
            if length >= 0
        ]
    for member in rule.kwargs.get("value_set") or []:
        values += [member, *([member.upper(), f"{member} "] if isinstance(member, str) else [])]
    for pattern in (rule.kwargs.get("regex"), *rule.kwargs.get("regex_list", ())):
        values += matches(pattern)
    return values


def matches(pattern: str | None) -> list[str]:
    """Texts that a pattern without classes matches, and the same with a line's end; of others only
    what they match of some ids.
    """
    if not pattern:
        return []
    plain = pattern.removeprefix("^").removesuffix("\\z")
    if re.escape(plain) == plain:
        return [plain, f"{plain}\n", f" {plain}"]
    # Ids that a program has made numbers.
    in_python = re.compile(pattern.replace("\\z", "\\Z"))
    return [text for text in ("5.01235E+12", "101.0") if in_python.search(text)]


# --- valid rows ----------------------------------------------------------------------------------


def valid_rows(table: str) -> list[Row]:
    """Rows that keep every critical rule; the first keeps the warnings too."""
    contract, suite = load_contract(table), load_suite(table)
    base = {own.name: _valid_value(own, suite) for own in contract.fields}
    told = _told(table).VALID.get(table, ({},))
    rows = [{**base, **given} for given in told]
    unknown = {name for given in told for name in given} - base.keys()
    assert not unknown, f"{table}: VALID names columns that the contract lacks: {unknown}"
    return rows


def _valid_value(own: Field, suite: Suite) -> Any:
    for rule in suite.expectations:
        if rule.kwargs.get("column") == own.name and rule.kwargs.get("value_set"):
            return to_kind(own.type, rule.kwargs["value_set"][0])
    between = [
        r.kwargs
        for r in suite.expectations
        if r.type.endswith("values_to_be_between") and r.kwargs["column"] == own.name
    ]
    lows = [to_kind(own.type, k["min_value"]) for k in between if k.get("min_value") is not None]
    highs = [to_kind(own.type, k["max_value"]) for k in between if k.get("max_value") is not None]
    if lows or highs:
        return max(lows) if lows else min(highs)
    return _plain_value(own.type)


def _plain_value(kind: str) -> Any:
    if kind in _INTEGER_BITS:
        return 1
    if _DECIMAL.fullmatch(kind):
        return Decimal(1)
    plain = {
        "string": "x1", "double": 1.0, "float": 1.0, "boolean": True, "binary": b"\x01",
        "date": dt.date(2024, 1, 1), "timestamp": dt.datetime(2024, 1, 1), "timestamp_ntz": dt.datetime(2024, 1, 1),
    }  # fmt: skip
    return (
        plain[kind]
        if kind in plain
        else []
        if kind.startswith("array")
        else {}
        if kind.startswith("map")
        else None
    )


# --- edge cases, for parity with Great Expectations ----------------------------------------------


def edge_rows(table: str) -> list[Row]:
    """Valid rows with one column changed to each of its edge values, and for pairs every two of
    theirs.
    """
    suite, bases = load_suite(table), valid_rows(table)
    values = {own.name: edge_values(own, suite) for own in load_contract(table).fields}
    rows = list(bases)
    for name in values:
        rows += [{**bases[0], name: value} for value in values[name]]
    for rule in suite.expectations:
        if len(rule.columns) == 2:
            one, other = rule.columns
            rows += [{**bases[0], one: a, other: b} for a in values[one] for b in values[other]]
    # Rows that are odd in every column at once.
    longest = max(len(each) for each in values.values())
    rows += [{name: each[n % len(each)] for name, each in values.items()} for n in range(longest)]
    return rows


# --- mutants of row rules ------------------------------------------------------------------------


@dataclass(frozen=True)
class Mutant:
    """A row that is to break one rule and no other."""

    rule: int
    """Place of the rule in its suite."""
    base: int
    """Which valid row it was made from."""
    row: Row


def row_mutants(table: str) -> list[Mutant]:
    """Candidates, for each rule of the suite that a single row can break: from each valid row, one
    column changed.
    """
    contract, suite = load_contract(table), load_suite(table)
    kinds = {own.name: own.type for own in contract.fields}
    return [
        Mutant(place, number, {**base, **change})
        for place, rule in enumerate(suite.expectations)
        for number, base in enumerate(valid_rows(table))
        for change in _changes(rule, kinds, base)
    ]


def _changes(rule: Expectation, kinds: dict[str, str], base: Row) -> Iterator[Row]:
    """One column each, changed so that the rule breaks."""
    column = rule.kwargs.get("column", "")
    if rule.type == NOT_NULL:
        yield {column: None}
    elif rule.type == "expect_column_values_to_be_null":
        yield {column: _plain_value(kinds[column])}
    elif rule.type == "expect_column_values_to_be_between":
        yield from _out_of_bounds(column, kinds[column], rule)
    elif rule.type == "expect_column_values_to_be_in_set":
        yield {
            column: "no such member"
            if kinds[column] == "string"
            else to_kind(kinds[column], -12345)
        }
    elif rule.type == "expect_column_values_to_not_be_in_set":
        yield {column: rule.kwargs["value_set"][0]}
    elif rule.type.startswith("expect_column_value_lengths"):
        low, high = (
            rule.kwargs.get(key, rule.kwargs.get("value")) for key in ("min_value", "max_value")
        )
        yield from (
            {column: "x" * length}
            for length in ([low - 1] if low else []) + ([high + 1] if high is not None else [])
        )
    elif rule.type in (
        "expect_column_values_to_match_regex",
        "expect_column_values_to_match_regex_list",
    ):
        yield from (
            {column: text}
            for text in (
                "",
                " ",
                "\N{SNOWMAN} \n",
                f" {base[column]}",
                f"{base[column]}\N{SNOWMAN}",
                # A pattern that ends in $ would let it pass.
                f"{base[column]}\n",
            )
        )
    elif rule.type == "expect_column_values_to_not_match_regex":
        yield from ({column: text} for text in matches(rule.kwargs["regex"])[:1])
    elif rule.type == PAIR:
        yield from _out_of_order(rule, kinds, base)


def _out_of_bounds(column: str, kind: str, rule: Expectation) -> Iterator[Row]:
    low, high = rule.kwargs.get("min_value"), rule.kwargs.get("max_value")
    # The library compares with doubles, which above 2**53 are coarser than bigint: so the type's
    # own limits too.
    least, most = _limits(kind) or (None, None)
    for value in [*neighbours(kind, low), least] if low is not None else []:
        if value is not None and value < to_kind(kind, low):
            yield {column: value}
    for value in [*neighbours(kind, high), most] if high is not None else []:
        if value is not None and value > to_kind(kind, high):
            yield {column: value}
    if kind in ("double", "float"):
        yield {column: math.nan}


def _out_of_order(rule: Expectation, kinds: dict[str, str], base: Row) -> Iterator[Row]:
    one, other = rule.kwargs["column_A"], rule.kwargs["column_B"]
    if base[one] is None or base[other] is None:
        return
    yield {one: base[other] - _step(kinds[one])}
    limits = _limits(kinds[other])
    if limits is None or base[one] < limits[1]:
        yield {other: base[one] + _step(kinds[other])}
    if not rule.kwargs.get("or_equal"):
        yield {one: base[other]}


# --- mutants of rules on the whole table ---------------------------------------------------------


def valid_table(table: str) -> Whole:
    """The first valid row, beside views on which its queries hold."""
    return Whole(valid_rows(table)[:1], _told(table).VIEWS.get(table, {}))


def broken_table(table: str, rule: Expectation) -> Whole:
    """A table on which this rule alone does not hold; KeyError where nobody has said how to break
    it.
    """
    if whole := _told(table).WHOLE.get((table, rule.description)):
        return whole
    base = valid_rows(table)[0]
    views = _told(table).VIEWS.get(table, {})
    if rule.is_uniqueness:
        # Everything but the key differs.
        other = next(iter(valid_rows(table)[1:]), base)
        return Whole([base, {**other, **{name: base[name] for name in rule.columns}}], views)
    if rule.type == "expect_column_sum_to_be_between":
        return Whole(_many(table, rule), views)
    if rule.type == "expect_table_row_count_to_be_between":
        low, high = rule.kwargs.get("min_value"), rule.kwargs.get("max_value")
        return Whole([base] * (low - 1 if low else high + 1), views)
    raise KeyError(f"say in WHOLE how to break {rule.type} of {table}: {rule.description}")


def _many(table: str, rule: Expectation) -> list[Row]:
    """Rows with different keys, each with the column's largest allowed value, one more than the sum
    allows.
    """
    column, most = rule.kwargs["column"], rule.kwargs["max_value"]
    kind = next(own.type for own in fields_of(table) if own.name == column)
    each = max(to_kind(kind, r.kwargs["max_value"]) for r in load_suite(table).expectations
               if r.type == "expect_column_values_to_be_between" and r.kwargs["column"] == column)  # fmt: skip
    key = load_contract(table).key[0]
    count = int(to_kind(kind, most) / each) + 1
    return [{**valid_rows(table)[0], key: f"k{n}", column: each} for n in range(count)]


def complete(contract: Contract, rows: list[Row]) -> list[tuple[Any, ...]]:
    """Rows as tuples in the contract's order; a column that a row lacks is valid and plain."""
    return [
        tuple(row.get(own.name, _plain_value(own.type)) for own in contract.fields) for row in rows
    ]
