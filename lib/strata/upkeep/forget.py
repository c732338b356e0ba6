"""Forgets a person: in every layer, quarantine, history and old version, and proves it.

1. The suppression list gets the person's entry, so that no later file brings them back. 2. Bronze
is written again without their rows, which its gate folds; all that is computed from it follows, and
   one publication shows the result. With it the older publications end.
3. What only they referenced is removed. 4. Every file left in the warehouse is decoded and searched
for the person's pseudonyms and address.

Stopped anywhere, it is asked for again and goes on where it was: the list tells what was begun, the
ledger whether step 2 stands.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from pyarrow import compute

from strata import failpoint
from strata.declare import protection as protect
from strata.declare.feed import Feed
from strata.declare.layout import Layout
from strata.errors import StrataError, UsageError
from strata.fs import files, listing
from strata.fs.listing import RawFile
from strata.lake.store import Store
from strata.lake.vacuum import Freed
from strata.lake.versions import Warehouse
from strata.ledger import erasures as erasure
from strata.ledger import lease
from strata.ledger import publication as ledger
from strata.ledger.erasures import Erasure
from strata.raw.look import Look
from strata.raw.members import Found, look_all
from strata.raw.read import Part, read_part
from strata.run.arrivals import Looked
from strata.run.options import Erase, Options
from strata.run.plan import make_plan
from strata.run.run import new_run_id, run_feed
from strata.upkeep.maintain import restore_all, vacuum_all
from strata.upkeep.person import Person
from strata.upkeep.search import holds, lies_in

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Say = Callable[[str], None]


@dataclass
class Forgotten:
    """What was done, and what was looked through to prove it."""

    erasure: Erasure
    publication: int | None = None
    freed: Freed = field(default_factory=Freed)
    files: int = 0
    bytes: int = 0
    still_raw: dict[str, int] = field(default_factory=dict)
    """Raw files that still hold the person, and in how many records."""
    unread_raw: dict[str, bool] = field(default_factory=dict)
    """Raw files that no run reads, refused or ignored, and whether the person was seen in them."""


def forget(
    spark: SparkSession,
    warehouse: Warehouse,
    feed: Feed,
    person: Person,
    options: Options,
    say: Say,
) -> Forgotten:
    """Forgets the person, or finishes where an earlier attempt was stopped; raises where the proof
    finds them still.
    """
    begun = begin(warehouse, feed, person)
    done = Forgotten(begun)
    every = ledger.read(warehouse, feed.name)
    if every and not any(begun.id in publication.erasures for publication in every):
        done.publication = _purge(
            spark,
            warehouse,
            feed,
            person,
            replace(options, erase=Erase(begun.id, person.tokens)),
            say,
        )
    with lease.hold(warehouse, feed.name, new_run_id()):
        every = ledger.read(warehouse, feed.name)
        if every:
            restore_all(Store(spark, warehouse, begun.id), feed, every[-1])
            done.freed = vacuum_all(warehouse, feed, every)
        say("looking through every file that is left")
        prove(warehouse, person, done)
        failpoint.reach("proof.after", feed.name)
        done.erasure = replace(begun, done_at=begun.done_at or _now())
        erasure.write(warehouse, feed.name, done.erasure)
    done.still_raw, done.unread_raw = still_raw(feed, person, options.raw)
    return done


def begin(warehouse: Warehouse, feed: Feed, person: Person) -> Erasure:
    """The person's erasure: the one begun before, or a new one, whose entry is written first of
    all.
    """
    known = next(
        (e for e in erasure.read(warehouse, feed.name) if set(e.entries) & set(person.entries)),
        None,
    )
    if known is not None:
        return known
    label = person.entries[0].partition(":")[0]
    begun = Erasure(
        new_run_id(),
        tuple(entry for entry in person.entries if entry.startswith(f"{label}:")),
        _now(),
    )
    failpoint.reach("suppress.before", feed.name)
    erasure.write(warehouse, feed.name, begun)
    failpoint.reach("suppress.after", feed.name)
    return begun


def _purge(
    spark: SparkSession,
    warehouse: Warehouse,
    feed: Feed,
    person: Person,
    options: Options,
    say: Say,
) -> int | None:
    """Recomputes the tables that know the person, and what comes from them, without them; gives the
    publication.
    """
    latest = ledger.read(warehouse, feed.name)[-1]
    tables = tuple(sorted({table for table, _, _ in person.tokens if latest.state(table)}))
    options = replace(options, tables=tables)
    params = {**feed.default_params(), **json.loads(latest.params)}
    plan = make_plan(feed, params, warehouse, options, Looked())
    report = run_feed(spark, warehouse, plan, options, say)
    return report.publication.publication if report.publication else None


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


# --- the proof -----------------------------------------------------------------------------------


def prove(warehouse: Warehouse, person: Person, done: Forgotten) -> None:
    """Decodes every file of the warehouse and searches it; raises, and names the files, where any
    holds the person.
    """
    failpoint.reach("proof.before", done.erasure.id)
    found = []
    for name, size in sorted(files.walk(warehouse.root).items()):
        uri = f"{warehouse.root}/{name}"
        done.files, done.bytes = done.files + 1, done.bytes + size
        if holds(uri, person.needles):
            found.append(name)
    if found:
        raise StrataError(
            f"nobody who was forgotten may stand in any file; {len(found)} files still hold "
            f"the person: {', '.join(found[:5])}: "
            "remove what no feed makes any more, run the feeds that read these tables, then "
            "ask again",
            files=found,
        )


def still_raw(feed: Feed, person: Person, raw: str) -> tuple[dict[str, int], dict[str, bool]]:
    """The raw files in which the person still stands, with the number of their records, and those
    that no run reads, with whether the person's text lies in their bytes: they are the user's to
    change.
    """
    found: dict[str, int] = {}
    strays = listing.list_strays(raw, feed.name, (source.name for source in feed.sources))
    unread = {one.path: False for one in strays}
    for source in sorted({layout.source for layout in feed.layouts if layout.identifying}):
        layouts = {layout.name: layout for layout in feed.layouts if layout.source == source}
        try:
            listed, ignored = listing.list_raw(raw, feed.name, source)
        except UsageError:  # No raw folder here.
            continue
        unread |= {f"{source}/{one.path}": False for one in ignored}
        for file in listed:
            inside = look_all(file, tuple(layouts.values()))
            for seen in inside.looks:
                count = _records_of(feed, layouts[seen.layout], seen, person)
                if count:
                    found[f"{source}/{seen.path}"] = count
            unread |= {
                f"{source}/{path}": is_there for path, is_there in _unread(file, inside, person)
            }
    return found, unread


def _unread(file: RawFile, inside: Found, person: Person) -> list[tuple[str, bool]]:
    """What is not taken of a file, each with whether the person is seen in its bytes; a member's
    lie packed in its archive.
    """
    paths = [*(one.path for one, _ in inside.refused), *(one.path for one in inside.ignored)]
    return [(path, path == file.path and lies_in(file.uri, person.needles)) for path in paths]


def _records_of(feed: Feed, layout: Layout, seen: Look, person: Person) -> int:
    if not layout.identifying:
        return 0
    entries = frozenset(person.entries)
    columns = tuple(
        name for name in feed.contract(layout.table).columns if not name.startswith("_")
    )
    batches = (
        b
        for chunk in seen.chunks
        for b in read_part(Part(seen, chunk, layout), columns, suppressed=entries)
    )
    return sum(compute.sum(batch.column(protect.FORGOTTEN)).as_py() or 0 for batch in batches)
