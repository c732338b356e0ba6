"""The groups of a table that a run's changes touch, and their rows, found and read by Arrow, file
by file: to plan and start Spark's queries took most of one more day's time.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql.pandas.types import to_arrow_schema

from strata.declare.contract import struct_type
from strata.kit import groups
from strata.kit.frames import frame_of
from strata.kit.groups import MOST_KEYS, ORDERED, Groups, Keys
from strata.kit.keys import ROW_ID
from strata.kit.plain import GroupOf
from strata.kit.table import Table
from strata.lake.grouped import Lies
from strata.ledger.publication import TableState
from strata.run.inputs import referring
from strata.run.inputs.archived import may_hold
from strata.run.inputs.lying import is_in_files
from strata.run.inputs.whole import whole_changes
from strata.run.state import Change, Context, State

_MOST_ROWS = 1_000_000
"""Of one input, in all touched groups, that this process holds."""


def can_read_few(context: Context, table: Table, states: Mapping[str, TableState]) -> bool:
    """Whether few touched groups of the table may be found and read without Spark: they are values
    of one column, which its first input has as it lies, or tells by `GroupOf`.
    """
    contract, first = context.plan.feed.contract(table.name), states[table.inputs[0]]
    kinds = [field.type for field in contract.fields if field.name in table.group]
    return (
        len(table.group) == len(kinds) == 1
        and kinds[0] in ORDERED
        and is_in_files(context, first.table, first.version, _told_by(table, first.table))
    )


def _told_by(table: Table, name: str) -> tuple[str, ...]:
    """The columns of an input by which its rows' groups are told."""
    own = group_of(table, name)
    return table.group if own is None else own.reads


def group_of(table: Table, name: str) -> GroupOf | None:
    """How an input's records tell their group, where they lack its column."""
    is_told = table.plain is not None and name in table.driving_inputs
    return table.plain.group if table.plain and is_told else None


def find_few(
    context: Context, state: State, table: Table, states: Mapping[str, TableState]
) -> Groups | None:
    """The groups that this run's changes touch, found without Spark; None where it must be asked.

    A row that moves from one group to another touches both, so the rows before and after count.
    """
    changes = {name: state.changes[name] for name in states if name in state.changes}
    is_ended = any(whole_changes(context, name) for name in table.ends)
    contract = context.plan.feed.contract(table.name)
    fields = tuple(field for field in contract.fields if field.name in table.group)
    if is_ended:
        return None
    parts = [_few_touched_by(context, table, states, item) for item in changes.items()]
    if any(part is None for part in parts):
        return None
    kind, name = struct_type(fields, enforce_required=False), fields[0].name
    own = to_arrow_schema(kind).field(0).type
    values = [v.cast(own) for part in parts for v in part or ()]
    keys = Keys(name, pa.chunked_array(values, own).unique())
    if len(keys.values) > MOST_KEYS:
        return None
    personal = [f.name for f in fields if f.is_personal]
    table_of_keys = pa.table({name: keys.values})
    return groups.groups_of_keys(
        keys,
        fields[0].type,
        lambda: frame_of(context.spark, table_of_keys, kind),
        personal,
    )


def _few_touched_by(
    context: Context, table: Table, states: Mapping[str, TableState], item: tuple[str, Change]
) -> list[pa.Array] | None:
    """The groups that one input's change touches, as values of their column."""
    (name, change), [column] = item, table.group
    if change.is_whole:
        return None
    if name in table.via:
        told_by = {driving: _told_by(table, driving) for driving in table.driving_inputs}
        found = referring.few(context, table, (states, told_by), item)
    elif change.touched and change.touched.keys and change.touched.keys.column == column:
        return [change.touched.keys.values]
    else:
        found = _few_changed(context, table, states[name], change)
    if found is None:
        return None
    own = {of: group_of(table, of) for of, _ in found}
    told = [
        rows[column] if (tells := own[of]) is None else tells.tell(rows).drop_null()
        for of, rows in found
    ]
    return [chunk for values in told for chunk in values.chunks]


def _few_changed(
    context: Context, table: Table, held: TableState, change: Change
) -> list[tuple[str, pa.Table]] | None:
    """An input's rows that have changed, now and before, with the columns that tell their
    groups."""
    if change.touched is None:
        keys: Keys | None = Keys("_file_sha256", pa.array(change.new_files or (), pa.string()))
    else:
        keys = change.touched.keys
    before = None if change.touched is None else change.before
    versions = [version for version in (change.after, before) if version is not None]
    name, told_by = held.table, _told_by(table, held.table)
    if keys is None or not all(is_in_files(context, name, v, told_by) for v in versions):
        return None
    return [(name, context.store.groups(name, v, keys).rows(told_by)) for v in versions]


def read_few(
    context: Context,
    state: State,
    table: Table,
    states: Mapping[str, TableState],
    touched: Groups,
) -> dict[str, pa.Table]:
    """The rows of the touched groups of each input that has the groups' column; nothing where
    Spark must read them, for they are many.
    """
    keys = touched.keys
    if keys is None:
        return {}
    read: dict[str, pa.Table] = {}
    for name, held in states.items():
        if may_hold(context, table, held, touched):
            return {}
        if is_in_files(context, name, held.version, _told_by(table, name)):
            found = context.store.groups(name, held.version, keys, _lies(state, table, name, keys))
            if found.count > _MOST_ROWS:
                return {}
            read[name] = found.rows()
    return read


def _lies(state: State, table: Table, name: str, keys: Keys) -> Lies | None:
    """How an input's rows are told to be of the groups, if not by their column. Records of no group
    are judged when they come, and not again."""
    own, change = group_of(table, name), state.changes.get(name)
    if own is None:
        return None
    new = pa.array((change.new_files if change else None) or (), pa.string())

    may = own.may

    def lie(rows: pa.Table) -> pa.ChunkedArray:
        """No group is asked of records that may be of none: some cannot tell it."""
        is_new = pc.is_in(rows[ROW_ID[0]], value_set=new)
        asked = pc.is_valid(is_new)
        if may is not None:
            asked = pc.or_(is_new, may(rows[own.reads[0]], keys.values))
        groups_ = own.tell(rows.filter(asked))
        lies = pc.if_else(pc.is_null(groups_), is_new.filter(asked), keys.lie_in(groups_))
        mask = np.zeros(rows.num_rows, bool)
        mask[pc.indices_nonzero(asked).to_numpy()] = lies.to_numpy()
        return pa.chunked_array([pa.array(mask)])

    # Files of the records that have just come are looked at whole, for those of no group.
    besides = Keys(ROW_ID[0], new)
    quick = None if may is None else (lambda first: may(first, keys.values))
    return Lies(own.reads, lie, besides, quick)
