"""What a table is made from: the rows of its inputs, whole or of the touched groups, and how many
rows the table must answer for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyspark.sql import functions as F

from strata.errors import StrataError
from strata.kit import keys, row_ids
from strata.kit.frames import frame_of
from strata.kit.groups import Groups
from strata.kit.shared import UNKNOWN, Shared, find_shared
from strata.kit.table import Rows, Table
from strata.kit.whole import NONE_WHOLE, Whole
from strata.ledger import publication as ledger
from strata.ledger import seal
from strata.ledger.publication import TableState
from strata.run.inputs.archived import with_archive
from strata.run.inputs.plain import PlainInputs, plain_inputs
from strata.run.inputs.referred import read_referred
from strata.run.inputs.touched import find, restrict
from strata.run.inputs.whole import whole_now
from strata.run.plan import Plan, Step
from strata.run.state import Context, State

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


class Frames(Mapping[str, "DataFrame"]):
    """The inputs' frames, each made when it is asked for: rows that a query makes need none."""

    def __init__(self, make: Mapping[str, Callable[[], DataFrame]]) -> None:
        """By the inputs' names."""
        self._make = {name: cache(own) for name, own in make.items()}

    def __getitem__(self, name: str) -> DataFrame:
        return self._make[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._make)

    def __len__(self) -> int:
        return len(self._make)


@dataclass(frozen=True)
class Inputs:
    """The rows that a table is made from."""

    frames: Mapping[str, DataFrame]
    rows: int
    """Rows of the driving inputs: the table must answer for each of them."""
    identity: int | None
    """Order-free hash of those rows' ids; None where the table's rows are sums."""
    touched: Groups | None = None
    """The groups that the frames are restricted to; None where they are whole."""
    built_from: dict[str, int] = field(default_factory=dict)
    """The version of each input."""
    shared: Shared | None = None
    """Keys that more rows than one have, for a table that declares `unique`."""
    whole: Whole = NONE_WHOLE
    """Which deliveries are whole, for a table that declares `ends`."""
    plain: PlainInputs | None = None
    """What plain rows can be made from; `shared` is then found where they were not made."""


def read_inputs(context: Context, state: State, step: Step) -> Inputs:
    """Reads a table's inputs: this run's candidates where there are any, else the published
    versions.
    """
    table = context.plan.feed.table(step.table)
    states = {name: _input_state(context, state, name) for name in table.inputs}
    is_large = _is_large(context, table, states)
    touched: Groups | None = None
    held: dict[str, pa.Table] = {}
    is_whole = step.whole or (is_large and context.is_mostly_new(states[table.inputs[0]]))
    if table.group and not is_whole and not table.slices:
        all_rows = partial(_all_rows, context, states)
        touched, held = find(context, state, table, (states, all_rows), is_large)
    make = partial(_frame, context, table, touched, states)
    frames = Frames({name: partial(make, name, held.get(name)) for name in states})
    counts = {
        name: _counts(states[name], frames, held.get(name), touched)
        for name in table.driving_inputs
    }
    rows, identity = _balance(table, counts)
    first = table.inputs[0]

    def shared() -> Shared:
        # What a transform is given besides its inputs: it runs no job itself.
        count = counts[first][0] if first in counts else frames[first].count()
        is_few = count < table.unique_from
        return UNKNOWN if is_few else find_shared(frames[first], table.unique, count)

    whole = whole_now(context, table)
    plain = None
    params = _params_of_all(context, table, step)
    if (touched is None or held) and is_large and params is not None and not whole:
        plain = plain_inputs(context, table, states, params, (held, frames, shared))
    known = shared() if table.unique and plain is None else None
    built_from = {name: found.version for name, found in states.items()}
    return Inputs(frames, rows, identity, touched, built_from, known, whole, plain)


def _params_of_all(context: Context, table: Table, step: Step) -> dict[str, Any] | None:
    """The parameters that all rows of the table are made with; None where they differ, or stand
    beside others.
    """
    if not table.slices:
        return context.plan.params
    if step.adds_slices or len(step.slices) != 1:
        return None
    return {**context.plan.params, **json.loads(step.slices[0])}


