"""A table's rows before its gate, and what must balance."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from strata.kit.groups import Groups
from strata.kit.table import Rows, Table
from strata.run.bronze_files import Records
from strata.run.inputs import Inputs
from strata.run.plan import Plan, Step
from strata.run.state import Context, State

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass(frozen=True)
class Candidate:
    """A table's rows before its gate, and what must balance."""

    frame: DataFrame
    rows: Rows
    rows_in: int
    identity_in: int | None = None
    bytes_in: int = 0
    """Of the files that its rows come from."""
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
    records: Records | None = None
    """Bronze: what `frame` reads, if it is nothing but records of raw files."""

    @property
    def mode(self) -> str:
        """How much of the table is written: append, whole or groups."""
        return "append" if self.appends else "whole" if self.touched is None else "groups"


def table_rows(context: Context, state: State, step: Step, inputs: Inputs) -> Candidate:
    """The rows that a table's transform makes of its inputs; nothing is computed yet."""
    plan = context.plan
    table = plan.feed.table(step.table)
    params = _params(plan, table, step)
    held = state.tables[table.name].slices if step.adds_slices else ()
    return Candidate(
        frame=_transform(table, inputs, params),
        rows=table.rows,
        rows_in=inputs.rows * len(params),
        identity_in=inputs.identity,
        bytes_in=inputs.bytes,
        folds=table.folds,
        appends=step.adds_slices,
        touched=inputs.touched,
        slices=(*held, *step.slices),
        built_from=inputs.built_from,
        rejects=partial(_alone, table, inputs, params) if table.rejects_alone else None,
    )


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
