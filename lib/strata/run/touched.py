"""The groups of a table that a run's changes touch, and its inputs restricted to them.

Of a table with plain rows few groups are found and read by Arrow, file by file: to plan and start
Spark's queries took most of one more day's time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql.pandas.types import to_arrow_schema

from strata.declare.contract import struct_type
from strata.kit import groups
from strata.kit.groups import MOST_KEYS, ORDERED, Groups, Keys
from strata.kit.keys import ROW_ID
from strata.kit.plain import GroupOf
from strata.kit.table import Reference, Table
from strata.lake.grouped import Lies
from strata.ledger.publication import TableState
from strata.run.archived import may_hold, with_archive
from strata.run.state import Change, Context, State
from strata.run.whole import newly_whole, whole_changes

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_MOST_ROWS = 1_000_000
"""Of one input, in all touched groups, that this process holds."""


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
    (states, read), tells_groups = inputs, _group_of(table, table.inputs[0]) is not None
    by_arrow = is_large and _can_read_few(context, table, states)
    touched = _find_few(context, state, table, states) if by_arrow else None
    if touched is not None:
        held = _read_few(context, state, table, states, touched)
        if held or not tells_groups:
            return touched, held
    # Of records that only Spark reads, those of no group are looked at too.
    touched = _find_touched(context, state, table, read())
    if touched is None or not by_arrow or tells_groups:
        return touched, {}
    touched = groups.with_keys(touched)
    return touched, _read_few(context, state, table, states, touched)


def _can_read_few(context: Context, table: Table, states: Mapping[str, TableState]) -> bool:
    """Whether few touched groups of the table may be found and read without Spark: they are values
    of one column, which its first input has as it lies.
    """
    contract, first = context.plan.feed.contract(table.name), states[table.inputs[0]]
    kinds = [field.type for field in contract.fields if field.name in table.group]
    return (
        len(table.group) == len(kinds) == 1
        and kinds[0] in ORDERED
        and _can_read(context, first, first.version, _told_by(table, first.table))
    )


def _told_by(table: Table, name: str) -> tuple[str, ...]:
    """The columns of an input by which its rows' groups are told."""
    own = _group_of(table, name)
    return table.group if own is None else own.reads


def _group_of(table: Table, name: str) -> GroupOf | None:
    return table.plain.group if table.plain and name == table.inputs[0] else None


def _find_few(
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
    parts = [_few_touched_by(context, table, states[name], c) for name, c in changes.items()]
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
        lambda: context.spark.createDataFrame(table_of_keys, kind),
        personal,
    )


def _few_touched_by(
    context: Context, table: Table, held: TableState, change: Change
) -> list[pa.Array] | None:
    """The groups that one input's change touches, as values of their column."""
    [column], own = table.group, _group_of(table, held.table)
    if change.is_whole or held.table in table.via:
        return None
    if change.touched is None:
        keys: Keys | None = Keys("_file_sha256", pa.array(change.new_files or (), pa.string()))
    else:
        keys = change.touched.keys
        if keys is not None and keys.column == column:
            return [keys.values]
    versions = [change.after, *([] if change.touched is None else [change.before])]
    told_by = _told_by(table, held.table)
    if keys is None or not all(_can_read(context, held, v, told_by) for v in versions):
        return None
    found = [
        context.store.groups(held.table, version, keys).rows(told_by)
        for version in versions
        if version is not None
    ]
    told = [rows[column] if own is None else own.tell(rows).drop_null() for rows in found]
    return [chunk for values in told for chunk in values.chunks]


def _can_read(
    context: Context, held: TableState, version: int | None, columns: Sequence[str]
) -> bool:
    """Whether a version has the columns, and its rows are those of its files."""
    if version is None:
        return True
    snapshot = context.store.log(held.table).snapshot(version)
    return snapshot.is_plain and set(columns) <= set(snapshot.schema.names)


def _read_few(
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
        if _can_read(context, held, held.version, _told_by(table, name)):
            found = context.store.groups(name, held.version, keys, _lies(state, table, name, keys))
            if found.count > _MOST_ROWS:
                return {}
            read[name] = found.rows()
    return read


def _lies(state: State, table: Table, name: str, keys: Keys) -> Lies | None:
    """How an input's rows are told to be of the groups, if not by their column. Records of no group
    are judged when they come, and not again."""
    own, change = _group_of(table, name), state.changes.get(name)
    if own is None:
        return None
    new = pa.array((change.new_files if change else None) or (), pa.string())

    def lie(rows: pa.Table) -> pa.ChunkedArray:
        groups_ = own.tell(rows)
        is_new = pc.is_in(rows[ROW_ID[0]], value_set=new)
        return pc.if_else(pc.is_null(groups_), is_new, keys.lie_in(groups_))

    return Lies(own.reads, lie)


def _find_touched(
    context: Context, state: State, table: Table, inputs: dict[str, DataFrame]
) -> Groups | None:
    """The groups that this run's changes touch; None when the table must be whole."""
    changes = {name: state.changes[name] for name in inputs if name in state.changes}
    if not table.group or any(
        change.is_whole or not (_has_group(table, name, inputs[name]) or name in table.via)
        for name, change in changes.items()
    ):
        return None
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


def _has_group(table: Table, name: str, frame: DataFrame) -> bool:
    return set(table.group) <= set(frame.columns) or (
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
    if touched is None or not _has_group(table, name, frame):
        return frame
    rows = touched.rows_of(_with_group(table, name, frame)).select(*frame.columns)
    # These are counted, asked for keys that they share, and transformed; each time they would be
    # sought in the whole input.
    return context.kept.keep(rows) if name in table.driving_inputs else rows
