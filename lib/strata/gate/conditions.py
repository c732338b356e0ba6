"""When a row breaks a rule, for the types of rules that most suites are made of: without Great
Expectations, whose import alone takes seconds.

Each condition is the library's own definition of its type; a test counts both over mixed rows. A
rule of another type, or with an argument that is not named here, is the library's to answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING, Any

from strata.declare.suite import Expectation

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

BETWEEN = "expect_column_values_to_be_between"
IN_SET = "expect_column_values_to_be_in_set"
_EXACT_DIGITS = 15


def is_known(expectation: Expectation) -> bool:
    """Whether the rule's condition is made here."""
    known = KNOWN.get(expectation.type)
    return known is not None and set(expectation.kwargs) <= known[0] and known[1](expectation)


def failing(expectation: Expectation, frame: DataFrame) -> Column:
    """True where a row of the frame breaks the rule, else false; for a rule that `is_known`."""
    from pyspark.sql import functions as F

    _, _, make = KNOWN[expectation.type]
    fails = F.coalesce(make(expectation, frame), F.lit(False))
    if expectation.type != _PAIR:
        return fails
    when = expectation.kwargs.get("ignore_row_if", "both_values_are_missing")
    return fails & ~is_ignored(expectation, when)


def is_ignored(expectation: Expectation, when: str | None) -> Column:
    """Whether the library leaves the row out for its missing values: it filters such rows before it
    counts.
    """
    from pyspark.sql import functions as F

    missing = [F.col(name).isNull() for name in expectation.columns]
    if when in ("both_values_are_missing", "all_values_are_missing"):
        return reduce(and_, missing)
    if when in ("either_value_is_missing", "any_value_is_missing"):
        return reduce(or_, missing)
    return F.lit(False)


def exact_bounds(
    expectation: Expectation, asked: dict[str, Any], frame: DataFrame
) -> dict[str, Any]:
    """The bounds of a short decimal column as decimals, which Spark compares several times faster
    than as doubles.

    The answer is the same: a double tells any two decimals of at most 15 digits apart, in their
    order (IEEE 754).
    """
    from pyspark.sql.types import DecimalType

    kind = frame.schema[expectation.columns[0]].dataType if len(expectation.columns) == 1 else None
    if not isinstance(kind, DecimalType) or kind.precision > _EXACT_DIGITS:
        return asked

    def exact(bound: Any) -> Any:
        is_short = (
            isinstance(bound, (int, float))
            and math.isfinite(bound)
            and len(repr(bound)) <= _EXACT_DIGITS
            and "e" not in repr(bound)  # Of 1e300 Spark knows no decimal.
        )
        # A sum has the finer scale of the two: with at least the column's own, Spark need not widen
        # each value.
        return Decimal(repr(bound)) + Decimal(0).scaleb(-kind.scale) if is_short else bound

    return {
        key: exact(value) if key in ("min_value", "max_value") else value
        for key, value in asked.items()
    }


# --- the types -----------------------------------------------------------------------------------

_PAIR = "expect_column_pair_values_a_to_be_greater_than_b"


def _is_null(expectation: Expectation, _: DataFrame) -> Column:
    from pyspark.sql import functions as F

    return F.col(expectation.columns[0]).isNull()


def _is_not_null(expectation: Expectation, _: DataFrame) -> Column:
    from pyspark.sql import functions as F

    return F.col(expectation.columns[0]).isNotNull()


def _is_outside(expectation: Expectation, frame: DataFrame) -> Column:
    from pyspark.sql import functions as F

    column, kwargs = F.col(expectation.columns[0]), expectation.kwargs
    # A bound is a double to the library.
    asked: dict[str, Any] = {
        key: float(kwargs[key]) for key in ("min_value", "max_value") if key in kwargs
    }
    bounds = exact_bounds(expectation, asked, frame)
    within = []
    if "min_value" in bounds:
        low = F.lit(bounds["min_value"])
        within.append(column > low if kwargs.get("strict_min") else column >= low)
    if "max_value" in bounds:
        high = F.lit(bounds["max_value"])
        within.append(column < high if kwargs.get("strict_max") else column <= high)
    return column.isNotNull() & ~reduce(and_, within)


def _has_number_bounds(expectation: Expectation) -> bool:
    bounds = [expectation.kwargs[k] for k in ("min_value", "max_value") if k in expectation.kwargs]
    return bool(bounds) and all(type(bound) in (int, float) for bound in bounds)


def _is_not_in_set(expectation: Expectation, _: DataFrame) -> Column:
    from pyspark.sql import functions as F

    column = F.col(expectation.columns[0])
    return column.isNotNull() & ~column.isin(list(expectation.kwargs["value_set"]))


def _is_in_set(expectation: Expectation, _: DataFrame) -> Column:
    from pyspark.sql import functions as F

    return F.col(expectation.columns[0]).isin(list(expectation.kwargs["value_set"]))


def _has_text_set(expectation: Expectation) -> bool:
    values = expectation.kwargs.get("value_set")
    return isinstance(values, list) and bool(values) and all(type(v) is str for v in values)


def _does_not_match(expectation: Expectation, _: DataFrame) -> Column:
    from pyspark.sql import functions as F

    column = F.col(expectation.columns[0])
    return column.isNotNull() & ~column.rlike(expectation.kwargs["regex"])


def _matches(expectation: Expectation, _: DataFrame) -> Column:
    from pyspark.sql import functions as F

    column = F.col(expectation.columns[0])
    return column.isNotNull() & column.rlike(expectation.kwargs["regex"])


def _is_not_greater(expectation: Expectation, _: DataFrame) -> Column:
    from pyspark.sql import functions as F

    first, second = map(F.col, expectation.columns[:2])
    if expectation.kwargs.get("or_equal"):
        return ~((first >= second) | first.eqNullSafe(second))
    return ~(first > second)


def _always(_: Expectation) -> bool:
    return True


def _has_regex(expectation: Expectation) -> bool:
    return isinstance(expectation.kwargs.get("regex"), str)


KNOWN: dict[
    str,
    tuple[set[str], Callable[[Expectation], bool], Callable[[Expectation, DataFrame], Column]],
] = {
    "expect_column_values_to_not_be_null": ({"column"}, _always, _is_null),
    "expect_column_values_to_be_null": ({"column"}, _always, _is_not_null),
    BETWEEN: (
        {"column", "min_value", "max_value", "strict_min", "strict_max"},
        _has_number_bounds,
        _is_outside,
    ),
    IN_SET: ({"column", "value_set"}, _has_text_set, _is_not_in_set),
    "expect_column_values_to_not_be_in_set": ({"column", "value_set"}, _has_text_set, _is_in_set),
    "expect_column_values_to_match_regex": ({"column", "regex"}, _has_regex, _does_not_match),
    "expect_column_values_to_not_match_regex": ({"column", "regex"}, _has_regex, _matches),
    _PAIR: ({"column_A", "column_B", "or_equal", "ignore_row_if"}, _always, _is_not_greater),
}
"""By type: the arguments that are understood, a further condition on them, and when a row
fails."""
