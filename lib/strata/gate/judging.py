"""Judged rows: each accepted, rejected or folded, with its reasons.

A row that breaks rules has them as bits of a number, so that it is judged once, and counted by what
it costs least.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa

from strata.declare.suite import NOT_NULL, Expectation
from strata.errors import ConservationError
from strata.kit import keys
from strata.kit.table import Rows

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

# The bits of one bigint; a suite of more row rules takes another column.
RULES_A_WORD = 62
ACCEPTED, FOLDED, REJECTED = 0, 1, 2
_T = TypeVar("_T")


@dataclass(frozen=True)
class Rule:
    """A row expectation, and what is true where a row breaks it."""

    expectation: Expectation
    breaks: Any
    """A Column; None where Spark is not asked about any row."""


def judge(frame: DataFrame, rules: list[Rule], rows: Rows) -> DataFrame:
    """Adds to each row its `_verdict`, its `_reasons` (never null), and the hash of its id as
    `_identity`.

    A row that the transform gives a reason is rejected, else one that it folds is folded; the suite
    judges the rest. A folded row adds nothing to the table, so the table's rules do not ask of it.
    The rules that a row breaks are bits of `_broken_0`, `_broken_1`, …: counting and splitting read
    those, so that whoever does not ask for `_reasons` does not pay for its text.
    """
    from pyspark.sql import functions as F

    frame = with_weight(frame, rows)
    given = frame.columns
    has_own = "_reasons" in given
    own = F.coalesce(F.col("_reasons"), _no_reasons()) if has_own else _no_reasons()
    told = {"_reasons": own}
    if "_fold" in given:
        told["_fold"] = F.when(F.size(own) == 0, F.col("_fold"))
    if rows is not Rows.ONE_TO_ONE:
        told["_rows"] = F.col("_rows").cast("bigint")
    if keys.has_identity(given):
        # Made here once, in the generated code of the whole stage; each aggregate would make it
        # again.
        told["_identity"] = F.xxhash64(*keys.ROW_ID)
    is_judged = told["_fold"].isNull() if "_fold" in told else F.lit(True)
    judged = frame.withColumns(told | {name: _bits(part, is_judged) for name, part in words(rules)})
    is_rejected = [F.expr("size(_reasons) > 0")] if has_own else []
    for name, part in words(rules):
        critical = sum(
            1 << n for n, rule in enumerate(part) if rule.expectation.severity == "critical"
        )
        is_rejected.append(F.expr(f"{name} & {critical} != 0"))
    verdict = F.when(reduce(or_, is_rejected, F.lit(False)), REJECTED).otherwise(ACCEPTED)
    if "_fold" in told:
        verdict = F.when(F.col("_fold").isNotNull(), FOLDED).otherwise(verdict)
    return judged.withColumns({"_verdict": verdict, "_reasons": _all_reasons(rules)})


def with_weight(frame: DataFrame, rows: Rows) -> DataFrame:
    """The rows with what each of them weighs, if not one input row; ConservationError where they do
    not tell."""
    if rows is Rows.ONE_TO_ONE:
        return frame.drop("_rows")
    if "_rows" not in frame.columns:
        raise ConservationError(
            f"a transform that is {rows.value} must tell `_rows`, the input rows that each "
            "row answers for"
        )
    return frame


def words(rules: Sequence[_T]) -> list[tuple[str, Sequence[_T]]]:
    """The rules cut into as many as a bigint has bits for, each part with its column's name."""
    starts = range(0, len(rules), RULES_A_WORD)
    return [
        (f"_broken_{number}", rules[start : start + RULES_A_WORD])
        for number, start in enumerate(starts)
    ]


def _bits(rules: Sequence[Rule], is_judged: Column) -> Column:
    """The rules that a row breaks, the first in the lowest bit; none for a row that is not
    judged."""
    from pyspark.sql import functions as F

    none = F.lit(0).cast("bigint")
    bits = [F.when(rule.breaks, F.lit(1 << n)).otherwise(none) for n, rule in enumerate(rules)]
    broken = reduce(lambda one, other: one.bitwiseOR(other), bits)
    return F.when(is_judged, broken).otherwise(none)


def breaks_in_sql(rules: list[Rule]) -> list[str]:
    """For each rule, whether a judged row breaks it, in SQL."""
    return [f"{name} & {1 << n} != 0" for name, part in words(rules) for n in range(len(part))]


def _all_reasons(rules: list[Rule]) -> Column:
    """The transform's own reasons, then the descriptions of the critical rules broken, each once.

    A reason is the cause: where the transform has found one, that a value is null follows from it
    (what could not be read is null), and rules of values that must be told stay silent.
    """
    from pyspark.sql import functions as F

    from strata.kit.columns import add_reasons

    broken = [
        F.when(_is_cause(rule, F.expr(breaks)), F.lit(rule.expectation.description))
        for rule, breaks in zip(rules, breaks_in_sql(rules), strict=True)
        if rule.expectation.severity == "critical"
    ]
    return add_reasons(*broken)


def _is_cause(rule: Rule, breaks: Column) -> Column:
    from pyspark.sql import functions as F

    return breaks & F.expr("size(_reasons) = 0") if rule.expectation.type == NOT_NULL else breaks


def _no_reasons() -> Column:
    from pyspark.sql import functions as F

    return F.array().cast("array<string>")


def is_rejected() -> Column:
    """Rows that go to quarantine."""
    from pyspark.sql import functions as F

    return F.col("_verdict") == REJECTED


def is_accepted() -> Column:
    """Rows that the table holds."""
    from pyspark.sql import functions as F

    return F.col("_verdict") == ACCEPTED


def broken_columns(rules: list[Rule]) -> list[str]:
    """The columns of a judged row that `count_rejected` reads."""
    return [name for name, _ in words(rules)]


def nothing_judged(schema: pa.Schema) -> pa.Table:
    """No row, as rows of these columns come when they have been judged and fetched."""
    noted = {"_verdict": pa.int32(), "_reasons": pa.list_(pa.string())}
    return pa.schema([*schema, *map(pa.field, noted, noted.values())]).empty_table()
