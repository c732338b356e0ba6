"""Upkeep of a feed's tables, under its lease: small files become larger ones, and what nobody needs
is removed.

The order makes it safe to stop anywhere: unpublished versions are taken back; compacted versions,
which hold the same rows in other files, are published, and with them up to which number older
publications have ended; only then are files removed. A second run finds nothing to do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from strata import __version__, failpoint
from strata.declare import feed as feeds
from strata.declare.contract import archive_contract, quarantine_contract
from strata.errors import ConservationError, UsageError
from strata.lake import compact, versions
from strata.lake.log import TableLog
from strata.lake.store import Store
from strata.lake.vacuum import Freed, vacuum
from strata.lake.versions import Warehouse
from strata.ledger import lease
from strata.ledger import publication as ledger
from strata.ledger import seal as integrity
from strata.ledger.publication import Publication, TableState
from strata.run.run import new_run_id

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from strata.declare.contract import Contract

_FILES_A_TABLE = 32
_LEAST_BYTES, _MOST_BYTES = 8 << 20, 256 << 20
LONGEST_DAYS = 60
"""No publication but the newest is kept longer: a table's log, by which it is read, is kept 90
days.
"""


@dataclass
class Maintained:
    """What was done."""

    feed: str
    publication: int | None = None
    compacted: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Data files of each compacted table, before and after."""
    ended: int = 0
    freed: Freed = field(default_factory=Freed)


def maintain(
    spark: SparkSession,
    warehouse: Warehouse,
    name: str,
    keep: int,
    days: int,
    say: Callable[[str], None],
) -> Maintained:
    """Compacts, ends old publications, and removes files, of one feed; keeps `keep` publications
    and all of the last `days` days.
    """
    if keep < 1 or not 0 <= days <= LONGEST_DAYS:
        raise UsageError(
            f"at least one publication is kept, and for 0 to {LONGEST_DAYS} days; got --keep "
            f"{keep} --days {days}"
        )
    run_id, feed = new_run_id(), feeds.load_feed(name)
    with lease.hold(warehouse, name, run_id) as held:
        every = ledger.read(warehouse, name)
        if not every:
            return Maintained(name)
        done = Maintained(name, ended=ledger.ended(every))
        store = Store(spark, warehouse, run_id)
        restore_all(store, feed, every[-1])
        states = tuple(_compact(store, feed, state, done, say) for state in every[-1].tables)
        ends = _ends(every, keep, days)
        if done.compacted or ends > done.ended:
            made = same_rows(warehouse, every[-1], states, "maintenance", run_id)
            done.ended = max(done.ended, _ends((*every, made), keep, days))
            held.assert_held()
            failpoint.reach("expire.before", name)
            every = (*every, ledger.publish(warehouse, replace(made, ends=done.ended)))
            done.publication = every[-1].publication
        done.freed = vacuum_all(warehouse, feed, every)
    return done


def same_rows(
    warehouse: Warehouse,
    before: Publication,
    states: tuple[TableState, ...],
    kind: str,
    run_id: str,
) -> Publication:
    """The publication that shows the rows of the one before, which lie elsewhere now."""
    return Publication(
        before.feed,
        before.publication + 1,
        before.publication,
        run_id,
        kind=kind,
        strata_version=__version__,
        params=before.params,
        published_at=datetime.now(timezone.utc),
        tables=tuple(
            integrity.seal(warehouse, s, before.state(s.table))
            for s in _moved(before.tables, states)
        ),
    )


def restore_all(store: Store, feed: feeds.Feed, published: Publication) -> None:
    """Brings each table of the feed that exists to its published version, after a look whether that
    is intact.
    """
    for state in published.tables:
        integrity.assert_intact(store.warehouse, state)
    for contract, standing in _physical(feed, published):
        if versions.latest_version(store.warehouse, contract.table) is not None:
            store.open_for_write(contract, standing)


def vacuum_all(warehouse: Warehouse, feed: feeds.Feed, every: tuple[Publication, ...]) -> Freed:
    """Removes what neither the newest publication nor one that has not ended references."""
    kept: dict[str, set[int]] = {}
    for publication in every:
        if publication.publication > ledger.ended(every) or publication is every[-1]:
            for state in publication.tables:
                for table, version, _ in integrity.parts(state):
                    kept.setdefault(table, set()).add(version)
    freed = Freed()
    for contract, published in _physical(feed, every[-1]):
        if versions.latest_version(warehouse, contract.table) is not None:
            freed += vacuum(warehouse, contract.table, published or 0, kept.get(contract.table, ()))
    return freed


