"""The rules of rows of a suite, asked of plain Python values.

They are the same rules, read from the same file, that the gate asks Spark by Great Expectations'
Columns, and they answer the same: a value that is NULL breaks no rule but `not_null`, and NaN is
greater than every number, as it is to Spark.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from strata.declare.suite import NOT_NULL, Expectation, Suite
from strata.errors import DeclarationError

Row = Mapping[str, Any]
Breaks = Callable[[Row], bool]
Keeps = Callable[[Mapping[str, Any]], Any]
"""Whether rows, given as columns, surely keep a rule: one answer a row."""
Numbered = tuple[tuple[int, Breaks], ...]

_BETWEEN = "expect_column_values_to_be_between"
_IN_SET = "expect_column_values_to_be_in_set"
_NOT_IN_SET = "expect_column_values_to_not_be_in_set"
_MATCHES = "expect_column_values_to_match_regex"
_MATCHES_NOT = "expect_column_values_to_not_match_regex"
_GREATER = "expect_column_pair_values_a_to_be_greater_than_b"
_OF_TABLE = ("unexpected_rows_expectation", "expect_table_", "expect_compound_columns_to_be_unique",
             "expect_column_values_to_be_unique", "expect_column_sum_", "expect_column_max_",
             "expect_column_min_", "expect_column_mean_", "expect_column_distinct_")  # fmt: skip
_EITHER = "either_value_is_missing"


@dataclass(frozen=True)
class RowRules:
    """The critical rules of one suite that a single row can break."""

    rules: tuple[tuple[str, Breaks], ...]
    """The sentence of each, and whether a row breaks it; in the suite's order."""
    columns: tuple[frozenset[str], ...] = ()
    """The columns that each asks, in the same order."""
    intervals: tuple[tuple[float, float] | None, ...] = ()
    """For a rule of one column, in the same order: the values, NULL and NaN aside, within which it
    holds; None where it is no such rule."""
    keeps: tuple[Keeps | None, ...] = ()
    """In the same order, whether columns of numbers surely keep it; None where it asks other than
    numbers."""

    def broken_by(self, row: Row) -> tuple[str, ...]:
        """The sentences of the rules that a row breaks; empty for a sound one."""
        return tuple([sentence for sentence, breaks in self.rules if breaks(row)])

    def among(self, *columns: str) -> Numbered:
        """The rules that ask none but these columns, with their places."""
        return tuple(
            (place, self.rules[place][1])
            for place, asked in enumerate(self.columns)
            if asked <= set(columns)
        )

    def interval(self, column: str) -> tuple[float, float] | None:
        """A value of the column within these, both ends included, breaks none of its rules of one
        column; None where that cannot be said."""
        of = [i for i, asked in zip(self.intervals, self.columns, strict=True) if asked == {column}]
        known = [interval for interval in of if interval is not None]
        if len(known) < len(of):
            return None
        return max((i[0] for i in known), default=-math.inf), min(
            (i[1] for i in known), default=math.inf
        )

    def surely_kept(self, columns: Mapping[str, Any], told: Collection[str] = ()) -> Any:
        """Which rows surely keep every rule, by columns of numbers in which NaN stands for NULL and
        for NaN; rules that ask none but the columns told elsewhere are not asked.

        A row of which it cannot be said is False, so that NaN is never taken for sound.
        """
        kept: Any = True
        for keeps, asked in zip(self.keeps, self.columns, strict=True):
            if not asked <= set(told):
                kept = kept & (keeps is not None and asked <= columns.keys() and keeps(columns))
        return kept

    def beside(self, parts: Sequence[Numbered]) -> Numbered:
        """The rules that are in none of these parts."""
        told = {place for part in parts for place, _ in part}
        return tuple((n, breaks) for n, (_, breaks) in enumerate(self.rules) if n not in told)


def row_rules(suite: Suite, columns: Collection[str]) -> RowRules:
    """The suite's critical rules of rows that ask these columns; rules of other columns hold what
    is computed beside them.

    DeclarationError for a type or argument that is not read here, and for a rule that asks one
    column of these and another one: a rule must not be passed over.
    """
    asked = [e for e in suite.expectations if e.severity == "critical" and not _is_of_table(e)]
    held = [e for e in asked if _asks(e, columns)]
    rules = tuple((e.description, _breaks(e)) for e in held)
    return RowRules(
        rules,
        tuple(frozenset(e.columns) for e in held),
        tuple(_interval(e) for e in held),
        tuple(_keeps(e) for e in held),
    )


def _interval(expectation: Expectation) -> tuple[float, float] | None:
    """The values within which a rule holds: all for `not null`, its bounds for `between`."""
    kwargs = expectation.kwargs
    if expectation.type == NOT_NULL:
        return -math.inf, math.inf
    if expectation.type != _BETWEEN or kwargs.get("strict_min") or kwargs.get("strict_max"):
        return None
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    return (-math.inf if low is None else low, math.inf if high is None else high)


