"""What a run would read, compute and write, and why: decided from the raw files, the declarations
and the ledger alone, without Spark.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from strata.declare import protection as protect
from strata.declare.contract import LAYERS, split_name
from strata.declare.feed import Feed
from strata.errors import UsageError
from strata.kit.table import Table
from strata.lake.versions import Warehouse
from strata.ledger import publication as ledger
from strata.ledger.book import Book
from strata.ledger.publication import Publication, TableState
from strata.raw.look import Look
from strata.run import look_cache
from strata.run.arrivals import Looked, look_at_files
from strata.run.deliveries import whole_days
from strata.run.options import Options

MOST_SMALL_ROWS = 8_000_000
"""Rows of a feed, of all its tables together, with which a run counts as small."""
TASK_ROWS = 24_000_000
"""Of the first input, that one task of plain rows reads. A task needs 8 bytes of memory for each,
and joins and sorts within `plain.query.MEMORY`, by the disk where that is little."""
MOST_SMALL_NEWS = 200_000
"""New records with which a run does, however many are published, if no table must be made whole."""


@dataclass(frozen=True)
class Step:
    """One table to compute."""

    table: str
    whole: bool
    """Whether it must be recomputed whole; else only what its inputs' changes touch."""
    why: str
    slices: tuple[str, ...] = ()
    """For a table that keeps slices: the parameters to compute, as JSON."""
    adds_slices: bool = False
    """The slices are new beside those held, which stay as they are."""


