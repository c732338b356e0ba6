"""What a run would read, compute and write, and why: decided from the raw files, the declarations
and the ledger alone, without Spark.
"""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from strata.declare import protection as protect
from strata.declare.contract import LAYERS, split_name
from strata.declare.feed import Feed
from strata.errors import BadFile, UsageError
from strata.fs import files
from strata.kit.table import Source
from strata.lake.versions import Warehouse
from strata.ledger import publication as ledger
from strata.ledger.publication import FileEntry, Publication, TableState
from strata.raw.fetch import places
from strata.raw.fetch.places import Place
from strata.raw.look import Found, Look
from strata.run import look_cache
from strata.run.look_cache import Remembered

FOLDED_FILE = "same bytes as a file already taken"
_MOST_NAMES = 20


@dataclass(frozen=True, repr=False)
class Erase:
    """One person's erasure; its text form shows no pseudonym."""

    id: str
    tokens: tuple[tuple[str, str, str], ...]
    """(bronze table, column, pseudonym): whose rows go."""


@dataclass(frozen=True)
class Options:
    """What the caller asks of a run."""

    raw: str
    full: bool = False
    """Recompute every table whole."""
    tables: tuple[str, ...] = ()
    """Recompute these tables whole, and their descendants; take no new files."""
    layer: str | None = None
    """Go no further than this layer."""
    overrides: tuple[tuple[str, str], ...] = ()
    """(table, reason): publish though that table's gate says no."""
    takes_new_files: bool = True
    """A replay judges what was taken before; files of which the ledger does not know stay where
    they are.
    """
    places: tuple[Place, ...] = ()
    """Further files and folders to take, where they lie."""
    erase: Erase | None = None
    """Take a person out of the tables that `tables` names and what is computed from them; read no
    file.
    """


@dataclass(frozen=True)
class Looked:
    """What lies in the raw folder, seen against the ledger."""

    new: tuple[Look, ...] = ()
    """Files to take."""
    known: tuple[Look, ...] = ()
    """Files taken by an earlier publication or earlier in this list, still there."""
    entries: tuple[FileEntry, ...] = ()
    """One entry for each file that is not in the ledger yet."""
    ignored: tuple[files.Ignored, ...] = ()
    remembered: look_cache.Cache | None = None
    """What to keep of this look for the next run's; None where there was no look."""

    @property
    def rejected(self) -> tuple[FileEntry, ...]:
        return tuple(entry for entry in self.entries if entry.status == "rejected")

    @property
    def folded(self) -> tuple[FileEntry, ...]:
        return tuple(entry for entry in self.entries if entry.status == "folded")


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

    @property
    def is_empty(self) -> bool:
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
    def needs_key(self) -> bool:
        """Whether a step reads files of a source of whose personal fields pseudonyms are kept."""
        personal = {
            layout.table for layout in self.feed.layouts if protect.needs_key(layout.personal)
        }
        return any(step.table in personal and self.files_of(step) for step in self.steps)


def make_plan(
    feed: Feed,
    params: dict[str, Any],
    warehouse: Warehouse,
    options: Options,
    looked: Looked | None = None,
) -> Plan:
    """The plan of one feed's run against the ledger as it stands now."""
    line = ledger.lineage(ledger.read(warehouse, feed.name))
    base = line[-1] if line else None
    unknown = [name for name in options.tables if name not in feed.table_names]
    if unknown:
        raise UsageError(
            f"--table names a table of {feed.name}: {', '.join(feed.table_names)}; got "
            f"{', '.join(unknown)}"
        )
    fingerprints = {name: feed.fingerprint(name, params) for name in feed.table_names}
    if looked is None:
        takes_files = not options.erase and (
            not options.tables or not set(options.tables).isdisjoint(feed.bronze_tables)
        )
        looked = (
            look_at_files(
                feed, options, line, _remembered(feed, warehouse, options, base, fingerprints)
            )
            if takes_files
            else Looked()
        )
    if not options.takes_new_files:
        taken = ledger.files_taken(line)
        looked = Looked(
            known=tuple(seen for seen in looked.known if f"{seen.source}/{seen.sha256}" in taken)
        )
    steps = tuple(_steps(feed, params, warehouse, options, base, looked, fingerprints))
    return Plan(feed, params, base, _kept(looked, steps), steps, fingerprints)


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


