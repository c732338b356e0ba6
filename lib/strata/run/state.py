"""What a run works with, and what it knows so far of its feed's tables."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from strata.kit.groups import MOST_KEYS, Groups
from strata.lake.store import Store
from strata.ledger.book import Book
from strata.ledger.publication import GateEntry, Publication, TableState
from strata.run.options import Options
from strata.run.plan import Plan

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Say = Callable[[str], None]

_ADAPTIVE = "spark.sql.adaptive.enabled"


def about(say: Say, **facts: str) -> Say:
    """As `say`; where it keeps facts beside its words, as a log of JSON lines does, with these."""
    own = getattr(say, "about", None)
    return own(**facts) if own else say


@dataclass(frozen=True)
class Change:
    """How a table of this run differs from its published version."""

    before: int | None
    """The published version, or None where there was none."""
    after: int
    new_files: tuple[str, ...] | None = None
    """Bronze: the files whose rows were added."""
    touched: Groups | None = None
    """The groups whose rows were replaced."""

    @property
    def is_whole(self) -> bool:
        """Whether every row may have changed."""
        return self.before is None or (self.new_files is None and self.touched is None)


@dataclass(frozen=True)
class Built:
    """One table of the run, audited."""

    state: TableState
    change: Change
    gate: GateEntry
    written: tuple[tuple[str, int], ...] = ()
    """(physical table, version) of each commit."""


@dataclass(frozen=True)
class State:
    """The tables of the feed: published, or built by this run. Each table that is built adds to
    it."""

    tables: dict[str, TableState] = field(default_factory=dict)
    changes: dict[str, Change] = field(default_factory=dict)
    gates: list[GateEntry] = field(default_factory=list)
    written: dict[str, int] = field(default_factory=dict)

    def add(self, built: Built) -> None:
        """Takes in a table that was built."""
        self.tables[built.state.table] = built.state
        self.changes[built.state.table] = built.change
        self.gates.append(built.gate)
        self.written.update(built.written)


@dataclass(frozen=True)
class Kept:
    """Frames that are kept in memory for the rest of a run."""

    frames: list[DataFrame] = field(default_factory=list)
    one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def keep(self, frame: DataFrame) -> DataFrame:
        """Keeps a frame that is read several times, and is small by construction."""
        with self.one_at_a_time, _planned_once(frame.sparkSession):
            kept = frame.persist()
            self.frames.append(kept)
        return kept

    def release(self) -> None:
        """Lets go of the frames that Spark keeps."""
        for frame in self.frames:
            with suppress(Exception):
                frame.unpersist()


@contextmanager
def _planned_once(spark: SparkSession) -> Iterator[None]:
    """What is kept is planned when it is kept. By adaptive execution it would be planned anew after
    each of its stages, which gains nothing of few rows, and of soil's positions takes minutes."""
    before = spark.conf.get(_ADAPTIVE, "true")
    spark.conf.set(_ADAPTIVE, "false")
    try:
        yield
    finally:
        spark.conf.set(_ADAPTIVE, str(before))


@dataclass(frozen=True)
class Context:
    """What a run works with, from its start to its end."""

    spark: SparkSession
    store: Store
    plan: Plan
    options: Options
    say: Say
    kept: Kept = field(default_factory=Kept)

    @property
    def book(self) -> Book:
        """The feed's ledger, as this run has read it."""
        return self.plan.book

    @property
    def line(self) -> tuple[Publication, ...]:
        """What this run builds on; under its lease nobody adds to it."""
        return self.plan.book.line(self.plan.feed.name)

    def is_mostly_new(self, held: TableState) -> bool:
        """Whether half of an input's rows or more, and more than `MOST_KEYS`, have come with this
        run, as with a lookup that is delivered anew: they touch most groups, which are then made
        quicker with the others. Not while some of it is archived.
        """
        before = self.plan.base.state(held.table) if self.plan.base else None
        if before is None or held.archive_version is not None:
            return False
        return held.rows - before.rows > max(MOST_KEYS, before.rows - 1)
