"""What a feed declares: its sources and its tables. Frozen, and free of behaviour.

A table is a pure function from DataFrames to one DataFrame; everything else reads, checks or writes
it. A transform never drops a row. It flags it (`_reasons`) or folds it (`_fold`), and where one
input row gives many rows, or many give one, it tells in `_rows` how many input rows each row
answers for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from strata.kit.plain import Plain

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame


class Rows(str, Enum):
    """How a table's rows relate to the rows of its driving inputs."""

    ONE_TO_ONE = "one_to_one"
    """Every input row gives exactly one row, accepted, rejected or folded."""

    ONE_TO_MANY = "one_to_many"
    """Every input row gives one row or more; `_rows` is 1 on the first of them and 0 on the others.
    """

    AGGREGATE = "aggregate"
    """A row stands for many input rows; `_rows` is how many."""


@dataclass(frozen=True)
class Source:
    """What arrives for a feed under one name."""

    name: str
    """`samples`: the raw files lie below `<raw>/<feed>/samples/`, in any depth."""
    needed: str = ""
    """For a source that the feed cannot do without: what to put there, told when it has no file."""
    day: str = ""
    """For a source whose raw days leave bronze for its archive: the day of a record, as SQL over
    its bronze columns; NULL where it has none. Empty = nothing of it is archived."""
    day_column: str = ""
    """`silver.fleet_fixes.fix_date`: the column of a table made from the source that holds the same
    day. Its greatest value is the newest day of the data, for it holds sound records alone."""

    @property
    def day_table(self) -> str:
        """The table that has `day_column`."""
        return self.day_column.rpartition(".")[0]

    @property
    def day_name(self) -> str:
        """The name of `day_column` in that table."""
        return self.day_column.rpartition(".")[2]


@dataclass(frozen=True)
class Reference:
    """What a table reads of another one, and by which columns: the transform is given nothing else
    of it.
    """

    by: tuple[str, ...]
    """Columns of both, by which rows of the driving inputs refer to rows of the other."""
    reads: tuple[str, ...] = ()
    """What is read of those besides; () = only whether they are there."""
    where: str = "true"
    """Which of its rows can be referred to, as SQL over its columns."""

    @property
    def columns(self) -> tuple[str, ...]:
        """All that the transform is given of the other table."""
        return (*self.by, *self.reads)


@dataclass(frozen=True)
class Table:
    """One silver or gold table: its name, what it is made from, and how."""

    name: str
    """The qualified name, e.g. `silver.soil_sites`; also the path of its contract and its suite."""

    inputs: tuple[str, ...]
    """Names of the tables it is made from, in the order in which the transform takes them."""

    transform: Callable[..., DataFrame]
    """The pure function; it may add `_reasons`, `_fold` and `_rows` to the contract's columns."""

    rows: Rows = Rows.ONE_TO_ONE
    """How its rows relate to the rows of its driving inputs."""

    driving: tuple[str, ...] = ()
    """The inputs whose every row the output accounts for; () = the first input."""

    group: tuple[str, ...] = ()
    """Columns by which the table can be recomputed in part: the transform of inputs restricted to
    some groups equals the transform of whole inputs restricted to those groups. () = always whole.
    An input that lacks these columns even after `add_group` is always taken whole, and makes the
    table whole when it changes, unless `via` names it."""

    add_group: Callable[[DataFrame], DataFrame] | None = None
    """Adds the group columns to an input that lacks them (bronze)."""

    group_from: tuple[str, ...] = ()
    """Columns of the table from which its group follows, where a key has them and not the group's:
    rows that agree in them are of one group. Then only touched groups are asked for shared keys."""

    via: Mapping[str, Reference] = field(default_factory=dict)
    """How the driving inputs refer to an input that lacks the group columns. A change of what they
    read of it then touches the groups of the rows that refer to it, and not the whole table. Rows
    that none refers to may be left out of it."""

    unique: tuple[str, ...] = ()
    """SQL expressions over the columns of the first input, whose values most of its rows have to
    themselves. The engine then finds those that several rows have, and the transform receives them
    as the keyword `shared` (`kit.shared`)."""

    unique_from: int = 0
    """They are looked for where the input has so many rows or more: where rows are few, a job that
    asks, and two ways to plan, cost more than they spare."""

    ends: tuple[str, ...] = ()
    """Bronze inputs of which a whole delivery ends what it lacks. The engine then tells the
    transform which deliveries are whole, as the keyword `whole` (`kit.whole`)."""

    params: tuple[str, ...] = ()
    """Names of the fields of the feed's `Params` that the transform receives, as the keyword
    `params`.
    """

    slices: bool = False
    """Whether the params are columns of the table: one slice is kept for each set of them."""

    folds: tuple[str, ...] = ()
    """Every sentence that the transform may write in `_fold`; the gate counts each of them."""

    rejects_alone: bool = False
    """Whether the transform rejects the same rows, with the same values, where it is given little
    else of its driving inputs: all that speaks against a row is told by rejected rows. For a
    transform that moves rows (windows, joins): the quarantine of many rows is then written from
    those few, and not by making all of them a second time. Where other rejected rows than were
    counted come out, it is given all."""

    none_of_none: bool = False
    """Whether a table of sums has no row where its driving inputs have none, whatever the others
    hold: a small run then makes it without Spark."""

    plain: Plain | None = None
    """How most rows of large inputs are made without Spark (`kit.plain`)."""

    @property
    def driving_inputs(self) -> tuple[str, ...]:
        """`driving`, or the first input where it is empty."""
        return self.driving or self.inputs[:1]


@dataclass(frozen=True)
class Answer:
    """What `strata run` shows of a published table when it ends: a question, and the rows that
    answer it.
    """

    question: str
    """In words, as a heading."""

    table: str
    """The gold table that holds the answer."""

    columns: tuple[str, ...] = ()
    """What is shown; () = every column."""

    where: Callable[[pa.Table], Any] | None = None
    """Which rows: Arrow's booleans, one a row of the table; None = all."""

    order: tuple[tuple[str, str], ...] = ()
    """Columns, each `ascending` or `descending`; () = by the table's key. NULL comes last."""

    limit: int = 0
    """How many rows at most; 0 = all."""