# --- the raw files -------------------------------------------------------------------------------


def _remembered(
    feed: Feed,
    warehouse: Warehouse,
    options: Options,
    base: Publication | None,
    fingerprints: dict[str, str],
) -> look_cache.Cache:
    """What is remembered of raw files, but for sources of which some table is made again or has
    never been made: those are read.
    """

    def needs_files(table: str) -> bool:
        state = base.state(table) if base else None
        is_chosen = not options.tables or table in options.tables
        return is_chosen and (
            state is None or bool(_why_whole(table, state, fingerprints[table], options))
        )

    read = {layout.source for layout in feed.layouts if needs_files(layout.table)}
    return {
        key: item
        for key, item in look_cache.load(warehouse, feed.name).items()
        if look_cache.source_of(key) not in read
    }


def look_at_files(
    feed: Feed,
    options: Options,
    line: tuple[Publication, ...],
    remembered: look_cache.Cache | None = None,
) -> Looked:
    """Looks at every raw file of the feed once, and sorts it by what the ledger knows.

    Those that are remembered, unchanged and known to the ledger are passed over.
    """
    taken = ledger.files_taken(line)
    seen = ledger.files_seen(line)
    new: list[Look] = []
    known: dict[str, Look] = {}
    entries: list[FileEntry] = []
    ignored: list[files.Ignored] = []
    missing: list[Source] = []
    kept: dict[str, Remembered] = {}
    for source in feed.sources:
        layouts = tuple(layout for layout in feed.layouts if layout.source == source.name)
        found, passed_over = places.list_source(options.raw, feed.name, source.name, options.places)
        ignored += passed_over
        for file, (held, item) in zip(
            found, _look_at_all(source.name, found, layouts, seen, remembered or {}), strict=True
        ):
            if item:
                kept[look_cache.key(source.name, file)] = item
            ignored += held.ignored
            entries += [_rejected(source.name, file, error) for file, error in held.refused]
            for result in held.looks:
                identity = f"{source.name}/{result.sha256}"
                if identity in taken and (
                    identity not in known or taken[identity].path == result.path
                ):
                    known[identity] = result
                if (source.name, result.path, result.sha256) in seen:
                    continue
                if identity in taken:
                    entries.append(
                        _entry(
                            source.name, result, "folded", f"same bytes as {taken[identity].path}"
                        )
                    )
                else:
                    new.append(result)
                    entry = _entry(source.name, result, "taken", _drift(result))
                    entries.append(entry)
                    taken[identity] = entry
        if (
            source.needed
            and not found
            and not any(entry.source == source.name for entry in taken.values())
        ):
            missing.append(source)
    if new and missing:
        raise UsageError(
            f"{feed.name} cannot do without files in "
            + " and ".join(
                f"{options.raw}/{feed.name}/{source.name}; put there {source.needed}"
                for source in missing
            )
        )
    return Looked(tuple(new), tuple(known.values()), tuple(entries), tuple(ignored), kept)


def _look_at_all(
    source: str,
    found: list[files.RawFile],
    layouts: tuple[Any, ...],
    seen: set[tuple[str, str, str]],
    remembered: look_cache.Cache,
) -> list[tuple[Found, Remembered | None]]:
    """What each file holds, and what to remember of it. Hashing and counting release the
    interpreter's lock, so threads share the work.
    """

    def look_at(file: files.RawFile) -> tuple[Found, Remembered | None]:
        known = remembered.get(look_cache.key(source, file))
        recalled = look_cache.recall(known, file, source, seen)
        return (recalled, known) if recalled else look_cache.look_and_remember(file, layouts)

    with ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
        return list(pool.map(look_at, found))


def _entry(source: str, seen: Look, status: str, detail: str) -> FileEntry:
    return FileEntry(
        source=source,
        path=seen.path,
        sha256=seen.sha256,
        bytes=seen.bytes,
        records=seen.records,
        status=status,
        layout=seen.layout,
        table=seen.table,
        detail=detail,
        delivery_date=seen.delivery_date,
    )


