"""The groups of a table that a run's changes touch: what an increment computes again, and puts in
the place of what was there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from operator import and_, or_
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

ORDERED = ("string", "date", "int", "bigint")
"""Types by whose bounds Spark leaves out files and pages, and whose values come back from text as
they were.
"""
_FEW = 10
"""So many conditions Spark still asks of a Parquet file's statistics one by one."""
MOST_KEYS = 500_000
"""More groups are left to Spark."""


@dataclass(frozen=True)
class Bounds:
    """Between what the values of a column lie in some groups."""

    name: str
    type: str
    least: str
    """As text, like the greatest."""
    greatest: str
    has_null: bool = False
    """Whether some group's value is NULL."""
    values: tuple[str, ...] = ()
    """All of the values, where they are few: one that lies far off would make a wide stretch."""

    @property
    def stretches(self) -> tuple[tuple[str, str], ...]:
        """Between what the values lie: each for itself where they are few."""
        return tuple((v, v) for v in self.values) or ((self.least, self.greatest),)

    def hold(self) -> Column:
        """Whether a row may belong to one of the groups."""
        from pyspark.sql import functions as F

        parts = [
            F.col(self.name).between(F.lit(least).cast(self.type), F.lit(greatest).cast(self.type))
            for least, greatest in self.stretches
        ]
        within = reduce(or_, parts)
        return within | F.col(self.name).isNull() if self.has_null else within


@dataclass(frozen=True)
class Keys:
    """The values of one column in some groups, each once: few enough to be held by one process."""

    column: str
    values: pa.Array

    @cached_property
    def ordered(self) -> list[Any]:
        """The values without NULL, in their order."""
        return sorted(value for value in self.values.to_pylist() if value is not None)

    @property
    def has_null(self) -> bool:
        """Whether NULL is one of the values."""
        return bool(self.values.null_count)

    def lie_in(self, column: pa.ChunkedArray) -> pa.ChunkedArray:
        """Which values of a column are among these; NULL equals NULL."""
        return pc.is_in(column, value_set=self.values.cast(column.type))


@dataclass(frozen=True)
class Groups:
    """Some groups. A NULL group is a group like any other."""

    make: Callable[[], DataFrame]
    """Makes `frame`, which nobody may ask for where the groups' keys are at hand."""
    columns: tuple[str, ...]
    bounds: tuple[Bounds, ...] = ()
    """Of some columns, between what all groups lie."""
    keys: Keys | None = None
    """The groups themselves, where they are values of one column and somebody has fetched them."""

    @cached_property
    def frame(self) -> DataFrame:
        """One row a group, of `columns`; kept in memory."""
        return self.make()

    def rows_of(self, frame: DataFrame) -> DataFrame:
        """The rows that belong to these groups.

        What changes together mostly lies together: the bounds let Spark leave out the files and
        pages that lie outside of them.
        """
        types = dict(frame.dtypes)
        for bounds in self.bounds:
            # Text has another order than the number that it tells.
            if types[bounds.name] == bounds.type:
                frame = frame.where(bounds.hold())
        return semi_join(frame, self.frame, self.columns)

    def rows_without(self, frame: DataFrame) -> DataFrame:
        """The rows that belong to other groups."""
        return _join(frame, self.frame, self.columns, "left_anti")


def groups_of(
    frames: list[DataFrame],
    columns: tuple[str, ...],
    personal: Collection[str],
    keep: Callable[[DataFrame], DataFrame],
) -> Groups:
    """The groups that the rows of these frames belong to. No bounds are told of personal columns:
    they stand in plans as text.
    """
    whole = reduce(
        lambda one, other: one.unionByName(other), (frame.select(*columns) for frame in frames)
    )
    frame = keep(whole.distinct())
    bounded = [
        (name, kind) for name, kind in frame.dtypes if kind in ORDERED and name not in personal
    ]
    return Groups(lambda: frame, columns, _bounds(frame, bounded))


def _bounds(frame: DataFrame, bounded: list[tuple[str, str]]) -> tuple[Bounds, ...]:
    from pyspark.sql import functions as F

    if not bounded:
        return ()
    # As text, for Python knows fewer dates than Spark.
    asked = [
        F.struct(
            F.min(name).cast("string"), F.max(name).cast("string"), F.count_if(F.col(name).isNull())
        )
        for name, _ in bounded
    ]
    number, *found = frame.agg(F.count(F.lit(1)), *asked).collect()[0]
    values = _values(frame, bounded[0][0]) if number <= _FEW and len(frame.columns) == 1 else ()
    return tuple(
        Bounds(*column, least, greatest, bool(nulls), values)
        for column, (least, greatest, nulls) in zip(bounded, found, strict=True)
        if least is not None
    )


def _values(frame: DataFrame, name: str) -> tuple[str, ...]:
    """Its values as text, without NULL."""
    from pyspark.sql import functions as F

    rows = frame.select(F.col(name).cast("string")).collect()
    return tuple(sorted(row[0] for row in rows if row[0] is not None))


def groups_of_keys(
    keys: Keys, kind: str, make: Callable[[], DataFrame], personal: Collection[str]
) -> Groups:
    """The groups of fetched keys of this type, of which `make` makes a frame."""
    name = keys.column
    bounds: tuple[Bounds, ...] = ()
    if keys.ordered and kind in ORDERED and name not in personal:
        texts = tuple(map(str, keys.ordered))
        few = texts if len(keys.values) <= _FEW else ()
        bounds = (Bounds(name, kind, texts[0], texts[-1], keys.has_null, tuple(sorted(few))),)
    return Groups(make, (name,), bounds, keys)


def with_keys(groups: Groups) -> Groups:
    """The groups with their keys, where they are values of one ordered column and few."""
    [(name, kind), *others] = groups.frame.dtypes
    if others or kind not in ORDERED:
        return groups
    found = groups.frame.limit(MOST_KEYS + 1).toArrow().column(0).combine_chunks()
    return groups if len(found) > MOST_KEYS else replace(groups, keys=Keys(name, found))


def semi_join(frame: DataFrame, wanted: DataFrame, columns: tuple[str, ...]) -> DataFrame:
    """The rows of `frame` whose values of these columns are among `wanted`; NULL equals NULL."""
    return _join(frame, wanted, columns, "left_semi")


def _join(frame: DataFrame, wanted: DataFrame, columns: tuple[str, ...], how: str) -> DataFrame:
    renamed = wanted.select(*[wanted[name].alias(f"_wanted_{name}") for name in columns])
    same: list[Column] = [frame[name].eqNullSafe(renamed[f"_wanted_{name}"]) for name in columns]
    return frame.join(renamed, reduce(and_, same), how)
