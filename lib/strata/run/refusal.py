"""What a gate's refusal says: by which rules, how many rows each, one value and record each, and
what to do next.

It reads a few rows of the candidate's quarantine, and of bronze the text that could not be read:
only when a gate has said no, so that a run that passes pays nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strata.declare.contract import Contract, quarantine_name
from strata.declare.mention import fields_in
from strata.kit.keys import ROW_ID, has_identity
from strata.run.state import Context, State

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_MOST = 5
"""Reasons that are told with an example; the others are counted."""
_LONGEST = 80


def refusal(
    context: Context, state: State, table: str, quarantine: int | None, reasons: dict[str, int]
) -> tuple[dict[str, Any], ...]:
    """For each reason, the most frequent first: `table`, `reason`, `rows` and `example`."""
    told = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    found = {}
    if quarantine is not None:
        rejected = context.store.read(quarantine_name(table), quarantine)
        found = {reason: _example(context, state, rejected, reason) for reason, _ in told[:_MOST]}
    return tuple(
        {"table": table, "reason": reason, "rows": rows, "example": found.get(reason, "")}
        for reason, rows in told
    )


def worded(told: tuple[dict[str, Any], ...], feed: str) -> str:
    """The reasons as one text, with what to do next."""
    lines = [
        f"\n  {item['rows']:,} x {item['reason']}"
        + (f" – {item['example']}" if item["example"] else "")
        for item in told[:_MOST]
    ]
    more = len(told) - _MOST
    rest = f"\n  and {more} more reasons" if more > 0 else ""
    table = told[0]["table"] if told else feed
    next_ = (
        f"\nNext: strata gates {feed} --attempt shows every reason; mend the files or the rule, or "
        f"publish all the same by --override {table}=REASON"
    )
    return "".join(lines) + rest + next_


def _example(context: Context, state: State, rejected: DataFrame, reason: str) -> str:
    """One row with the reason: the least by file and record, with the text that it was made of."""
    from pyspark.sql import functions as F

    if not has_identity(rejected.columns):
        return ""
    rows = rejected.where(F.array_contains("_reasons", reason)).select(*ROW_ID)
    first = rows.orderBy(*ROW_ID).limit(1).collect()
    return _of_record(context, state, reason, *first[0]) if first else ""


def _of_record(context: Context, state: State, reason: str, sha256: str, number: int) -> str:
    """`order_date '12/1/2010 8:26' in orders/o.csv, record 1`."""
    from pyspark.sql import functions as F

    for name in context.plan.feed.bronze_tables:
        held = state.tables.get(name)
        if held is None:
            continue
        raw = context.store.read(name, held.version)
        is_it = (F.col("_file_sha256") == sha256) & (F.col("_record_number") == number)
        for row in raw.where(is_it).limit(1).collect():
            values = _named(context.plan.feed.contract(name), row.asDict(), reason)
            return f"{values}{row['_source_file']}, record {number}"
    return f"record {number} of the file {sha256[:12]}…"


def _named(contract: Contract, row: dict[str, Any], reason: str) -> str:
    """The fields that the reason names, as they came; nothing of what is personal."""
    told = [
        f"{field.name} {'(protected)' if field.is_personal else short(row[field.name])}"
        for field in fields_in(contract, reason)
        if row[field.name]
    ]
    return ", ".join(told) + " in " if told else ""


def short(value: Any) -> str:
    """The value in quotes, cut where it is long."""
    text = str(value)
    return repr(text if len(text) <= _LONGEST else text[:_LONGEST] + "…")
