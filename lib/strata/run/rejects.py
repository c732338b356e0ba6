"""Rejected rows, into the quarantine of their table."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa

from strata.declare.contract import Contract, quarantine_contract, struct_type
from strata.gate import counting, judging, small
from strata.kit.frames import frame_of
from strata.kit.groups import Groups
from strata.lake.exchange import Exchange, replace_groups, replace_rows
from strata.lake.versions import Commit
from strata.ledger.publication import TableState
from strata.run.rows import Candidate
from strata.run.state import Context
from strata.run.written import Rejected, Target, Written, assert_written

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def write_rejected(
    context: Context, target: Target, candidate: Candidate, written: Written
) -> Rejected:
    """Writes the rejected rows, where there are any or were some before; counts them by reason."""
    tally, previous = written.tally, target.previous
    state = previous or TableState(target.table, 0, 0)
    if tally.rows_rejected == 0 and (state.rejected == 0 or candidate.appends):
        return Rejected(state, {})
    own = quarantine_contract(target.contract)
    if isinstance(written.judged, pa.Table):
        reasons = small.reasons(written.judged)
        rows: DataFrame | pa.Table = (
            small.rejected(written.judged, own.columns)
            if written.frame is None
            else written.frame.where(judging.is_rejected()).select(*own.columns)
        )
    else:
        marked, reasons = _mark_rejected(context, own, written)
        rows = marked.select(*own.columns)
    commit, total = _put(context, own, candidate, state, (rows, tally.rows_rejected))
    state = replace(state, quarantine_version=commit.version, rejected=total)
    return Rejected(state, reasons, commit)


def _mark_rejected(
    context: Context, own: Contract, written: Written
) -> tuple[DataFrame, dict[str, int]]:
    """The rejected rows, kept, and how many have each reason; completes the tally."""
    columns = (*own.columns, *judging.broken_columns(written.rules))

    def keep(judged: DataFrame) -> DataFrame:
        return context.kept.keep(judged.where(judging.is_rejected()).select(*columns))

    marked = None if written.rejects is None else keep(written.rejects)
    if marked is None or marked.count() != written.tally.rows_rejected:
        assert not isinstance(written.judged, pa.Table), "fetched rows are marked where they lie"
        marked = keep(written.judged)
    return marked, counting.count_rejected(written.tally, marked, written.rules)


def _put(
    context: Context,
    own: Contract,
    candidate: Candidate,
    state: TableState,
    rejected: tuple[DataFrame | pa.Table, int],
) -> tuple[Commit, int]:
    """Writes rejected rows, so many, into a quarantine; returns the commit, and how many rows it
    holds then.
    """
    frame, added = rejected
    store, version, held = context.store, state.quarantine_version, state.rejected
    store.open_for_write(own, version)
    total, rewritten = added, 0
    if candidate.appends and version is not None:
        commit, total = store.append(own, frame), held + added
    elif candidate.touched is not None and held and version is not None:
        exchange = _exchange(context, own, candidate.touched, (frame, added))
        commit, rewritten = exchange.commit, exchange.rows_kept
        total = held - exchange.rows_gone + added
    else:
        commit = store.append(own, frame) if version is None else store.overwrite(own, frame)
    assert_written(own.table, added + rewritten, commit)
    return commit, total


def _exchange(
    context: Context, own: Contract, touched: Groups, rejected: tuple[DataFrame | pa.Table, int]
) -> Exchange:
    frame, added = rejected
    if isinstance(frame, pa.Table):
        exchange = touched.keys and replace_rows(context.store, own, frame, touched.keys)
        if exchange:
            return exchange
        schema = struct_type(own.fields, enforce_required=False)
        frame = frame_of(context.spark, frame, schema)
    return replace_groups(context.store, own, frame, added, touched)
