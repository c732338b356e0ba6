"""Plain rows: those of which a query alone can tell what a table's transform would make of them.

Most records of a large input have nothing to be judged: their values read, what they refer to is
there, no other record has their key. A table may give such rows by one SQL query, which DuckDB
answers in the executors over the input's files, several times quicker than Spark. The transform
has the last word: it is given every record that the query leaves out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame

Settle = Callable[["Iterable[pa.RecordBatch]"], "Iterator[pa.Table]"]
Finish = Callable[["pa.RecordBatch"], "pa.RecordBatch"]
Complete = Callable[..., "pa.Table"]
EACH = 1
"""`Plain.fewest` of a table of which the query leaves nothing to Spark, most days."""


class Doubtful(Exception):
    """Raised by `complete` and `settle` where the query cannot tell what the transform makes of a
    record: the transform makes all rows then. By `GroupOf.tell` where Spark must tell the groups.
    """


@dataclass(frozen=True)
class GroupOf:
    """Of which group of the table a record of a driving input is, which lacks the group's column.

    By it few touched groups of many records are found without Spark, as `Table.add_group` would
    find them. A record of no group must be one that the transform rejects or folds whatever others
    there are: it is judged when it comes, and not again."""

    reads: tuple[str, ...]
    """Columns of those inputs."""
    tell: Callable[[pa.Table], pa.ChunkedArray] = field(repr=False)
    """The group of each record; NULL where it is of none."""
    may: Callable[[pa.ChunkedArray, pa.Array], pa.ChunkedArray] | None = field(
        default=None, repr=False
    )
    """Quicker than `tell`, by the first of `reads`: false of a record that is of none of these
    groups."""


@dataclass(frozen=True)
class Plain:
    """How a table's plain rows are made from its whole inputs."""

    query: str
    """DuckDB's SQL over the inputs, each named once, by the last part of its name. What is joined
    to the first input is held in memory.

    It gives the contract's columns. Of a table of single records: the rows of some records of the
    first input, equal to those that the transform accepts, one a record; where a record gives many,
    with `_rows` as the transform gives it. What is doubtful it leaves out. Of sums: all rows, with
    `_rows`. Where some are folded, `_fold` as the transform gives it.

    A whole number or a date among the table's `params` stands in it as `{name}`; no date is no
    text."""

    reads: Mapping[str, tuple[str, ...]]
    """Input -> the columns that the query reads of it."""

    by: str = ""
    """A column of the first input, by which the work can be cut into tasks; empty where it cannot.
    Rows that meet in a join or a group agree in it, or their input lacks it."""

    unique: tuple[str, ...] = ()
    """DuckDB's SQL over columns of the first input: records that share their values with another
    are left out, but for those that `rest` makes."""

    rest: str = ""
    """The same of the records that `query` left out, which alone its first input then has. Of those
    that share a `unique` key it gives every one or none: what is folded with `_fold`, and with
    `_reasons` what the transform rejects for these, whatever other records there are; none where
    only the gate's rules reject it. Other columns are in the order of the other query's."""

    fewest: int = 500_000
    """Rows of the first input, of which on the query is asked; `EACH` asks it of any. A small run
    asks it in its own process, and Spark nothing."""

    made: Mapping[str, tuple[str, Callable[[DataFrame], DataFrame]]] = field(
        default_factory=dict, repr=False
    )
    """Name in the query -> an input, and what the transform too makes of it before it joins it: few
    rows."""

    made_here: Mapping[str, Callable[[pa.Table], pa.Table | None]] = field(
        default_factory=dict, repr=False
    )
    """How some of these are made without Spark, of an input of few rows; None where Spark must be
    asked."""

    only: Mapping[str, str] = field(default_factory=dict)
    """Parameters and the values that they must have; with others the transform makes all rows."""

    holds: tuple[str, ...] = ()
    """Inputs that `finish` is given in the place of the query: few rows, held as Arrow's tables."""

    finish: Callable[[Mapping[str, pa.Table]], Finish] | None = field(default=None, repr=False)
    """Makes a function of the inputs that it holds, once a task. That makes the rows of a batch of
    the query's answer, each of its own record: for what SQL cannot tell. What is doubtful it leaves
    out."""

    group: GroupOf | None = None
    """Where the driving inputs lack the column of the table's group."""

    complete: Complete | None = field(default=None, repr=False)
    """Makes the rows of the query's whole answer, of sums that are few, and of the table's
    parameters, which it is given as `params`. `Doubtful` where it cannot."""

    settle: Settle | None = field(default=None, repr=False)
    """Makes the rows of the query's answer, which comes in the query's own order, for records whose
    rows depend on each other. It gives `_fold` besides, and of `rest` `_reasons`; `_file_sha256` is
    a number in the order of the hashes. The records that are left out must then be those, and only
    those, that the transform rejects, without the others too; else it makes all rows."""


def by_query(query: str, **inputs: DataFrame) -> DataFrame:
    """What Spark answers to a query that DuckDB takes too, over these inputs under their names."""
    spark = next(iter(inputs.values())).sparkSession
    return spark.sql(query, args=None, **inputs)


def for_duckdb(query: str, *inputs: str) -> str:
    """The same query with the inputs' own names."""
    return with_names(query, {name: name for name in inputs})


def bound(plain: Plain, params: Mapping[str, Any]) -> Plain:
    """The plain rows of a table with these parameters."""
    complete = plain.complete and partial(plain.complete, params=params)
    return replace(plain, query=with_params(plain.query, params), complete=complete)


def with_params(query: str, params: Mapping[str, Any]) -> str:
    """The query with these parameters, of which whole numbers and dates alone can stand in one."""
    told = {n: str(v) for n, v in params.items() if type(v) is int or _is_date_or_none(v)}
    return with_names(query, told)


def _is_date_or_none(value: Any) -> bool:
    return (
        isinstance(value, str)
        and re.fullmatch("(?:[0-9]{4}-[0-9]{2}-[0-9]{2})?", value) is not None
    )


def with_names(query: str, told: Mapping[str, str]) -> str:
    """The query with what is told in the place of `{name}`; other braces stay."""
    for name, text in told.items():
        query = query.replace("{" + name + "}", text)
    return query
