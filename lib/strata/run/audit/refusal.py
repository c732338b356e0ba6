"""What a gate's refusal says: by which rules, how many rows each, one value and record each, and
what to do next.

It reads a few rows of the candidate's quarantine, and of bronze the text that could not be read:
only when a gate has said no, or a reason has rejected more than a small share, so that a run whose
rows are sound pays nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

from strata.declare.contract import Contract, quarantine_name
from strata.declare.mention import fields_in
from strata.fs import duck
from strata.kit.keys import ROW_ID, has_identity
from strata.lake.data_set import of_version
from strata.run.state import Context, State

if TYPE_CHECKING:
    from pyarrow import dataset as ds

RowId = tuple[str, int]
_MOST = 5
"""Reasons that are told with an example; the others are counted."""
_LONGEST = 80
_LEAST = f"""
SELECT reason, min(own).sha256, min(own).number
FROM (
    SELECT unnest(_reasons) AS reason, {{'sha256': {ROW_ID[0]}, 'number': {ROW_ID[1]}}} AS own
    FROM rejected
) AS each WHERE list_contains($1, reason) GROUP BY reason
"""


def refusal(
    context: Context, state: State, table: str, quarantine: int | None, reasons: dict[str, int]
) -> tuple[dict[str, Any], ...]:
    """For each reason, the most frequent first: `table`, `reason`, `rows` and `example`."""
    told = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    found = {}
    if quarantine is not None:
        rejected = _rows(context, quarantine_name(table), quarantine)
        found = _examples(context, state, rejected, [reason for reason, _ in told[:_MOST]])
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


def _rows(context: Context, table: str, version: int) -> ds.Dataset:
    return of_version(context.store.warehouse, table, context.store.log(table).snapshot(version))


def _examples(
    context: Context, state: State, rejected: ds.Dataset, reasons: Sequence[str]
) -> dict[str, str]:
    """For each reason one row with it: the least by file and record, with the text that it was made
    of. One pass over the rejected rows, and one over each bronze table until all are found.
    """
    if not has_identity(rejected.schema.names):
        return {}
    with duck.connect() as engine:
        engine.register("rejected", rejected)
        least = engine.execute(_LEAST, [list(reasons)]).fetchall()
    own = {reason: (sha256, number) for reason, sha256, number in least}
    records = _records(context, state, set(own.values()))
    return {
        reason: _worded_record(records[row_id], reason)
        if row_id in records
        else record_named(context, *row_id)
        for reason, row_id in own.items()
    }


def record_named(context: Context, sha256: str, number: int) -> str:
    """`record 3 of sales/s.csv`."""
    taken = [entry for publication in context.line for entry in publication.files]
    paths = {
        entry.sha256: f"{entry.source}/{entry.path}"
        for entry in (*taken, *context.plan.looked.entries)
        if entry.status == "taken"
    }
    return f"record {number} of {paths.get(sha256, f'the file {sha256[:12]}…')}"


def _records(
    context: Context, state: State, wanted: set[RowId]
) -> dict[RowId, tuple[Contract, dict[str, Any]]]:
    """The raw records with these ids, each with the contract of its bronze table."""
    from pyarrow import compute as pc

    found: dict[RowId, tuple[Contract, dict[str, Any]]] = {}
    for name in context.plan.feed.bronze_tables:
        held, missing = state.tables.get(name), wanted - found.keys()
        if held is None or not missing:
            continue
        sha256, number = map(pc.field, ROW_ID)
        is_one = reduce(or_, [(sha256 == s) & (number == n) for s, n in sorted(missing)])
        raw = _rows(context, name, held.version).to_table(filter=is_one)
        contract = context.plan.feed.contract(name)
        for row in raw.to_pylist():
            found[row[ROW_ID[0]], row[ROW_ID[1]]] = (contract, row)
    return found


def _worded_record(record: tuple[Contract, dict[str, Any]], reason: str) -> str:
    """`order_date '12/1/2010 8:26' in orders/o.csv, record 1`."""
    contract, row = record
    values = _named(contract, row, reason)
    return f"{values}{row['_source_file']}, record {row['_record_number']}"


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