@dataclass(frozen=True)
class Plan:
    """A run, before anything is written."""

    feed: Feed
    params: dict[str, Any]
    base: Publication | None
    looked: Looked
    steps: tuple[Step, ...]
    fingerprints: dict[str, str]
    book: Book
    """The ledger that the plan was made against."""
    on_one_machine: bool = False
    """Whether Spark, if it is asked at all, stands on this machine alone."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.steps

    def files_of(self, step: Step) -> tuple[Look, ...]:
        """The raw files that a step reads: the new ones of its table; when whole, also those taken
        before.
        """
        again = self.looked.known if step.whole else ()
        return tuple(
            {
                (s.source, s.sha256): s for s in (*again, *self.looked.new) if s.table == step.table
            }.values()
        )

    @property
    def is_small(self) -> bool:
        """Whether few rows are at hand, published and new, or few are new: then a run's time is
        what it costs to plan and start, and not work on rows.
        """
        if self._news <= MOST_SMALL_NEWS and not any(step.whole for step in self.steps):
            return True
        published = sum(table.all_rows for table in self.base.tables) if self.base else 0
        arriving = sum(look.records for look in (*self.looked.new, *self.looked.known))
        return published + arriving <= MOST_SMALL_ROWS

    @property
    def is_here(self) -> bool:
        """Whether this process does what it can by itself: a small run, and on one machine one
        whose tables may all be made whole of plain rows, each by one task."""
        if self.is_small or not self.on_one_machine:
            return self.is_small
        bronze, base = self.feed.bronze_tables, self.base.tables if self.base else ()
        are_whole = all(step.whole or step.table in bronze for step in self.steps)
        at_hand = self._news + max((state.all_rows for state in base), default=0)
        return are_whole and at_hand <= TASK_ROWS and self._is_plain

    @property
    def may_need_no_spark(self) -> bool:
        """Whether every table that changes may be made of plain rows in this process: Spark may
        then be asked about none of them.
        """
        return self.is_here and self._is_plain

    @property
    def _news(self) -> int:
        return sum(look.records for look in self.looked.new)

    @property
    def _is_plain(self) -> bool:
        tables = {table.name: table for table in self.feed.tables}
        states = {state.table: state.all_rows for state in self.base.tables} if self.base else {}
        made = [(tables[step.table], step) for step in self.steps if step.table in tables]
        return all(
            self._is_of_none(table, states)
            or (
                table.plain is not None
                and (not table.slices or (len(step.slices) == 1 and not step.adds_slices))
                and states.get(table.inputs[0], 0) + self._news >= table.plain.fewest
            )
            for table, step in made
        )

    def _is_of_none(self, table: Table, states: Mapping[str, int]) -> bool:
        """Whether the table has no row, for its first input has none, and none comes."""
        first = table.inputs[0]
        comes = {step.table for step in self.steps}
        return table.none_of_none and states.get(first) == 0 and first not in comes

    @property
    def needs_key(self) -> bool:
        """Whether a step reads files of a source of whose personal fields pseudonyms are kept."""
        personal = {
            layout.table for layout in self.feed.layouts if protect.needs_key(layout.personal)
        }
        return any(step.table in personal and self.files_of(step) for step in self.steps)


def make_plan(
    feed: Feed,
    params: dict[str, Any],
    warehouse: Warehouse | Book,
    options: Options,
    looked: Looked | None = None,
    fingerprints: dict[str, str] | None = None,
) -> Plan:
    """The plan of one feed's run against the ledger as it stands now.

    Give the `Book` instead of the warehouse where one is at hand: it has read the ledger already;
    what was looked at and the tables' fingerprints likewise.
    """
    book = warehouse if isinstance(warehouse, Book) else Book(warehouse)
    line = book.line(feed.name)
    unknown = [name for name in options.tables if name not in feed.table_names]
    if unknown:
        raise UsageError(
            f"--table names a table of {feed.name}: {', '.join(feed.table_names)}; got "
            f"{', '.join(unknown)}"
        )
    fingerprints = feed.fingerprints(params) if fingerprints is None else fingerprints
    basis = _Basis(feed, params, options, book, line, fingerprints)
    looked = basis.look() if looked is None else looked
    if not options.takes_new_files:
        taken = ledger.files_taken(line)
        looked = Looked(
            known=tuple(seen for seen in looked.known if f"{seen.source}/{seen.sha256}" in taken)
        )
    steps = tuple(_steps(basis, looked))
    kept, alone = _kept(looked, steps), options.on_one_machine
    return Plan(feed, params, basis.base, kept, steps, fingerprints, book, alone)


@dataclass(frozen=True)
class _Basis:
    """What a plan is decided from, raw files aside."""

    feed: Feed
    params: dict[str, Any]
    options: Options
    book: Book
    line: tuple[Publication, ...]
    fingerprints: dict[str, str]

    @property
    def base(self) -> Publication | None:
        return self.line[-1] if self.line else None

    def state(self, table: str) -> TableState | None:
        return self.base.state(table) if self.base else None

    def look(self) -> Looked:
        """Looks at the raw files, where the options let the run take any."""
        chosen = self.options.tables
        if self.options.erase or (chosen and set(chosen).isdisjoint(self.feed.bronze_tables)):
            return Looked()
        return look_at_files(self.feed, self.options, self.line, self._remembered())

    def _remembered(self) -> look_cache.Cache:
        """What is remembered of raw files, but for sources of which some table is made again or has
        never been made: those are read.
        """
        read = {layout.source for layout in self.feed.layouts if self._needs_files(layout.table)}
        return {
            key: item
            for key, item in look_cache.load(self.book.warehouse, self.feed.name).items()
            if look_cache.source_of(key) not in read
        }

    def _needs_files(self, table: str) -> bool:
        state = self.state(table)
        is_chosen = not self.options.tables or table in self.options.tables
        return is_chosen and (state is None or bool(self.why_whole(table)))

    def why_whole(self, table: str) -> str:
        """Why a table must be made whole, whatever its inputs do; nothing where it need not."""
        return _why_whole(table, self.state(table), self.fingerprints[table], self.options)


def _kept(looked: Looked, steps: tuple[Step, ...]) -> Looked:
    """Only what this run's steps read: a file is noted as taken by the run that reads it, and no
    other.
    """
    written = {step.table for step in steps}
    entries = tuple(
        entry for entry in looked.entries if entry.status == "rejected" or entry.table in written
    )
    return replace(
        looked, entries=entries, new=tuple(seen for seen in looked.new if seen.table in written)
    )


# --- the tables ----------------------------------------------------------------------------------


def _steps(basis: _Basis, looked: Looked) -> list[Step]:
    feed, options = basis.feed, basis.options
    if basis.base is None and feed.bronze_tables and not looked.new:
        return []  # No table is made of nothing; a gate would only say that it is empty.
    forced = feed.descendants(set(options.tables))
    wanted = LAYERS[: LAYERS.index(options.layer) + 1] if options.layer else LAYERS
    steps: list[Step] = []
    changing: set[str] = set()
    for name in feed.table_names:
        if split_name(name)[0] not in wanted or (options.tables and name not in forced):
            continue
        if name in feed.bronze_tables:
            step = _bronze_step(name, basis.why_whole(name), looked)
        else:
            step = _table_step(basis, name, changing, looked)
        if step:
            steps.append(step)
            changing.add(name)
    return steps


def _why_whole(name: str, state: TableState | None, fingerprint: str, options: Options) -> str:
    if options.full:
        return "--full"
    if options.tables:
        return (
            ("a person asked to be forgotten" if options.erase else "asked for")
            if name in options.tables
            else "its input is recomputed"
        )
    if state and state.fingerprint != fingerprint:
        return "its rules have changed"
    return ""


def _bronze_step(name: str, why_whole: str, looked: Looked) -> Step | None:
    entries = [
        entry
        for entry in looked.entries
        if entry.table == name and entry.status in ("taken", "folded")
    ]
    taken = [entry for entry in entries if entry.status == "taken"]
    news = _new_files(len(taken)) if taken else ""
    if why_whole:
        return Step(name, True, " and ".join(filter(None, (why_whole, news))))
    return Step(name, False, news) if taken else None


def _table_step(basis: _Basis, name: str, changing: set[str], looked: Looked) -> Step | None:
    state, why_whole = basis.state(name), basis.why_whole(name)
    inputs = basis.feed.table(name).inputs
    changed = [item for item in inputs if item in changing]
    behind = [i for i in inputs if state and i not in changed and _has_moved(basis, i, state)]
    whys = [why_whole] if why_whole else []
    whys += ["not built yet"] if state is None else []
    whys += [f"{', '.join(changed)} changes"] if changed else []
    if not changed and _wholeness_changes(basis, name, looked):
        whys.append("a delivery is whole no longer: a file of it was rejected")
    whys += [f"{', '.join(behind)} has moved on"] if behind else []
    step = Step(name, bool(why_whole or state is None or behind), " and ".join(whys))
    if basis.feed.table(name).slices:
        return _slices_step(basis, step, state.slices if state else ())
    return step if whys else None


def _wholeness_changes(basis: _Basis, name: str, looked: Looked) -> bool:
    """Whether a rejected file makes a delivery partial by which rows of the table have ended: they
    have not, and nothing else would tell.
    """
    ends = basis.feed.table(name).ends
    layouts = [layout for layout in basis.feed.layouts if layout.table in ends]
    before = [entry for publication in basis.line for entry in publication.files]
    now = [*before, *looked.rejected]
    return bool(layouts) and whole_days(layouts, before) != whole_days(layouts, now)


def _slices_step(basis: _Basis, step: Step, held: tuple[str, ...]) -> Step | None:
    """The step of a table that keeps slices: all that it holds, and the one that is asked for."""
    names = basis.feed.table(step.table).params
    wanted = json.dumps({key: basis.params[key] for key in names}, sort_keys=True)
    if step.why:
        return replace(step, slices=held if wanted in held else (*held, wanted))
    if wanted not in held:
        return Step(step.table, True, f"new parameters {wanted}", (wanted,), adds_slices=True)
    return None


def _has_moved(basis: _Basis, name: str, state: TableState) -> bool:
    """Whether an input's published version is another one than the table was built from."""
    current, held = published_state(name, basis.base, basis.book), state.built_from.get(name)
    if current is None or held == current.version:
        return False
    # Another feed's maintenance gives its tables new versions, and no new rows.
    return held is None or not ledger.same_rows(
        basis.book.every(split_name(name)[1]), name, held, current.version
    )


def published_state(name: str, base: Publication | None, book: Book) -> TableState | None:
    """The published state of a table of this feed, or of another one's newest publication."""
    if base is not None and ledger.owner_of(name) == base.feed:
        return base.state(name)
    return book.state(name)


def _new_files(count: int) -> str:
    return f"{count} new file" + ("" if count == 1 else "s")
