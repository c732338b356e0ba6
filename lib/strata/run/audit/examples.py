"""One row for each rule that warned, so that a warning can be looked at."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from strata.declare.contract import Contract
from strata.declare.suite import Expectation
from strata.gate import arrow_rules, gate, queries
from strata.gate.gate import Outcome
from strata.gate.judging import Rule
from strata.kit.keys import ROW_ID, has_identity
from strata.run.audit.refusal import record_named, short
from strata.run.state import Context

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from strata.run.written import Target, Written


def with_examples(
    context: Context, target: Target, written: Written, outcomes: list[Outcome]
) -> list[Outcome]:
    """The outcomes of the row rules; those that warn with a row that breaks them as `observed`."""
    return [
        replace(outcome, observed=_example(context, target, written, place))
        if _warns(outcome)
        else outcome
        for place, outcome in enumerate(outcomes)
    ]


def with_found(
    target: Target, outcomes: list[Outcome], whole: DataFrame | None, views: dict[str, DataFrame]
) -> list[Outcome]:
    """The outcomes of the table rules; queries that warn with a row that they find behind the
    number of them.
    """
    return [
        with_row(target, outcome, queries.first_found(outcome.expectation, whole, views))
        if whole is not None and _warns(outcome) and queries.is_query(outcome.expectation)
        else outcome
        for outcome in outcomes
    ]


def with_row(target: Target, outcome: Outcome, row: dict[str, Any] | None) -> Outcome:
    """A query's outcome with a row that it finds behind the number of them."""
    personal = {field.name for field in target.contract.fields if field.is_personal}
    told = ", ".join(
        f"{name} {'(protected)' if name in personal else _value(value)}"
        for name, value in (row or {}).items()
        if value is not None
    )
    return replace(outcome, observed=f"{outcome.observed}; {told}")


def _warns(outcome: Outcome) -> bool:
    return outcome.expectation.severity == "warning" and not outcome.success


def _example(context: Context, target: Target, written: Written, place: int) -> str | None:
    expectation = written.rules[place].expectation
    if written.whole is not None and arrow_rules.can_ask([expectation], written.whole.schema):
        row = _of_few(target.contract, written.whole, expectation)
    else:
        row = _of_many(context, target, written, written.rules[place])
    if row is None:
        return None
    said = re.findall(r"[a-z0-9_]+", expectation.description)
    told = worded_row(target.contract, (*expectation.columns, *said), row)
    # A row that is one record is found by it; others by their key.
    sha256, number = (row.get(name) for name in ROW_ID)
    return f"{told}, {record_named(context, sha256, number)}" if sha256 and number else told


def _order(contract: Contract) -> tuple[str, ...]:
    """By what rows are ordered, so that the example is the same however they were written."""
    return ROW_ID if has_identity(contract.columns) else contract.key


def _of_few(contract: Contract, whole: pa.Table, rule: Expectation) -> dict[str, Any] | None:
    """The least row that breaks the rule, of a table whose every row lies here."""
    broken = whole.filter(arrow_rules.breaks(whole, rule))
    order = [(name, "ascending", "at_start") for name in _order(contract)]
    first = broken.take(pc.sort_indices(broken, sort_keys=order)[:1])
    least: list[dict[str, Any]] = first.to_pylist()
    return least[0] if least else None


def _of_many(
    context: Context, target: Target, written: Written, rule: Rule
) -> dict[str, Any] | None:
    """The least row of the table that breaks the rule."""
    from pyspark.errors import AnalysisException

    table = context.store.read(target.table, written.commit.version)
    breaks = rule.breaks
    if breaks is None:
        rules = gate.row_rules(table, target.suite)
        breaks = next(r.breaks for r in rules if r.expectation == rule.expectation)
    try:
        # By Arrow: `collect` would tell a moment in the machine's own zone.
        first = table.where(breaks).orderBy(*_order(target.contract)).limit(1).toArrow()
    except AnalysisException:
        return None  # The rule asks of a column that the transform makes, and the table lacks.
    found: list[dict[str, Any]] = first.to_pylist()
    return found[0] if found else None


def worded_row(contract: Contract, columns: tuple[str, ...], row: dict[str, Any]) -> str:
    """`product_id '22423', names 2`: the row's key, and what the rule asks of or names; nothing
    that is personal.
    """
    fields = {field.name: field for field in contract.fields}
    named = dict.fromkeys((*contract.key, *columns))
    told = [
        f"{name} {'(protected)' if fields[name].is_personal else _value(row.get(name))}"
        for name in named
        if name in fields
    ]
    return ", ".join(told)


def _value(value: Any) -> str:
    return short(value) if isinstance(value, str) else str(value)