def _rejected(source: str, file: files.RawFile, error: BadFile) -> FileEntry:
    sha256 = error.facts.get("sha256", "")
    return FileEntry(source, file.path, sha256, file.size, 0, "rejected", detail=str(error))


def _drift(seen: Look) -> str:
    """How the file's fields differ from its layout's.

    Further ones are kept in `_extra` (of a personal source they are dropped, and their names
    untold); optional ones may lack.
    """
    told = [
        _named("kept in _extra", seen.extra_fields),
        _named("not in the file", seen.missing_fields),
    ]
    if seen.dropped_fields:
        told.insert(
            0, f"not named by the layout, and dropped: {_plural(seen.dropped_fields, 'field')}"
        )
    return "; ".join(filter(None, told))


def _named(what: str, names: tuple[str, ...]) -> str:
    more = len(names) - _MOST_NAMES
    return (
        f"{what}: {', '.join(names[:_MOST_NAMES])}{f' and {more} more' if more > 0 else ''}"
        if names
        else ""
    )


# --- the tables ----------------------------------------------------------------------------------


def _steps(
    feed: Feed,
    params: dict[str, Any],
    warehouse: Warehouse,
    options: Options,
    base: Publication | None,
    looked: Looked,
    fingerprints: dict[str, str],
) -> list[Step]:
    forced = feed.descendants(set(options.tables))
    wanted = LAYERS[: LAYERS.index(options.layer) + 1] if options.layer else LAYERS
    steps: list[Step] = []
    changing: set[str] = set()
    for name in feed.table_names:
        if split_name(name)[0] not in wanted or (options.tables and name not in forced):
            continue
        state = base.state(name) if base else None
        why_whole = _why_whole(name, state, fingerprints[name], options)
        if name in feed.bronze_tables:
            step = _bronze_step(name, why_whole, looked)
        else:
            step = _table_step(feed, params, warehouse, base, name, state, why_whole, changing)
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
    news = _plural(len(taken), "new file") if taken else ""
    if why_whole:
        return Step(name, True, " and ".join(filter(None, (why_whole, news))))
    return Step(name, False, news) if taken else None


def _table_step(
    feed: Feed,
    params: dict[str, Any],
    warehouse: Warehouse,
    base: Publication | None,
    name: str,
    state: TableState | None,
    why_whole: str,
    changing: set[str],
) -> Step | None:
    table = feed.table(name)
    changed = [item for item in table.inputs if item in changing]
    behind = (
        []
        if state is None
        else [i for i in table.inputs if i not in changed and _has_moved(i, state, base, warehouse)]
    )
    whys = [why_whole] if why_whole else []
    whys += ["not built yet"] if state is None else []
    whys += [f"{', '.join(changed)} changes"] if changed else []
    whys += [f"{', '.join(behind)} has moved on"] if behind else []
    whole = bool(why_whole or state is None or behind)
    if not table.slices:
        return Step(name, whole, " and ".join(whys)) if whys else None
    wanted = json.dumps({key: params[key] for key in table.params}, sort_keys=True)
    held = state.slices if state else ()
    every = held if wanted in held else (*held, wanted)
    if whys:
        return Step(name, whole, " and ".join(whys), tuple(every))
    if wanted not in held:
        return Step(name, True, f"new parameters {wanted}", (wanted,), adds_slices=True)
    return None


def _has_moved(
    name: str, state: TableState, base: Publication | None, warehouse: Warehouse
) -> bool:
    current, held = published_state(name, base, warehouse), state.built_from.get(name)
    if current is None or held == current.version:
        return False
    # Another feed's maintenance gives its tables new versions, and no new rows.
    return held is None or not ledger.same_rows(
        ledger.read(warehouse, split_name(name)[1]), name, held, current.version
    )


def published_state(name: str, base: Publication | None, warehouse: Warehouse) -> TableState | None:
    """The published state of a table of this feed, or of another one's newest publication."""
    _, owner, _ = split_name(name)
    if base is not None and owner == base.feed:
        return base.state(name)
    latest = ledger.newest(ledger.read(warehouse, owner))
    return latest.state(name) if latest else None


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")
