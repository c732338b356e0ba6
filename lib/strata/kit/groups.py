"""The groups of a table that a run's changes touch: what an increment computes again, and puts in
the place of what was there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

_ORDERED = ("string", "date", "int", "bigint")
"""Types by whose bounds Spark leaves out files and pages, and whose values come back from text as
they were.
"""


@dataclass(frozen=True)
class Groups:
    """Some groups. A NULL group is a group like any other."""

    frame: DataFrame
    """One row a group, of `columns`; kept in memory."""
    columns: tuple[str, ...]
    bounds: tuple[tuple[str, str, str, str], ...] = ()
    """Of some columns the type, and the least and the greatest value of all groups as text, where
    none is NULL.
    """

    def rows_of(self, frame: DataFrame) -> DataFrame:
        """The rows that belong to these groups.

        What changes together mostly lies together: the bounds let Spark leave out the files and
        pages that lie outside of them.
        """
        from pyspark.sql import functions as F

        types = dict(frame.dtypes)
        for name, kind, least, greatest in self.bounds:
            # Text has another order than the number that it tells.
            if types[name] == kind:
                frame = frame.where(
                    F.col(name).between(F.lit(least).cast(kind), F.lit(greatest).cast(kind))
                )
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
        (name, kind) for name, kind in frame.dtypes if kind in _ORDERED and name not in personal
    ]
    return Groups(frame, columns, _bounds(frame, bounded))


def _bounds(
    frame: DataFrame, bounded: list[tuple[str, str]]
) -> tuple[tuple[str, str, str, str], ...]:
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
    told = zip(bounded, frame.agg(*asked).collect()[0], strict=True)
    return tuple(
        (*column, least, greatest)
        for column, (least, greatest, nulls) in told
        if least is not None and not nulls
    )


def semi_join(frame: DataFrame, wanted: DataFrame, columns: tuple[str, ...]) -> DataFrame:
    """The rows of `frame` whose values of these columns are among `wanted`; NULL equals NULL."""
    return _join(frame, wanted, columns, "left_semi")


def _join(frame: DataFrame, wanted: DataFrame, columns: tuple[str, ...], how: str) -> DataFrame:
    renamed = wanted.select(*[wanted[name].alias(f"_wanted_{name}") for name in columns])
    same: list[Column] = [frame[name].eqNullSafe(renamed[f"_wanted_{name}"]) for name in columns]
    return frame.join(renamed, reduce(and_, same), how)
