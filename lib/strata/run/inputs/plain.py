"""What plain rows are made from: the inputs as they lie, or the few rows of them that matter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyspark.sql.pandas.types import to_arrow_schema

from strata.kit.shared import Shared
from strata.kit.table import Rows, Table
from strata.lake.log import Snapshot
from strata.lake.versions import read_arrow
from strata.ledger.publication import TableState
from strata.run.inputs.lying import is_all_in_files, is_in_files
from strata.run.inputs.referred import read_referred
from strata.run.plain.files import MOST_LEFT, Input, Made
from strata.run.plan import TASK_ROWS
from strata.run.state import Context

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.types import StructType


@dataclass(frozen=True)
class PlainInputs:
    """The inputs of plain rows, as they lie."""

    inputs: tuple[Input, ...]
    made: tuple[Made, ...]
    rows: int
    """Of the first input."""
    record: StructType
    """The columns of the first input."""
    is_alone: bool
    """Whether every other input of the table is empty."""
    shared: Callable[[], Shared]
    """Finds the keys that several of its rows have."""


def plain_inputs(
    context: Context,
    table: Table,
    states: dict[str, TableState],
    params: dict[str, Any],
    given: tuple[dict[str, pa.Table], Mapping[str, DataFrame], Callable[[], Shared]],
) -> PlainInputs | None:
    """What a table's plain rows are made from; `given` are the rows of inputs that are held, the
    inputs' frames, and what finds shared keys. None where the table has no plain rows, or an
    input's rows are not all in its files."""
    (held, frames, shared), plain = given, table.plain
    if plain is None or (held and table.inputs[0] not in held):
        return None
    if any(params[name] != value for name, value in plain.only.items()):
        return None
    rows = {name: held[name].num_rows if held else states[name].all_rows for name in held or states}
    first = rows[table.inputs[0]]
    driving = sum(rows.get(name, 0) for name in table.driving_inputs)
    if driving - first > MOST_LEFT * driving or (not plain.by and driving > TASK_ROWS):
        return None
    if not all(
        is_in_files(context, name, states[name].version, columns)
        if name in held  # Of these groups nothing is archived.
        else is_all_in_files(context, states[name], columns)
        for name, columns in plain.reads.items()
    ):
        return None
    logs = {name: context.store.log(name).snapshot(states[name].version) for name in plain.reads}
    few = held | _referred(context, table, states, set(logs) - set(held))
    read = tuple(
        _as_it_lies(context, table, (name, log), few.get(name)) for name, log in logs.items()
    )
    asked = {*plain.reads, *table.via, *(of for of, _ in plain.made.values())}
    unread = {n for n in states if n not in asked and rows.get(n, states[n].all_rows)}
    if table.rows is not Rows.AGGREGATE and not unread <= set(table.driving_inputs):
        # It may give rows of its own, which no record left out refers to.
        return None
    made = tuple(
        Made(name, make(frames[of]).toArrow() if rows is None else rows)
        for name, (of, make) in plain.made.items()
        for rows in [_made_here(context, table, states, name)]
    )
    return PlainInputs(read, made, first, logs[table.inputs[0]].schema, not unread, shared)


def _referred(
    context: Context, table: Table, states: dict[str, TableState], names: set[str]
) -> dict[str, pa.Table]:
    """Of large inputs the rows that the driving ones refer to, where this process makes the table:
    they are not sent to tasks."""
    if context.options.in_tasks or not context.plan.is_small:
        return {}
    found = {name: read_referred(context, table, states, name) for name in names}
    return {name: rows for name, rows in found.items() if rows is not None}


def _made_here(
    context: Context, table: Table, states: dict[str, TableState], name: str
) -> pa.Table | None:
    """What is made of few rows of an input without Spark; None where Spark must be asked."""
    assert table.plain is not None, "asked of a table with plain rows"
    make, held = table.plain.made_here.get(name), states[table.plain.made[name][0]]
    if make is None or held.all_rows > context.options.most_rows_here:
        return None
    if not is_all_in_files(context, held):
        return None
    return make(read_arrow(context.store.warehouse, held.table, held.version))


def _as_it_lies(
    context: Context, table: Table, given: tuple[str, Snapshot], held: pa.Table | None
) -> Input:
    name, log = given
    assert table.plain is not None, "asked of a table with plain rows"
    reference = table.via.get(name)
    columns = to_arrow_schema(log.schema)
    return Input(
        name,
        context.store.warehouse.path(name),
        tuple(log.files),
        pa.schema([columns.field(column) for column in table.plain.reads[name]]),
        reference.where if reference else "true",
        held,
    )