def _is_large(context: Context, table: Table, states: Mapping[str, TableState]) -> bool:
    """Whether the first input has so many rows that plain ones gain."""
    if table.plain is None:
        return False
    asked = context.options.fewest_plain_rows
    # Archived ones too: few touched groups are then told and read without Spark all the same.
    return states[table.inputs[0]].all_rows >= (table.plain.fewest if asked is None else asked)


def _all_rows(context: Context, states: Mapping[str, TableState]) -> dict[str, DataFrame]:
    """Each input whole, without what is archived."""
    return {
        name: _without_rows(context.store.read(name, found.version), found.all_rows)
        for name, found in states.items()
    }


def _frame(
    context: Context,
    table: Table,
    touched: Groups | None,
    states: Mapping[str, TableState],
    name: str,
    held: pa.Table | None,
) -> DataFrame:
    """An input with what is archived of it, and of the touched groups alone if there are any."""
    found = states[name]
    held = read_referred(context, table, states, name) if held is None else held
    if held is not None:
        columns = context.store.log(found.table).snapshot(found.version).schema
        return _without_rows(frame_of(context.spark, held, columns), held.num_rows)
    frame = _without_rows(context.store.read(found.table, found.version), found.all_rows)
    whole = with_archive(context, table, found, frame, touched)
    return restrict(context, table, found.table, whole, touched)


def _counts(
    found: TableState, frames: Frames, held: pa.Table | None, touched: Groups | None
) -> tuple[int, int]:
    """How many rows an input has, and the order-free hash of their ids.

    Of whole inputs both come from the ledger: they were counted when those tables were written.
    """
    if touched is None:
        return found.all_rows, found.all_identity
    if held is None:
        return _count_and_identity(frames[found.table])
    return held.num_rows, row_ids.identity_of(held)


def _without_rows(frame: DataFrame, rows: int) -> DataFrame:
    """Where a table has no row, Spark is told so when it plans: what joins or adds it vanishes."""
    return frame if rows else frame.limit(0)


def make_missing_bronze(context: Context, state: State) -> None:
    """Makes each bronze table of which no file has come yet, if a step reads it: version 0, which
    its contract makes.
    """
    for name in missing_bronze(context.plan, state):
        context.store.open_for_write(context.plan.feed.contract(name), None)
        state.tables[name] = TableState(name, 0, 0, fingerprint=context.plan.fingerprints[name])


def missing_bronze(plan: Plan, state: State) -> list[str]:
    """Bronze tables that a step reads, that no step makes, and that have never been published."""
    made = {step.table for step in plan.steps}
    read = {
        name
        for step in plan.steps
        if step.table not in plan.feed.bronze_tables
        for name in plan.feed.table(step.table).inputs
    }
    return [
        name
        for name in plan.feed.bronze_tables
        if name in read and name not in made and name not in state.tables
    ]


def _input_state(context: Context, state: State, name: str) -> TableState:
    if ledger.owner_of(name) == context.plan.feed.name:
        found = state.tables.get(name)
    else:
        found = context.book.state(name)
        if found is not None:
            seal.assert_intact(context.store.warehouse, found)
    if found is None:
        raise StrataError(
            f"{name} has never been published, and a table of this run reads it: run its feed first"
        )
    return found


def _balance(table: Table, counts: dict[str, tuple[int, int]]) -> tuple[int, int | None]:
    """Rows that the output must answer for, and the order-free hash of their ids."""
    rows, identity = 0, 0
    for count, ids in counts.values():
        rows, identity = rows + count, identity ^ ids
    return rows, None if table.rows is Rows.AGGREGATE else identity


def _count_and_identity(frame: DataFrame) -> tuple[int, int]:
    row = frame.agg(F.count(F.lit(1)), keys.identity(frame)).collect()[0]
    return row[0], row[1]
