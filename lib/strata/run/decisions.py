"""Publications without new rows: a rollback, and people's decisions on rejected rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from strata import __version__
from strata.errors import StrataError, UsageError
from strata.lake import versions
from strata.lake.versions import Warehouse
from strata.ledger import attempts, lease
from strata.ledger import publication as ledger
from strata.ledger import seal as integrity
from strata.ledger.attempts import Attempt, now
from strata.ledger.publication import Publication
from strata.run.run import new_run_id


def rollback(warehouse: Warehouse, feed: str, number: int) -> Publication:
    """Publishes the tables of an older publication again; nothing is copied or deleted."""

    def old_set(every: tuple[Publication, ...]) -> Publication:
        old = ledger.find(every, feed, number)
        if number <= ledger.ended(every):
            raise UsageError(
                f"a rollback needs a publication that is still kept; publication {number} of "
                f"{feed} has ended, and its files may be gone: "
                f"choose one after {ledger.ended(every)}"
            )
        missing = [
            s.table for s in old.tables if not versions.has_version(warehouse, s.table, s.version)
        ]
        if missing:
            raise StrataError(
                f"a rollback needs the files of that publication; {', '.join(missing)} no "
                "longer has them: choose a newer publication"
            )
        for state in old.tables:
            integrity.assert_intact(warehouse, state)
        return Publication(
            feed,
            0,
            0,
            "",
            kind="rollback",
            restores=old.publication,
            params=old.params,
            tables=old.tables,
        )

    return _publish_alone(warehouse, feed, old_set)


def record_decisions(
    warehouse: Warehouse, feed: str, decisions: tuple[ledger.Decision, ...]
) -> Publication:
    """Publishes people's decisions on quarantined rows; the tables stay as they are."""

    def with_decisions(every: tuple[Publication, ...]) -> Publication:
        latest = every[-1]
        return Publication(
            feed,
            0,
            0,
            "",
            kind="decision",
            params=latest.params,
            tables=latest.tables,
            decisions=decisions,
        )

    return _publish_alone(warehouse, feed, with_decisions)


def _publish_alone(
    warehouse: Warehouse,
    feed: str,
    make: Callable[[tuple[Publication, ...]], Publication],
) -> Publication:
    run_id = new_run_id()
    with lease.hold(warehouse, feed, run_id) as held:
        every = ledger.read(warehouse, feed)
        base = every[-1].publication if every else ledger.NOTHING
        made = replace(
            make(every),
            publication=base + 1,
            builds_on=base,
            run_id=run_id,
            strata_version=__version__,
        )
        held.assert_held()
        started = now()
        published = ledger.publish(warehouse, made)
        attempts.note(
            warehouse, Attempt(run_id, feed, started, now(), "published", published.publication)
        )
        return published