def _physical(feed: feeds.Feed, published: Publication) -> list[tuple[Contract, int | None]]:
    """Each table and quarantine that the feed may have made, with its published version."""
    found = []
    for name in feed.table_names:
        contract, state = feed.contract(name), published.state(name)
        found.append((contract, state.version if state else None))
        found.append((quarantine_contract(contract), state.quarantine_version if state else None))
        found.append((archive_contract(contract), state.archive_version if state else None))
    return found


# --- which publications have ended ---------------------------------------------------------------


def _ends(every: tuple[Publication, ...], keep: int, days: int) -> int:
    """The number up to which publications end: those older than the newest `keep` and than `days`
    days.

    A publication that a maintenance follows does not count: the maintenance shows the same rows.
    """
    followed = {p.builds_on for p in every if p.kind in ledger.SAME_ROWS}
    counted = [p for p in every if p.publication not in followed]
    now = datetime.now(timezone.utc)

    def age(publication: Publication) -> timedelta:
        # Spark writes a time without a zone, Arrow reads it as UTC.
        return now - (publication.published_at or now).replace(tzinfo=timezone.utc)

    old = [p for p in counted[:-keep] if age(p) > timedelta(days=days)]
    old += [p for p in counted[:-1] if age(p) > timedelta(days=LONGEST_DAYS)]
    newest_old = max((p.publication for p in old), default=0)
    # What a kept maintenance follows ends with the publications before it, once nobody can be
    # reading it still.
    aged = {
        p.publication for p in every if p.publication in followed and age(p) > timedelta(days=days)
    }
    while newest_old + 1 in aged:
        newest_old += 1
    return newest_old


# --- compaction ----------------------------------------------------------------------------------


def _compact(
    store: Store, feed: feeds.Feed, state: TableState, done: Maintained, say: Callable[[str], None]
) -> TableState:
    contract = feed.contract(state.table)
    version = _compact_one(store, contract, state.version, done, say)
    quarantined = state.quarantine_version
    if quarantined is not None:
        quarantined = _compact_one(store, quarantine_contract(contract), quarantined, done, say)
    return replace(state, version=version, quarantine_version=quarantined)


def _compact_one(
    store: Store, contract: Contract, published: int, done: Maintained, say: Callable[[str], None]
) -> int:
    """The version after compaction: another one, with the same rows, if there were small files."""
    table = contract.table
    before = TableLog(store.warehouse, table).snapshot(published).adds
    wanted = _wanted_bytes(before)
    if not _has_small_files(before, wanted // 4):
        return published
    version = compact.compact(store, contract, wanted // 4, wanted)
    if version == published:
        return published
    rows, rows_after = (
        compact.content(store, table, published),
        compact.content(store, table, version),
    )
    if rows != rows_after:
        raise ConservationError(
            f"a compaction changes no row; {table} had {rows[0]} rows and has "
            f"{rows_after[0]}: nothing was published"
        )
    after = TableLog(store.warehouse, table).snapshot(version).adds
    done.compacted[table] = (len(before), len(after))
    say(f"{table}: {len(before)} files compacted to {len(after)}; the same {rows[0]:,} rows")
    return version


def _wanted_bytes(adds: dict[str, dict[str, object]]) -> int:
    """Of a file. An increment writes whole files again and a reader leaves out whole files, so a
    table has several, unless it is small.
    """
    whole = sum(int(str(add["size"])) for add in adds.values())
    return min(_MOST_BYTES, max(_LEAST_BYTES, whole // _FILES_A_TABLE))


def _has_small_files(adds: dict[str, dict[str, object]], small_bytes: int) -> bool:
    """Whether some partition has two files below this size: then a compaction is worth it."""
    small: dict[str, int] = {}
    for add in adds.values():
        if int(str(add["size"])) < small_bytes:
            partition = str(add["partitionValues"])
            small[partition] = small.get(partition, 0) + 1
    return any(count > 1 for count in small.values())


def _moved(before: Sequence[TableState], after: Sequence[TableState]) -> tuple[TableState, ...]:
    """The states, each built from its inputs' compacted versions: the rows it was computed from are
    still the same.
    """
    moved = {(old.table, old.version): new.version for old, new in zip(before, after, strict=True)}
    return tuple(
        replace(s, built_from={t: moved.get((t, v), v) for t, v in s.built_from.items()})
        for s in after
    )
