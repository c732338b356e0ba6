"""What a gate that passes loses all the same: values that could not be read, above a share.

A value that cannot be read is null, and a reason of its row; a NaN in JSON is null, and its row
stands. Either is counted by column and reason. Above the suite's `told_above_share` of the rows it
is a warning, told wherever warnings are; below it the counts stand in the ledger alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from strata.declare.contract import Contract
from strata.declare.mention import fields_in
from strata.declare.suite import Suite
from strata.gate.counting import Tally
from strata.ledger.entries import REJECTED, TAKEN_AS_NULL
from strata.raw.look import Look
from strata.run.audit.refusal import refusal
from strata.run.state import Context, State
from strata.run.written import Rejected


def judged_rows(tally: Tally) -> int:
    """Rows that the suite was asked about: folded ones say nothing new, and are not judged."""
    return tally.rows_written + tally.rows_rejected


def lost(
    context: Context, state: State, suite: Suite, tally: Tally, rejected: Rejected
) -> list[dict[str, Any]]:
    """One warning for each reason that rejects more than the share, and for each field of the
    table's new files of which more values are taken as null, as the ledger notes a rule.
    """
    contract = context.plan.feed.contract(suite.table)
    return [
        *_rejected(context, state, contract, suite, tally, rejected),
        *taken_as_null(context.plan.looked.new, contract, suite),
    ]


def _rejected(
    context: Context,
    state: State,
    contract: Contract,
    suite: Suite,
    tally: Tally,
    rejected: Rejected,
) -> list[dict[str, Any]]:
    asked = judged_rows(tally)
    many = {
        reason: rows
        for reason, rows in rejected.reasons.items()
        if rows > suite.told_above_share * asked
    }
    if not many:
        return []
    version = rejected.commit.version if rejected.commit else None
    return [
        _warning(
            REJECTED,
            [field.name for field in fields_in(contract, told["reason"])],
            told["reason"],
            (told["rows"], asked),
            told["example"],
        )
        for told in refusal(context, state, suite.table, version, many)
    ]


def taken_as_null(taken: Sequence[Look], contract: Contract, suite: Suite) -> list[dict[str, Any]]:
    """The warnings of a bronze table's new files; a raw record is one row of it."""
    looks = [look for look in taken if look.table == suite.table]
    asked = sum(look.records for look in looks)
    found: dict[str, list[tuple[Look, int]]] = {}
    for look in looks:
        for column, times in look.taken_as_null:
            found.setdefault(column, []).append((look, times))
    warnings = []
    for column, parts in sorted(found.items()):
        times = sum(number for _, number in parts)
        if times <= suite.told_above_share * asked:
            continue
        first = min(parts, key=lambda part: (part[0].path, part[0].sha256))[0]
        columns = [column] if column in contract.columns else []
        reason = f"NaN and Infinity are no numbers of JSON, and are taken as null{_in(column)}"
        example = f"a NaN or Infinity in {first.source}/{first.path}"
        warnings.append(_warning(TAKEN_AS_NULL, columns, reason, (times, asked), example))
    return warnings


def _in(column: str) -> str:
    return f" in {column}" if column else ""


def _warning(
    kind: str, columns: list[str], rule: str, counts: tuple[int, int], example: str
) -> dict[str, Any]:
    return {
        "type": kind,
        "columns": columns,
        "description": rule,
        "severity": "warning",
        "success": False,
        "unexpected": counts[0],
        "asked": counts[1],
        "observed": example,
    }
