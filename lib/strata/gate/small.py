"""The gate of a small candidate: its judged rows are fetched once, by Arrow, and split and counted
in the driver.

Each job of Spark costs a tenth of a second or more, whatever it reads; a small table took five to
eleven of them. The rules are the same Columns, evaluated by Spark; only what follows from them, the
counts, the split, the reasons and which keys are shared, is reckoned here. Tests hold every count
to that of `counting`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import reduce
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from strata.declare.suite import NOT_NULL, Expectation
from strata.gate import conditions
from strata.gate.conditions import BETWEEN, IN_SET
from strata.gate.counting import Tally
from strata.gate.judging import (
    ACCEPTED,
    FOLDED,
    REJECTED,
    RULES_A_WORD,
    Rule,
    broken_columns,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.types import StructType

_HASHABLE = (
    pa.types.is_string,
    pa.types.is_integer,
    pa.types.is_date,
    pa.types.is_timestamp,
    pa.types.is_boolean,
    pa.types.is_decimal,
    pa.types.is_binary,
)


def fetch(judged: DataFrame, columns: Sequence[str], rules: list[Rule]) -> pa.Table:
    """The judged rows, with these columns and what the gate notes of each: one job."""
    noted = {"_verdict", "_reasons", "_fold", "_rows", "_identity", *broken_columns(rules)}
    wanted = {*columns, *noted}
    return judged.select(*[name for name in judged.columns if name in wanted]).toArrow()


def schema_of(judged: DataFrame, fetched: pa.Table) -> StructType:
    """The types of the fetched columns, as Spark had them."""
    return judged.select(*fetched.column_names).schema


def accepted(judged: pa.Table, columns: Sequence[str]) -> pa.Table:
    """The accepted rows, with these columns."""
    return _with_verdict(judged, ACCEPTED).select(list(columns))


def rejected(judged: pa.Table, columns: Sequence[str]) -> pa.Table:
    """The rejected rows, with these columns."""
    return _with_verdict(judged, REJECTED).select(list(columns))


def _with_verdict(judged: pa.Table, verdict: int) -> pa.Table:
    return judged.filter(pc.equal(judged["_verdict"], verdict))


def count(judged: pa.Table, rows_in: int, rules: list[Rule], folds: Sequence[str]) -> Tally:
    """The Tally of judged rows, complete."""
    verdict = _numbers(judged, "_verdict")
    weighs = "_rows" in judged.column_names
    weight = _numbers(judged, "_rows") if weighs else np.ones(len(verdict), dtype=np.int64)
    tally = Tally(
        rows_in=rows_in,
        accepted=int(weight[verdict == ACCEPTED].sum()),
        quarantined=int(weight[verdict == REJECTED].sum()),
        folded=int(weight[verdict == FOLDED].sum()),
        rows_written=int((verdict == ACCEPTED).sum()),
        rows_rejected=int((verdict == REJECTED).sum()),
        folds=_count_folds(judged, verdict, weight, folds),
        broken=[_count_broken(judged, number, rules) for number in range(len(rules))],
    )
    if "_identity" in judged.column_names:
        identity = _numbers(judged, "_identity")
        tally.identity = _xor(identity[weight == 1] if weighs else identity)
        tally.written_identity = _xor(identity[verdict == ACCEPTED])
    return tally


def _numbers(judged: pa.Table, column: str) -> Any:
    values = judged[column].combine_chunks()
    return np.asarray(pc.fill_null(values, 0).to_numpy(zero_copy_only=False), dtype=np.int64)


def _xor(values: Any) -> int:
    return int(np.bitwise_xor.reduce(values)) if len(values) else 0


def _count_folds(
    judged: pa.Table, verdict: Any, weight: Any, folds: Sequence[str]
) -> dict[str, int]:
    """Input rows folded, by each declared reason that was met."""
    if "_fold" not in judged.column_names:
        return {}
    found = {}
    for reason in folds:
        is_reason = pc.fill_null(pc.equal(judged["_fold"], reason), False)
        mask = is_reason.to_numpy(zero_copy_only=False) & (verdict == FOLDED)
        found[reason] = int(weight[mask].sum())
    return {reason: n for reason, n in found.items() if n}


def _count_broken(judged: pa.Table, number: int, rules: list[Rule]) -> int:
    """Rows that break the rule. Folded rows have no bits: nobody asks rules of them."""
    word, bit = divmod(number, RULES_A_WORD)
    bits = _numbers(judged, broken_columns(rules)[word])
    return int(((bits >> bit) & 1).sum())


def reasons(judged: pa.Table) -> dict[str, int]:
    """Rejected rows, by each reason that they have."""
    lists = _with_verdict(judged, REJECTED)["_reasons"].to_pylist()
    return dict(Counter(reason for row in lists for reason in row))


# --- rules without Spark -------------------------------------------------------------------------


def can_ask(expectations: Sequence[Expectation], schema: pa.Schema) -> bool:
    """Whether Arrow can answer these row rules of rows with this schema, as Spark's Columns do:
    that a value is there, in bounds, or one of some texts.
    """
    return all(_is_asked(e, schema) for e in expectations)


def _is_asked(expectation: Expectation, schema: pa.Schema) -> bool:
    if not conditions.is_known(expectation) or expectation.columns[0] not in schema.names:
        return False
    kind = schema.field(expectation.columns[0]).type
    if expectation.type == BETWEEN:
        # Fractions are left out: NaN has its own place in Spark's order.
        return pa.types.is_integer(kind) or pa.types.is_decimal(kind)
    return expectation.type == NOT_NULL or (expectation.type == IN_SET and pa.types.is_string(kind))


def count_broken(rows: pa.Table, expectations: Sequence[Expectation]) -> list[int]:
    """Of each rule, how many rows break it; of rules that Arrow `can_ask`."""
    return [_count_breaking(rows[e.columns[0]], e) for e in expectations]


def _count_breaking(column: pa.ChunkedArray, expectation: Expectation) -> int:
    if expectation.type == NOT_NULL:
        return int(column.null_count)
    if expectation.type == IN_SET:
        held = pc.is_in(column, value_set=pa.array(expectation.kwargs["value_set"], column.type))
    else:
        held = _is_between(column.cast(pa.float64(), safe=False), expectation.kwargs)
    return int(pc.sum(pc.and_(pc.is_valid(column), pc.invert(held))).as_py() or 0)


def _is_between(column: pa.ChunkedArray, bounds: dict[str, Any]) -> pa.ChunkedArray:
    """Compared as doubles, as the library's bounds are."""
    low, high = float(bounds.get("min_value", -inf)), float(bounds.get("max_value", inf))
    above = pc.greater if bounds.get("strict_min") else pc.greater_equal
    below = pc.less if bounds.get("strict_max") else pc.less_equal
    return pc.and_(above(column, low), below(column, high))


# --- uniqueness ----------------------------------------------------------------------------------


def can_tell_keys(table: pa.Table, expectation: Expectation) -> bool:
    """Whether Arrow tells the rule's keys apart as Spark does; fractions it does not (-0.0,
    NaN)."""
    return all(
        any(is_kind(table.schema.field(name).type) for is_kind in _HASHABLE)
        for name in expectation.columns
    )


def count_shared(table: pa.Table, expectation: Expectation) -> int:
    """Rows whose key another row has too, as Great Expectations counts them.

    Rows whose key is NULL in every column are ignored, or as `ignore_row_if` says.
    """
    names = list(expectation.columns)
    known = table.select(names)
    missing = [pc.is_null(known[name]) for name in names]
    when = expectation.kwargs.get("ignore_row_if", "all_values_are_missing")
    if when in ("all_values_are_missing", "both_values_are_missing"):
        known = known.filter(pc.invert(reduce(pc.and_, missing)))
    elif when in ("any_value_is_missing", "either_value_is_missing"):
        known = known.filter(pc.invert(reduce(pc.or_, missing)))
    counts = known.group_by(names).aggregate([([], "count_all")])["count_all"]
    return int(pc.sum(counts.filter(pc.greater(counts, 1))).as_py() or 0)
