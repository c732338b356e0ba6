"""The groups of a table that a run's changes touch: what an increment computes anew, and puts in the place of what was there."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

_ORDERED = ("string", "date", "int", "bigint")
"""Types whose bounds say the same in Python, in Spark and in a Parquet file's statistics."""


@dataclass(frozen=True)
class Groups:
    """Some groups. A NULL group is a group like any other."""

    frame: DataFrame
    """One row a group, of `columns`; kept in memory."""
    columns: tuple[str, ...]
    bounds: tuple[tuple[str, Any, Any], ...] = ()
    """Of some columns the least and the greatest value of all groups, where none is NULL."""

    def rows_of(self, frame: DataFrame) -> DataFrame:
        """The rows that belong to these groups.

        What changes together mostly lies together: the bounds let Spark leave out the files and pages that lie outside of them.
        """
        from pyspark.sql import functions as F

        for name, least, greatest in self.bounds:
            frame = frame.where(F.col(name).between(F.lit(least), F.lit(greatest)))
        return semi_join(frame, self.frame, self.columns)

    def rows_without(self, frame: DataFrame) -> DataFrame:
        """The rows that belong to other groups."""
        return _join(frame, self.frame, self.columns, "left_anti")


def groups_of(
    frames: list[DataFrame], columns: tuple[str, ...], personal: Collection[str], keep: Callable[[DataFrame], DataFrame]
) -> Groups:
    """The groups that the rows of these frames belong to. No bounds are told of personal columns: they stand in plans as text."""
    whole = reduce(lambda one, other: one.unionByName(other), (frame.select(*columns) for frame in frames))
    frame = keep(whole.distinct())
    return Groups(frame, columns, _bounds(frame, [name for name, kind in frame.dtypes if kind in _ORDERED and name not in personal]))


def _bounds(frame: DataFrame, names: list[str]) -> tuple[tuple[str, Any, Any], ...]:
    from pyspark.sql import functions as F

    if not names:
        return ()
    asked = [F.struct(F.min(name), F.max(name), F.count_if(F.col(name).isNull())) for name in names]
    told = zip(names, frame.agg(*asked).collect()[0], strict=True)
    return tuple((name, least, greatest) for name, (least, greatest, nulls) in told if least is not None and not nulls)


def semi_join(frame: DataFrame, wanted: DataFrame, columns: tuple[str, ...]) -> DataFrame:
    """The rows of `frame` whose values of these columns are among `wanted`; NULL equals NULL."""
    return _join(frame, wanted, columns, "left_semi")


def _join(frame: DataFrame, wanted: DataFrame, columns: tuple[str, ...], how: str) -> DataFrame:
    renamed = wanted.select(*[wanted[name].alias(f"_wanted_{name}") for name in columns])
    same: list[Column] = [frame[name].eqNullSafe(renamed[f"_wanted_{name}"]) for name in columns]
    return frame.join(renamed, reduce(and_, same), how)
