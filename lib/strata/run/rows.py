"""A table's rows before its gate, and what must balance."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property, partial, reduce
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from strata.kit.groups import Groups
from strata.kit.plain import Plain, bound
from strata.kit.table import Rows, Table
from strata.run.bronze.files import Records
from strata.run.inputs.read import Inputs
from strata.run.plain.files import Input, Made
from strata.run.plan import Plan, Step
from strata.run.state import Context, State

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.types import StructType


_MOST_BROADCAST = 1_000_000


@dataclass(frozen=True)
class PlainJob:
    """How a candidate's plain rows are made without its frame (`kit.plain`)."""

    plain: Plain
    inputs: tuple[Input, ...]
    made: tuple[Made, ...]
    rows: int
    """Of the first input."""
    record: StructType
    """The columns of the first input."""
    is_alone: bool
    """Whether the query reads every input that has rows: of no record left out, no row is made."""
    make: Callable[[DataFrame, int], DataFrame]
    """The transform, given so many records of the first input in place of all."""
    again: Callable[[], DataFrame]
    """The candidate's frame for all records, made to be quick for many."""


@dataclass(frozen=True)
class Candidate:
    """A table's rows before its gate, and what must balance."""

    make: Callable[[], DataFrame]
    """Makes `frame`; to plan it takes time, which rows that a query makes do without."""
    rows: Rows
    rows_in: int
    identity_in: int | None = None
    folds: tuple[str, ...] = ()
    appends: bool = False
    """Its rows are added to those published; else they replace them all, or those of the touched
    groups.
    """
    touched: Groups | None = None
    slices: tuple[str, ...] = ()
    new_files: tuple[str, ...] | None = None
    folded_records: int = 0
    """Bronze: records in files that were folded whole."""
    built_from: dict[str, int] = field(default_factory=dict)
    rejects: Callable[[Callable[[DataFrame], DataFrame]], DataFrame] | None = None
    """Makes the rows of some rows of the driving inputs, where that gives the rejected ones
    (`Table.rejects_alone`)."""
    plain: PlainJob | None = None
    """Where most of its rows may be made by a query."""
    records: Records | None = None
    """Bronze: what `frame` reads, if it is nothing but records of raw files."""
    none_of_none: bool = False
    """Whether it has no rows where none came in: each row is one of the input's, or the table says
    so (`Table.none_of_none`)."""

    @cached_property
    def frame(self) -> DataFrame:
        """The rows; nothing is computed yet."""
        return self.make()

    @property
    def is_of_none(self) -> bool:
        """Whether no row came in, and it has none."""
        return self.none_of_none and not self.rows_in

    @property
    def mode(self) -> str:
        """How much of the table is written: append, whole or groups."""
        return "append" if self.appends else "whole" if self.touched is None else "groups"


def table_rows(context: Context, state: State, step: Step, inputs: Inputs) -> Candidate:
    """The rows that a table's transform makes of its inputs; nothing is computed yet."""
    plan = context.plan
    table = plan.feed.table(step.table)
    params = _params(plan, table, step)
    make = partial(_transform, table)
    held = state.tables[table.name].slices if step.adds_slices else ()
    return Candidate(
        make=partial(_transform, table, inputs, params),
        rows=table.rows,
        rows_in=inputs.rows * len(params),
        identity_in=inputs.identity,
        folds=table.folds,
        appends=step.adds_slices,
        touched=inputs.touched,
        slices=(*held, *step.slices),
        built_from=inputs.built_from,
        none_of_none=table.rows is Rows.ONE_TO_ONE or table.none_of_none,
        rejects=partial(_alone, table, inputs, params) if table.rejects_alone else None,
        plain=_plain_job(table, inputs, make, params),
    )


def _plain_job(
    table: Table,
    inputs: Inputs,
    make: Callable[[Inputs, list[Any]], DataFrame],
    params: list[Any],
) -> PlainJob | None:
    found = inputs.plain
    if found is None or table.plain is None:
        return None
    plain, first = table.plain, table.inputs[0]

    def make_rest(left: DataFrame, rows: int) -> DataFrame:
        frames = {name: left if name == first else inputs.frames[name] for name in table.inputs}
        few = _only_met(frames, table, plain.by) if rows <= _MOST_BROADCAST else frames
        return make(replace(inputs, frames=few), params)

    def make_again() -> DataFrame:
        return make(replace(inputs, shared=found.shared() if table.unique else None), params)

    return PlainJob(
        bound(plain, {name: getattr(params[0], name) for name in table.params}),
        found.inputs,
        found.made,
        found.rows,
        found.record,
        found.is_alone,
        make_rest,
        make_again,
    )


def _only_met(frames: dict[str, DataFrame], table: Table, by: str) -> dict[str, DataFrame]:
    """The inputs without rows that no row of the driving ones can meet: `Plain.by` and
    `Table.via` tell by which columns they meet."""
    driving = [frames[name] for name in table.driving_inputs]
    columns = dict.fromkeys(frames, (by,)) | {n: told.by for n, told in table.via.items()}
    few = {
        own: F.broadcast(
            reduce(lambda a, b: a.union(b), [d.select(*own) for d in driving]).distinct()
        )
        for own in set(columns.values())
        if all(set(own) <= set(d.columns) for d in driving)
    }

    def met(name: str, frame: DataFrame) -> DataFrame:
        own = columns[name]
        if name in table.driving_inputs or own not in few or not set(own) <= set(frame.columns):
            return frame
        return frame.join(few[own], on=list(own), how="left_semi").select(*frame.columns)

    return {name: met(name, frame) for name, frame in frames.items()}


def _params(plan: Plan, table: Table, step: Step) -> list[Any]:
    """What the transform is called with, once for each; None where it takes no parameters."""
    cls = plan.feed.params_class
    if table.slices:
        defaults = plan.feed.default_params()
        return [cls(**{**defaults, **json.loads(text)}) for text in step.slices]
    return [cls(**plan.params) if cls and table.params else None]


def _alone(
    table: Table, inputs: Inputs, params: list[Any], some: Callable[[DataFrame], DataFrame]
) -> DataFrame:
    """The rows that the transform makes of some rows of its driving inputs."""
    frames = {
        name: some(frame) if name in table.driving_inputs else frame
        for name, frame in inputs.frames.items()
    }
    return _transform(table, replace(inputs, frames=frames), params)


def _transform(table: Table, inputs: Inputs, params: list[Any]) -> DataFrame:
    given = [_as_read(table, name, frame) for name, frame in inputs.frames.items()]
    told: dict[str, Any] = {"shared": inputs.shared} if inputs.shared is not None else {}
    if table.ends:
        told["whole"] = inputs.whole
    each: list[dict[str, Any]] = [told if p is None else {"params": p, **told} for p in params]
    frames = [table.transform(*given, **keywords) for keywords in each]
    whole = frames[0]
    for frame in frames[1:]:
        whole = whole.unionByName(frame)
    return whole


def _as_read(table: Table, name: str, frame: DataFrame) -> DataFrame:
    reference = table.via.get(name)
    return frame if reference is None else frame.where(reference.where).select(*reference.columns)
