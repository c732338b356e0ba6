"""Row rules asked by Arrow of rows that lie in this process, as Spark asks them of its own.

Each answer is that of the rule's condition in Spark (`conditions`), row by row; tests compare both
over odd values. What Arrow might answer otherwise it is not asked: then Spark judges the rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from strata.declare.suite import Expectation
from strata.gate import conditions, patterns
from strata.kit.keys import ROW_ID

Columns: TypeAlias = "Sequence[pa.ChunkedArray]"
Kinds: TypeAlias = "Sequence[pa.DataType]"
Arguments: TypeAlias = "dict[str, Any]"

_APART = 2**51
"""Up to here whole numbers are told apart by doubles that are rounded twice."""


def can_ask(expectations: Sequence[Expectation], schema: pa.Schema) -> bool:
    """Whether Arrow answers all of these row rules as Spark does, of rows with this schema."""
    return all(_can_ask(e, schema) for e in expectations)


def _can_ask(expectation: Expectation, schema: pa.Schema) -> bool:
    if not conditions.is_known(expectation) or not set(expectation.columns) <= set(schema.names):
        return False
    fits, _ = _ASKED[expectation.type]
    return fits([schema.field(name).type for name in expectation.columns], expectation.kwargs)


def asked_columns(schema: pa.Schema, expectations: Sequence[Expectation]) -> list[str]:
    """The columns that the rules ask of, and those that tell a row from every other."""
    asked = {*ROW_ID, *(name for e in expectations for name in e.columns)}
    return [name for name in schema.names if name in asked]


def count_broken(rows: pa.Table, expectations: Sequence[Expectation]) -> list[int]:
    """Of each rule, how many rows break it; of rules that Arrow `can_ask`."""
    return [int(pc.sum(breaks(rows, e)).as_py() or 0) for e in expectations]


def breaks(rows: pa.Table, expectation: Expectation) -> pa.ChunkedArray:
    """Whether each row breaks the rule; NULL where a value is missing and the rule lets it be."""
    _, ask = _ASKED[expectation.type]
    return ask([rows[name] for name in expectation.columns], expectation.kwargs)


# --- the types -----------------------------------------------------------------------------------


def _any_kind(_: Kinds, __: Arguments) -> bool:
    return True


def _are_texts(kinds: Kinds, _: Arguments) -> bool:
    return pa.types.is_string(kinds[0])


def _has_alike_pattern(kinds: Kinds, kwargs: Arguments) -> bool:
    return pa.types.is_string(kinds[0]) and patterns.is_alike(kwargs["regex"])


def _are_bounded(kinds: Kinds, kwargs: Arguments) -> bool:
    bounds = [float(kwargs[key]) for key in ("min_value", "max_value") if key in kwargs]
    if pa.types.is_decimal(kinds[0]):
        return all(_is_exact(abs(bound), kinds[0].scale) for bound in bounds)
    is_number = pa.types.is_integer(kinds[0]) or _is_double(kinds[0])
    return is_number and not any(map(math.isnan, bounds))


def _is_exact(bound: float, scale: int) -> bool:
    """Whether decimals near the bound, made doubles, lie on the side of it where they lay.

    Arrow multiplies their digits by the double nearest to 0.00…1, so that 0.7 comes out above 0.7.
    """
    digits = bound * 10.0**scale
    return bound.is_integer() and digits < _APART and digits * float(f"1e-{scale}") == bound


def _are_comparable(kinds: Kinds, _: Arguments) -> bool:
    [first, second] = kinds
    is_ordered = any(
        is_kind(first)
        for is_kind in (pa.types.is_integer, pa.types.is_date, pa.types.is_timestamp, _is_double)
    )
    return first == second and is_ordered


def _is_double(kind: pa.DataType) -> bool:
    return pa.types.is_float32(kind) or pa.types.is_float64(kind)


def _is_missing(columns: Columns, _: Arguments) -> pa.ChunkedArray:
    return pc.is_null(columns[0])


def _is_there(columns: Columns, _: Arguments) -> pa.ChunkedArray:
    return pc.is_valid(columns[0])


def _is_among(columns: Columns, kwargs: Arguments) -> pa.ChunkedArray:
    return pc.is_in(columns[0], value_set=pa.array(kwargs["value_set"], columns[0].type))


def _is_not_among(columns: Columns, kwargs: Arguments) -> pa.ChunkedArray:
    return pc.and_(pc.is_valid(columns[0]), pc.invert(_is_among(columns, kwargs)))


def _matches(columns: Columns, kwargs: Arguments) -> pa.ChunkedArray:
    return pc.match_substring_regex(columns[0], kwargs["regex"])


def _does_not_match(columns: Columns, kwargs: Arguments) -> pa.ChunkedArray:
    return pc.invert(_matches(columns, kwargs))


def _is_outside(columns: Columns, kwargs: Arguments) -> pa.ChunkedArray:
    """Compared as doubles, as the library's bounds are."""
    values = columns[0].cast(pa.float64(), safe=False)
    below = pc.less_equal if kwargs.get("strict_min") else pc.less
    above = pc.greater_equal if kwargs.get("strict_max") else pc.greater
    fails = []
    if "min_value" in kwargs:
        fails.append(below(values, float(kwargs["min_value"])))
    if "max_value" in kwargs:
        # To Spark, NaN is greater than every number.
        fails += [above(values, float(kwargs["max_value"])), pc.is_nan(values)]
    return _any(fails)


def _is_not_greater(columns: Columns, kwargs: Arguments) -> pa.ChunkedArray:
    first, second = columns
    or_equal = kwargs.get("or_equal")
    fails = [(pc.less if or_equal else pc.less_equal)(first, second)]
    if _is_double(second.type):
        # To Spark, NaN equals NaN, and is greater than every number.
        is_greatest = pc.is_nan(second)
        is_less = pc.and_(is_greatest, pc.invert(pc.is_nan(first)))
        fails.append(is_less if or_equal else pc.and_(is_greatest, pc.is_valid(first)))
    return _any(fails)


def _any(parts: Sequence[pa.ChunkedArray]) -> pa.ChunkedArray:
    found, *others = parts
    for other in others:
        found = pc.or_(found, other)
    return found


_ASKED: dict[
    str,
    tuple[Callable[[Kinds, Arguments], bool], Callable[[Columns, Arguments], pa.ChunkedArray]],
] = {
    "expect_column_values_to_not_be_null": (_any_kind, _is_missing),
    "expect_column_values_to_be_null": (_any_kind, _is_there),
    "expect_column_values_to_be_between": (_are_bounded, _is_outside),
    "expect_column_values_to_be_in_set": (_are_texts, _is_not_among),
    "expect_column_values_to_not_be_in_set": (_are_texts, _is_among),
    "expect_column_values_to_match_regex": (_has_alike_pattern, _does_not_match),
    "expect_column_values_to_not_match_regex": (_has_alike_pattern, _matches),
    "expect_column_pair_values_a_to_be_greater_than_b": (_are_comparable, _is_not_greater),
}
"""By type, each that `conditions` knows: of which columns Arrow is asked, and which rows fail."""
