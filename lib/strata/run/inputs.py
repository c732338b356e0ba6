"""What a table is made from: the rows of its inputs, whole or of the touched groups, and how many
rows the table must answer for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema

from strata.errors import StrataError
from strata.kit import keys
from strata.kit.groups import Groups
from strata.kit.shared import UNKNOWN, Shared, find_shared
from strata.kit.table import Rows, Table
from strata.kit.whole import NONE_WHOLE, Whole
from strata.lake.log import Snapshot, TableLog
from strata.ledger import publication as ledger
from strata.ledger import seal
from strata.ledger.publication import TableState
from strata.run.archived import with_archive
from strata.run.plain_files import MOST_LEFT, TASK_ROWS, Input, Made
from strata.run.plan import Plan, Step
from strata.run.state import Context, State
from strata.run.touched import find_touched, restrict
from strata.run.whole import whole_now

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.types import StructType


@dataclass(frozen=True)
class Inputs:
    """The rows that a table is made from."""

    frames: dict[str, DataFrame]
    rows: int
    """Rows of the driving inputs: the table must answer for each of them."""
    identity: int | None
    """Order-free hash of those rows' ids; None where the table's rows are sums."""
    touched: Groups | None = None
    """The groups that the frames are restricted to; None where they are whole."""
    built_from: dict[str, int] = field(default_factory=dict)
    """The version of each input."""
    bytes: int = 0
    """Of the data files of all inputs, whole."""
    shared: Shared | None = None
    """Keys that more rows than one have, for a table that declares `unique`."""
    whole: Whole = NONE_WHOLE
    """Which deliveries are whole, for a table that declares `ends`."""
    plain: PlainInputs | None = None
    """What plain rows can be made from; `shared` is then found where they were not made."""


@dataclass(frozen=True)
class PlainInputs:
    """The inputs of plain rows, as they lie."""

    inputs: tuple[Input, ...]
    made: tuple[Made, ...]
    rows: int
    """Of the first input."""
    record: StructType
    """The columns of the first input."""
    shared: Callable[[], Shared]
    """Finds the keys that several of its rows have."""


def read_inputs(context: Context, state: State, step: Step) -> Inputs:
    """Reads a table's inputs: this run's candidates where there are any, else the published
    versions.
    """
    table = context.plan.feed.table(step.table)
    states = {name: _input_state(context, state, name) for name in table.inputs}
    frames = {
        name: _without_rows(context.store.read(name, found.version), found.all_rows)
        for name, found in states.items()
    }
    touched = None
    if not step.whole and not table.slices:
        touched = find_touched(context, state, table, frames)
    frames = {
        name: with_archive(context, table, states[name], frame, touched)
        for name, frame in frames.items()
    }
    if touched is not None:
        frames = {
            name: restrict(context, table, name, frame, touched) for name, frame in frames.items()
        }
    counts = {
        name: _count_and_identity(frames[name])
        if touched is not None
        else (states[name].all_rows, states[name].all_identity)
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
    if touched is None and not table.slices and not whole:
        plain = _plain_inputs(context, table, (states, frames), shared)
    known = shared() if table.unique and plain is None else None
    built_from = {name: found.version for name, found in states.items()}
    size = sum(_bytes(context, found) for found in states.values())
    return Inputs(frames, rows, identity, touched, built_from, size, known, whole, plain)


def _plain_inputs(
    context: Context,
    table: Table,
    given: tuple[dict[str, TableState], dict[str, DataFrame]],
    shared: Callable[[], Shared],
) -> PlainInputs | None:
    """None where the table has no plain rows, or too few to gain by them, or an input's rows are
    not all in its files."""
    states, frames = given
    first, plain = states[table.inputs[0]], table.plain
    driving = sum(states[name].all_rows for name in table.driving_inputs)
    if plain is None:
        return None
    asked = context.options.fewest_plain_rows
    if first.rows < (plain.fewest if asked is None else asked):
        return None
    if driving - first.rows > MOST_LEFT * driving or (not plain.by and driving > TASK_ROWS):
        return None
    logs = {name: context.store.log(name).snapshot(states[name].version) for name in plain.reads}
    if not all(log.is_plain for log in logs.values()) or any(
        states[name].archive_version is not None for name in plain.reads
    ):
        return None
    read = tuple(_as_it_lies(context, table, name, log) for name, log in logs.items())
    made = tuple(Made(name, make(frames[of]).toArrow()) for name, (of, make) in plain.made.items())
    return PlainInputs(read, made, first.rows, logs[first.table].schema, shared)


def _as_it_lies(context: Context, table: Table, name: str, log: Snapshot) -> Input:
    assert table.plain is not None, "asked of a table with plain rows"
    reference = table.via.get(name)
    columns = to_arrow_schema(log.schema)
    return Input(
        name,
        context.store.warehouse.path(name),
        tuple(log.files),
        pa.schema([columns.field(column) for column in table.plain.reads[name]]),
        reference.where if reference else "true",
    )


def _without_rows(frame: DataFrame, rows: int) -> DataFrame:
    """Where a table has no row, Spark is told so when it plans: what joins or adds it vanishes."""
    return frame if rows else frame.limit(0)


def _bytes(context: Context, state: TableState) -> int:
    snapshot = TableLog(context.store.warehouse, state.table).snapshot(state.version)
    return sum(int(add["size"]) for add in snapshot.adds.values())


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
    """Rows that the output must answer for, and the order-free hash of their ids.

    For whole inputs both come from the ledger: they were counted when those tables were written.
    """
    rows, identity = 0, 0
    for count, ids in counts.values():
        rows, identity = rows + count, identity ^ ids
    return rows, None if table.rows is Rows.AGGREGATE else identity


def _count_and_identity(frame: DataFrame) -> tuple[int, int]:
    row = frame.agg(F.count(F.lit(1)), keys.identity(frame)).collect()[0]
    return row[0], row[1]
