"""The gate of a small candidate: its judged rows are fetched once, by Arrow, and split and counted
in the driver.

Each job of Spark costs a tenth of a second or more, whatever it reads; a small table took five to
eleven of them. Here is what follows from the verdicts: the counts, the split, the reasons, and
which keys are shared. Tests hold every count to that of `counting`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from strata.declare.suite import Expectation
from strata.fs import duck
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
    return judged.select(*_wanted(judged.columns, columns, rules)).toArrow()


def narrow(judged: pa.Table, columns: Sequence[str], rules: list[Rule]) -> pa.Table:
    """The same columns of judged rows that lie here."""
    return judged.select(_wanted(judged.column_names, columns, rules))


def _wanted(names: Sequence[str], columns: Sequence[str], rules: list[Rule]) -> list[str]:
    noted = {"_verdict", "_reasons", "_fold", "_rows", "_identity", *broken_columns(rules)}
    return [name for name in names if name in noted or name in columns]


def schema_of(frame: DataFrame, fetched: pa.Table) -> StructType:
    """The types of the fetched columns, as Spark has them in the frame; of what the gate notes of
    each row, as Spark notes it."""
    from pyspark.sql.pandas.types import from_arrow_type
    from pyspark.sql.types import StructField, StructType

    held = {field.name: field for field in frame.schema if not field.name.startswith("_")}
    return StructType(
        [
            held.get(field.name) or StructField(field.name, from_arrow_type(field.type))
            for field in fetched.schema
        ]
    )


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


# --- uniqueness ----------------------------------------------------------------------------------


def can_tell_keys(schema: pa.Schema, expectation: Expectation) -> bool:
    """Whether Arrow tells the rule's keys apart as Spark does; fractions it does not (-0.0,
    NaN)."""
    return all(
        any(is_kind(schema.field(name).type) for is_kind in _HASHABLE)
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


def hash_keys(table: pa.Table, expectation: Expectation) -> Any:
    """A 64-bit number for the rule's key in each row; equal keys have one."""
    key = ", ".join(f'"{name}"' for name in expectation.columns)
    with duck.connect() as engine:
        engine.register("_rows", table.select(expectation.columns))
        found = engine.sql(f"SELECT hash({key}) AS h FROM _rows").fetchnumpy()["h"]
    return np.asarray(found, dtype=np.uint64)


def are_single(hashes: Sequence[Any]) -> bool:
    """Whether no number is there twice, in all parts together."""
    whole = np.concatenate([np.zeros(0, np.uint64), *hashes])
    whole.sort()
    return not (whole[1:] == whole[:-1]).any()
