"""The groups of a table that a run's changes touch, and its inputs restricted to them.

Where they are few of many rows, `few_touched` finds them without Spark.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import pyarrow as pa

from strata.kit import groups
from strata.kit.groups import Groups
from strata.kit.plain import Doubtful
from strata.kit.table import Reference, Table
from strata.ledger.publication import TableState
from strata.run.inputs import few_touched
from strata.run.inputs.archived import with_archive
from strata.run.inputs.whole import newly_whole
from strata.run.state import Change, Context, State

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def find(
    context: Context,
    state: State,
    table: Table,
    inputs: tuple[Mapping[str, TableState], Callable[[], dict[str, DataFrame]]],
    is_large: bool,
) -> tuple[Groups | None, dict[str, pa.Table]]:
    """The groups that this run's changes touch, None when the table must be whole; and where they
    are few of many rows, the rows of the inputs that have groups. `inputs` are their states, and
    what reads them whole."""
    (states, read), tells_groups = inputs, few_touched.group_of(table, table.inputs[0]) is not None
    if _must_be_whole(context, state, table, states):
        return None, {}
    by_arrow = is_large and few_touched.can_read_few(context, table, states)
    # Where a record does not tell its group without Spark, Spark is asked of them all.
    with suppress(Doubtful):
        touched = few_touched.find_few(context, state, table, states) if by_arrow else None
        if touched is not None:
            held = few_touched.read_few(context, state, table, states, touched)
            if held or not tells_groups:
                return touched, held
    # Of records that only Spark reads, those of no group are looked at too.
    touched = _find_touched(context, state, table, read())
    if not by_arrow or tells_groups:
        return touched, {}
    touched = groups.with_keys(touched)
    return touched, few_touched.read_few(context, state, table, states, touched)


def _must_be_whole(
    context: Context, state: State, table: Table, states: Mapping[str, TableState]
) -> bool:
    """Whether a change cannot be told by groups. Logs tell it, so that Spark need not start."""

    def tells_groups(name: str) -> bool:
        log = context.store.log(name).snapshot(states[name].version)
        return name in table.via or _has_group(table, name, log.schema.names)

    changes = {name: state.changes[name] for name in states if name in state.changes}
    return any(change.is_whole or not tells_groups(name) for name, change in changes.items())


def _find_touched(
    context: Context, state: State, table: Table, inputs: dict[str, DataFrame]
) -> Groups:
    """The groups that this run's changes touch, where groups tell them."""
    changes = {name: state.changes[name] for name in inputs if name in state.changes}
    parts = [
        part
        for item in changes.items()
        for part in _touched_by(context, state, table, inputs, item)
    ]
    parts += [
        _with_group(table, name, frame)
        for name in table.ends
        for frame in newly_whole(context, name, inputs[name])
    ]
    contract = context.plan.feed.contract(table.name)
    personal = {field.name for field in contract.fields if field.is_personal}
    return groups.groups_of(parts, table.group, personal, context.kept.keep)


def _touched_by(
    context: Context,
    state: State,
    table: Table,
    inputs: dict[str, DataFrame],
    item: tuple[str, Change],
) -> list[DataFrame]:
    """The groups that one input's change touches."""
    name, change = item
    if change.touched and change.touched.columns == table.group and name not in table.via:
        # The input was replaced by the same groups: no need to look for them in its rows.
        return [change.touched.frame]
    rows = [_changed_rows(inputs[name], change)]
    if change.touched is not None and change.before is not None:
        rows.append(_changed_rows(context.store.read(name, change.before), change))
    if name in table.via:
        held = {
            other: with_archive(context, table, state.tables[other], frame)
            for other, frame in inputs.items()
            if other in state.tables
        }
        return _referring(table, inputs | held, table.via[name], rows)
    return [_with_group(table, name, part) for part in rows]


def _referring(
    table: Table, inputs: dict[str, DataFrame], reference: Reference, rows: list[DataFrame]
) -> list[DataFrame]:
    """The groups of the driving inputs' rows that refer to rows which read differently now and
    before.

    A delivery of all customers touches every one of them, but changes few.
    """
    now, *before = (part.where(reference.where).select(*reference.columns) for part in rows)
    changed = now
    for old in before:
        changed = now.exceptAll(old).unionByName(old.exceptAll(now))
    keys = changed.select(*reference.by).distinct()
    grouped = {name: _with_group(table, name, inputs[name]) for name in table.driving_inputs}
    refer = [frame for frame in grouped.values() if set(reference.by) <= set(frame.columns)]
    return [groups.semi_join(frame, keys, reference.by).select(*table.group) for frame in refer]


def _changed_rows(frame: DataFrame, change: Change) -> DataFrame:
    if change.touched is not None:
        return change.touched.rows_of(frame)
    return frame.where(frame["_file_sha256"].isin(list(change.new_files or ())))


def _has_group(table: Table, name: str, columns: Sequence[str]) -> bool:
    return set(table.group) <= set(columns) or (
        table.add_group is not None and name.startswith("bronze.")
    )


def _with_group(table: Table, name: str, frame: DataFrame) -> DataFrame:
    if set(table.group) <= set(frame.columns) or table.add_group is None:
        return frame
    return table.add_group(frame)


def restrict(
    context: Context, table: Table, name: str, frame: DataFrame, touched: Groups | None
) -> DataFrame:
    """The input's rows in the touched groups; an input without groups stays whole."""
    if touched is None or not _has_group(table, name, frame.columns):
        return frame
    rows = touched.rows_of(_with_group(table, name, frame)).select(*frame.columns)
    # These are counted, asked for keys that they share, and transformed; each time they would be
    # sought in the whole input.
    return context.kept.keep(rows) if name in table.driving_inputs else rows
