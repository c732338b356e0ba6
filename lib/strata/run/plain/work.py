"""What the tasks of one table's plain rows are given, and what they tell."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace

import pyarrow as pa

from strata.declare.contract import Contract
from strata.declare.suite import Expectation
from strata.kit.plain import Plain
from strata.lake.data_file import DataFile
from strata.run.plain.files import Input, Made
from strata.run.seen import Seen

MOST_REJECTED = 50_000
"""Rows that a task holds with the reasons of the query; of more, the transform gives them."""


@dataclass(frozen=True)
class Work:
    """What the tasks of one table do."""

    plain: Plain
    inputs: tuple[Input, ...]
    """The first is the one whose rows the table answers for."""
    made: tuple[Made, ...]
    record: pa.Schema | None
    """The columns of the first input, whole, if its records are told that the query left out."""
    contract: Contract
    schema: pa.Schema
    """Of the files that are written."""
    folder: str
    with_statistics: tuple[str, ...]
    tasks: int
    rules: tuple[Expectation, ...] = ()
    """The table's row rules, if Arrow can answer them: asked of each file that is written."""
    unique: tuple[Expectation, ...] = ()
    """Its rules of uniqueness, if one task sees all keys and can tell them apart."""
    rows: int | None = None
    """Records of the first input, if one task reads them all and their number is known."""
    told_is_enough: bool = False
    """Whether nobody asks for records left out of which the queries have told the reasons."""

    def left(self, written: int) -> int | None:
        """How many records the queries left out, who wrote so many; None where it is not known."""
        return None if self.rows is None else self.rows - written


@dataclass
class Done:
    """What one task has written, and what of the input that answers for."""

    files: list[DataFile] = field(default_factory=list)
    lying: int = 0
    """Rows in the files, as they were read back."""
    lying_identity: int = 0
    """The order-free hash of their ids."""
    broken: list[int] = field(default_factory=list)
    """How many of them break each of `Work.rules`."""
    is_single: bool = False
    """Whether all of `Work.unique` were asked, and no two rows share a key."""
    rows: int = 0
    """Rows of the first input that the written rows answer for; of single records, their number."""
    folds: dict[str, int] = field(default_factory=dict)
    identity: int | None = None
    """Order-free hash of those records' ids, where a record gives many rows."""
    folded_identity: int = 0
    """The same of single records that were folded."""
    left: int = 0
    """Records of the first input that the queries left out, or told why they are rejected."""
    rejected: list[pa.Table] = field(default_factory=list)
    """The rows of some of these, judged; no more than `MOST_REJECTED`."""
    gave_up: bool = False
    """For want of memory, or in doubt: the transform must make all rows."""

    def reject(self, rows: pa.Table) -> None:
        """Holds rejected rows, if they are not too many."""
        if rows.num_rows + sum(held.num_rows for held in self.rejected) <= MOST_REJECTED:
            self.rejected.append(rows)

    def fold(self, why: str, count: int) -> None:
        """Notes that so many rows of the first input were folded."""
        self.folds[why] = self.folds.get(why, 0) + count

    @property
    def text(self) -> str:
        """As JSON, for the driver, without the rejected rows."""
        return json.dumps(asdict(replace(self, rejected=[])))

    @classmethod
    def of(cls, text: str) -> Done:
        """From `text`."""
        told = json.loads(text)
        return cls(**{**told, "files": [DataFile(**file) for file in told["files"]]})

    def take(self, seen: Seen) -> None:
        """Notes what the rules say of the files."""
        self.lying, self.lying_identity, self.broken = seen.rows, seen.identity, seen.broken
        self.is_single = bool(seen.unique) and seen.is_single
