"""Few rows judged in the driver: fetched by one job, and asked the suite's rules by Arrow.

Spark would plan and compile a table's rules for each run, which takes longer than to ask them of a
few thousand rows. Where Arrow answers every rule as Spark does, Spark makes the transform's rows
alone. What is noted of each row is what `judging` notes; a test compares both.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructType

from strata.declare.suite import NOT_NULL, Expectation, Suite
from strata.gate import arrow_rules, gate, judging, small
from strata.gate.judging import ACCEPTED, FOLDED, REJECTED, Rule
from strata.kit import keys, row_ids
from strata.kit.table import Rows

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_Broken: TypeAlias = "Sequence[tuple[Rule, np.ndarray]]"
_NONE = pa.scalar([], pa.list_(pa.string()))


def fetch(
    frame: DataFrame, rows: Rows, suite: Suite, columns: Sequence[str]
) -> tuple[pa.Table, list[Rule]]:
    """The candidate's rows with these columns, each judged by the suite's row rules: one job."""
    asked = [e for e in suite.expectations if gate.is_row_expectation(e)]
    if not _can_ask(frame, asked):
        rules = gate.row_rules(frame, suite)
        return small.fetch(judging.judge(frame, rules, rows), columns, rules), rules
    frame = judging.with_weight(frame, rows)
    wanted = {*columns, *keys.ROW_ID, "_reasons", "_fold", "_rows"}
    wanted |= {name for e in asked for name in e.columns}
    fetched = frame.select(*[name for name in frame.columns if name in wanted]).toArrow()
    rules = [Rule(e, None) for e in asked]
    judged = judge(fetched, rules)
    return small.narrow(judged, columns, rules), rules


def _can_ask(frame: DataFrame, asked: Sequence[Expectation]) -> bool:
    names = {name for e in asked for name in e.columns}
    schema = StructType([field for field in frame.schema if field.name in names])
    return arrow_rules.can_ask(asked, to_arrow_schema(schema))


def judge(rows: pa.Table, rules: list[Rule]) -> pa.Table:
    """As `judging.judge`, of rows that lie here."""
    names, count = rows.column_names, rows.num_rows
    own = pa.chunked_array([pa.array([[]] * count, _NONE.type)])
    if "_reasons" in names:
        own = pc.coalesce(rows["_reasons"].cast(_NONE.type), _NONE)
    has_own = _bools(pc.greater(pc.list_value_length(own), 0))
    told = {name: rows[name] for name in names}
    is_folded = np.zeros(count, dtype=bool)
    if "_fold" in names:
        told["_fold"] = pc.if_else(has_own, pa.scalar(None, pa.string()), rows["_fold"])
        is_folded = _bools(pc.is_valid(told["_fold"]))
    if "_rows" in names:
        told["_rows"] = rows["_rows"].cast(pa.int64())
    if keys.has_identity(names):
        told["_identity"] = pa.array(row_ids.hashes(*(rows[name] for name in keys.ROW_ID)))
    broken = [(rule, _breaks(rows, rule) & ~is_folded) for rule in rules]
    critical = [(r, breaks) for r, breaks in broken if r.expectation.severity == "critical"]
    is_rejected = reduce(np.logical_or, [breaks for _, breaks in critical], has_own)
    verdict = np.where(is_folded, FOLDED, np.where(is_rejected, REJECTED, ACCEPTED))
    told |= {name: pa.array(_bits(part, count)) for name, part in judging.words(broken)}
    told["_verdict"] = pa.array(verdict, pa.int32())
    told["_reasons"] = _all_reasons(own, critical)
    return pa.table(told)


def _bools(values: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(values.to_numpy(), dtype=bool)


def _breaks(rows: pa.Table, rule: Rule) -> np.ndarray:
    return _bools(pc.fill_null(arrow_rules.breaks(rows, rule.expectation), False))


def _bits(broken: _Broken, count: int) -> np.ndarray:
    """The rules that each row breaks, the first in the lowest bit."""
    bits = np.zeros(count, dtype=np.int64)
    for number, (_, breaks) in enumerate(broken):
        bits |= breaks.astype(np.int64) << number
    return bits


def _all_reasons(own: pa.ChunkedArray, critical: _Broken) -> pa.ChunkedArray:
    """The transform's own reasons, then the descriptions of the critical rules broken, each once;
    that a value is null is no reason beside another."""
    if not any(breaks.any() for _, breaks in critical):
        return own
    found = own.to_pylist()
    for row in np.flatnonzero(reduce(np.logical_or, [breaks for _, breaks in critical])):
        broken = [
            rule.expectation.description
            for rule, breaks in critical
            if breaks[row] and not (found[row] and rule.expectation.type == NOT_NULL)
        ]
        if broken:
            each = dict.fromkeys([*found[row], *broken])
            found[row] = [reason for reason in each if reason is not None]
    return pa.chunked_array([pa.array(found, own.type)])
