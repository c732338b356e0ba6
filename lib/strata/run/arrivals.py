"""What has arrived: the raw files of a feed, seen against the ledger, without Spark."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from strata.declare.feed import Feed
from strata.errors import BadFile, UsageError
from strata.fs import listing
from strata.kit.table import Source
from strata.ledger import publication as ledger
from strata.ledger.publication import FileEntry, Publication
from strata.raw.fetch import places
from strata.raw.look import Look
from strata.raw.members import Found
from strata.run import look_cache
from strata.run.look_cache import Remembered
from strata.run.options import Options

_MOST_NAMES = 20


@dataclass(frozen=True)
class Looked:
    """What lies in the raw folder, seen against the ledger."""

    new: tuple[Look, ...] = ()
    """Files to take."""
    known: tuple[Look, ...] = ()
    """Files taken by an earlier publication or earlier in this list, still there."""
    entries: tuple[FileEntry, ...] = ()
    """One entry for each file that is not in the ledger yet."""
    ignored: tuple[listing.Ignored, ...] = ()
    remembered: look_cache.Cache | None = None
    """What to keep of this look for the next run's; None where there was no look."""

    @property
    def rejected(self) -> tuple[FileEntry, ...]:
        """Files that are left out whole."""
        return tuple(entry for entry in self.entries if entry.status == "rejected")

    @property
    def folded(self) -> tuple[FileEntry, ...]:
        """Files that say nothing new."""
        return tuple(entry for entry in self.entries if entry.status == "folded")


def look_at_files(
    feed: Feed,
    options: Options,
    line: tuple[Publication, ...],
    remembered: look_cache.Cache | None = None,
) -> Looked:
    """Looks at every raw file of the feed once, and sorts it by what the ledger knows.

    Those that are remembered, unchanged and known to the ledger are passed over.
    """
    ends = frozenset(name for table in feed.tables for name in table.ends)
    sorting = _Sorting(ledger.files_taken(line), ledger.files_seen(line), ends)
    missing: list[Source] = []
    strays = listing.list_strays(options.raw, feed.name, (source.name for source in feed.sources))
    sorting.ignored += strays
    for source in feed.sources:
        layouts = tuple(layout for layout in feed.layouts if layout.source == source.name)
        found, passed_over = places.list_source(options.raw, feed.name, source.name, options.places)
        sorting.ignored += passed_over
        looks = _look_at_all(source.name, found, layouts, sorting.seen, remembered or {})
        for file, (held, item) in zip(found, looks, strict=True):
            sorting.add(source.name, file, held, item)
        if source.needed and not found and not sorting.has_any_of(source.name):
            missing.append(source)
    if sorting.new and missing:
        raise UsageError(
            f"{feed.name} cannot do without files in "
            + " and ".join(
                f"{options.raw}/{feed.name}/{source.name}; put there {source.needed}"
                for source in missing
            )
        )
    return sorting.result()


@dataclass
class _Sorting:
    """The files looked at so far, each as new, known, folded or rejected."""

    taken: dict[str, FileEntry]
    seen: set[tuple[str, str, str]]
    ends: frozenset[str] = frozenset()
    """Bronze tables of which a whole delivery ends what it lacks."""
    new: list[Look] = field(default_factory=list)
    known: dict[str, Look] = field(default_factory=dict)
    entries: list[FileEntry] = field(default_factory=list)
    ignored: list[listing.Ignored] = field(default_factory=list)
    kept: dict[str, Remembered] = field(default_factory=dict)

    def add(
        self, source: str, file: listing.RawFile, held: Found, remembered: Remembered | None
    ) -> None:
        if remembered:
            self.kept[look_cache.key(source, file)] = remembered
        self.ignored += held.ignored
        self.entries += [_rejected(source, file, error) for file, error in held.refused]
        for look in held.looks:
            self._sort(source, look)

    def _sort(self, source: str, look: Look) -> None:
        before = self.taken.get(f"{source}/{look.sha256}")
        if before is not None and before.delivery_date != look.delivery_date:
            own = listing.of_another_delivery(look.sha256, look.delivery_date)
            look = replace(look, sha256=own)
            before = self.taken.get(f"{source}/{look.sha256}")
        identity = f"{source}/{look.sha256}"
        if before is not None and (identity not in self.known or before.path == look.path):
            self.known[identity] = look
        if (source, look.path, look.sha256) in self.seen:
            return
        if before is not None:
            self.entries.append(_entry(source, look, "folded", f"same bytes as {before.path}"))
            return
        self.new.append(look)
        self.taken[identity] = _entry(source, look, "taken", self._detail(look))
        self.entries.append(self.taken[identity])

    def _detail(self, look: Look) -> str:
        told = [drift(look)]
        if listing.says_whole(look.path):
            if look.table not in self.ends:
                told.insert(0, "its folder says whole, and nothing of this source ends by that")
            elif look.delivery_date is None:
                told.insert(
                    0, "a whole delivery has a day: put it in a folder delivery=YYYY-MM-DD too"
                )
        return "; ".join(filter(None, told))

    def has_any_of(self, source: str) -> bool:
        return any(entry.source == source for entry in self.taken.values())

    def result(self) -> Looked:
        known = tuple(self.known.values())
        return Looked(tuple(self.new), known, tuple(self.entries), tuple(self.ignored), self.kept)


def _look_at_all(
    source: str,
    found: list[listing.RawFile],
    layouts: tuple[Any, ...],
    seen: set[tuple[str, str, str]],
    remembered: look_cache.Cache,
) -> list[tuple[Found, Remembered | None]]:
    """What each file holds, and what to remember of it. Hashing and counting release the
    interpreter's lock, so threads share the work.
    """

    def look_at(file: listing.RawFile) -> tuple[Found, Remembered | None]:
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


def _rejected(source: str, file: listing.RawFile, error: BadFile) -> FileEntry:
    sha256 = error.facts.get("sha256", "")
    return FileEntry(source, file.path, sha256, file.size, 0, "rejected", detail=str(error))


def drift(seen: Look) -> str:
    """What the look noted of the file, and how its fields differ from its layout's.

    Further ones are kept in `_extra` (of a personal source they are dropped, and their names
    untold); optional ones may lack.
    """
    told = [
        *seen.notes,
        _named("kept in _extra", seen.extra_fields),
        _named("not in the file", seen.missing_fields),
    ]
    if seen.dropped_fields:
        dropped = f"not named by the layout, and dropped: {_fields(seen.dropped_fields)}"
        told.insert(len(seen.notes), dropped)
    return "; ".join(filter(None, told))


def _named(what: str, names: tuple[str, ...]) -> str:
    if not names:
        return ""
    more = len(names) - _MOST_NAMES
    shown = ", ".join(name or "(no name)" for name in names[:_MOST_NAMES])
    return f"{what}: {shown}" + (f" and {more} more" if more > 0 else "")


def _fields(count: int) -> str:
    return f"{count} field" + ("" if count == 1 else "s")