def _keeps(expectation: Expectation) -> Keeps | None:
    """Comparisons that work on whole columns as well; with NaN each of them is false."""
    kwargs, is_strict = expectation.kwargs, expectation.kwargs.get
    if expectation.type == NOT_NULL:
        column = kwargs["column"]
        return lambda row: row[column] == row[column]
    if expectation.type == _BETWEEN:
        column, low, high = kwargs["column"], kwargs.get("min_value"), kwargs.get("max_value")
        over = operator.gt if is_strict("strict_min") else operator.ge
        under = operator.lt if is_strict("strict_max") else operator.le
        low, high = -math.inf if low is None else low, math.inf if high is None else high
        return lambda row: over(row[column], low) & under(row[column], high)
    if expectation.type == _GREATER:
        one, other = kwargs["column_A"], kwargs["column_B"]
        holds = operator.ge if kwargs.get("or_equal") else operator.gt
        return lambda row: holds(row[one], row[other])
    return None


def _asks(expectation: Expectation, columns: Collection[str]) -> bool:
    named = set(expectation.columns)
    if named & set(columns) and not named <= set(columns):
        raise DeclarationError(
            "a rule of rows asks columns that are known together; "
            f"{expectation.description!r} asks {', '.join(sorted(named))}: split it"
        )
    return named <= set(columns)


def _is_of_table(expectation: Expectation) -> bool:
    return expectation.type.startswith(_OF_TABLE)


def _breaks(expectation: Expectation) -> Breaks:
    make, arguments = _TYPES.get(expectation.type, (None, frozenset()))
    unknown = sorted(expectation.kwargs.keys() - arguments)
    if make is None or unknown:
        told = f" with {', '.join(unknown)}" if unknown else ""
        raise DeclarationError(
            "a rule of rows must be one that the path without Spark can ask too; "
            f"{expectation.type}{told} is not: choose one of {', '.join(sorted(_TYPES))}",
            type=expectation.type,
        )
    return make(expectation.kwargs)


# --- one maker a type ----------------------------------------------------------------------------


def _not_null(kwargs: Mapping[str, Any]) -> Breaks:
    column = kwargs["column"]
    return lambda row: row[column] is None


def _between(kwargs: Mapping[str, Any]) -> Breaks:
    column, low, high = kwargs["column"], kwargs.get("min_value"), kwargs.get("max_value")
    # Every comparison with NaN is false: so it keeps a least value and breaks a greatest one.
    under = operator.le if kwargs.get("strict_min") else operator.lt
    within = operator.lt if kwargs.get("strict_max") else operator.le

    def breaks(row: Row) -> bool:
        value = row[column]
        if value is None:
            return False
        return (low is not None and under(value, low)) or (
            high is not None and not within(value, high)
        )

    return breaks


def _in_set(kwargs: Mapping[str, Any]) -> Breaks:
    column, known = kwargs["column"], frozenset(kwargs["value_set"])
    return lambda row: row[column] is not None and row[column] not in known


def _not_in_set(kwargs: Mapping[str, Any]) -> Breaks:
    column, refused = kwargs["column"], frozenset(kwargs["value_set"])
    return lambda row: row[column] is not None and row[column] in refused


def _pattern(regex: str) -> re.Pattern[str]:
    """A suite's regular expression, which is Java's: `\\z` there is `\\Z` to Python."""
    return re.compile(regex.replace(r"\z", r"\Z"), re.ASCII)


def _matches(kwargs: Mapping[str, Any]) -> Breaks:
    column, find = kwargs["column"], _pattern(kwargs["regex"]).search
    return lambda row: row[column] is not None and not find(row[column])


def _matches_not(kwargs: Mapping[str, Any]) -> Breaks:
    column, find = kwargs["column"], _pattern(kwargs["regex"]).search
    return lambda row: row[column] is not None and bool(find(row[column]))


def _greater(kwargs: Mapping[str, Any]) -> Breaks:
    one, other = kwargs["column_A"], kwargs["column_B"]
    if kwargs.get("ignore_row_if") != _EITHER:
        raise DeclarationError(f"a rule of two columns says ignore_row_if: {_EITHER}; add it")
    holds = operator.ge if kwargs.get("or_equal") else operator.gt

    def breaks(row: Row) -> bool:
        a, b = row[one], row[other]
        if a is None or b is None or holds(a, b):
            return False
        # NaN equals itself, and is greater than all else.
        return not (_is_nan(a) and holds(1, 1 if _is_nan(b) else 0))

    return breaks


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


_Make = Callable[[Mapping[str, Any]], Breaks]
_BOUNDS = frozenset({"column", "min_value", "max_value", "strict_min", "strict_max"})
_SET, _REGEX = frozenset({"column", "value_set"}), frozenset({"column", "regex"})
_PAIR = frozenset({"column_A", "column_B", "or_equal", "ignore_row_if"})
_TYPES: dict[str, tuple[_Make, frozenset[str]]] = {
    NOT_NULL: (_not_null, frozenset({"column"})),
    _BETWEEN: (_between, _BOUNDS),
    _IN_SET: (_in_set, _SET),
    _NOT_IN_SET: (_not_in_set, _SET),
    _MATCHES: (_matches, _REGEX),
    _MATCHES_NOT: (_matches_not, _REGEX),
    _GREATER: (_greater, _PAIR),
}
