"""One run of one feed: write, audit, publish.

The run holds the feed's lease from start to end. Each table of the plan is computed from this run's
candidates where there are any, else from the published versions; split by its gate; written once as
a candidate; audited. When every table has passed, one row in the ledger publishes them together.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from strata import __version__
from strata.declare.contract import quarantine_name
from strata.errors import GateFailed, StrataError, UsageError
from strata.lake import store as storage
from strata.lake import versions
from strata.lake.store import Store
from strata.lake.versions import Warehouse
from strata.ledger import attempts, lease
from strata.ledger import publication as ledger
from strata.ledger import seal as integrity
from strata.ledger.attempts import Attempt
from strata.ledger.publication import GateEntry, Publication
from strata.run import look_cache
from strata.run.plan import Options, Plan, make_plan
from strata.run.work import Say, Work

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass
class Report:
    """What a run did, for people and for the ledger of attempts."""

    feed: str
    run_id: str
    plan: Plan
    publication: Publication | None = None
    gates: list[GateEntry] = field(default_factory=list)
    seconds: float = 0.0


def new_run_id() -> str:
    """Sorts by time; the random part keeps two runs of one second apart."""
    return datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ-") + secrets.token_hex(3)


def run_feed(
    spark: SparkSession, warehouse: Warehouse, plan: Plan, options: Options, say: Say
) -> Report:
    """Runs the plan under the feed's lease; raises, with nothing published, when any gate says
    no."""
    started = time.monotonic()
    run_id = new_run_id()
    feed = plan.feed
    with lease.hold(spark, warehouse, feed.name, run_id) as held:
        # The plan was made before the lease was held: the ledger may have moved since.
        plan = make_plan(feed, plan.params, warehouse, options, _again(plan, warehouse, options))
        report = Report(feed.name, run_id, plan)
        if plan.is_empty:
            return report
        for state in plan.base.tables if plan.base else ():
            integrity.assert_intact(warehouse, state)
        attempt = Attempt(run_id, feed.name, _now(), params=plan.params)
        work = Work(spark, Store(spark, warehouse, run_id), plan, options, say)
        try:
            _set_torn_aside(spark, warehouse, plan.base)
            for step in plan.steps:
                work.do(step)
            work.assert_untouched()
            held.assert_held()
            report.publication = ledger.publish(spark, warehouse, work.publication())
            attempt.outcome, attempt.publication = "published", report.publication.publication
        except StrataError as error:
            attempt.outcome = "gate failed" if isinstance(error, GateFailed) else "failed"
            attempt.message = str(error)
            raise
        except BaseException as error:
            attempt.outcome, attempt.message = "failed", type(error).__name__
            raise
        finally:
            work.release()
            report.gates = work.gates
            report.seconds = time.monotonic() - started
            attempt.ended_at = _now()
            attempt.counts = {
                g.table: [g.rows_in, g.accepted, g.quarantined, g.folded] for g in work.gates
            }
            attempts.note(warehouse, attempt)
        look_cache.save(warehouse, feed.name, plan.looked.remembered)
    return report


def _set_torn_aside(spark: SparkSession, warehouse: Warehouse, base: Publication | None) -> None:
    """Before any table is read: Delta cannot read a version below a torn commit either."""
    for state in base.tables if base else ():
        storage.set_torn_aside(spark, warehouse, state.table, state.version)
        if state.quarantine_version is not None:
            storage.set_torn_aside(
                spark, warehouse, quarantine_name(state.table), state.quarantine_version
            )


def _again(plan: Plan, warehouse: Warehouse, options: Options) -> Any:
    """What was looked at before, unless another run has published meanwhile."""
    latest = ledger.newest(ledger.read(warehouse, plan.feed.name))
    if options.erase:
        return plan.looked
    moved = (latest.publication if latest else 0) != (plan.base.publication if plan.base else 0)
    return None if moved else plan.looked


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


# --- publications without new rows ---------------------------------------------------------------


def rollback(spark: SparkSession, warehouse: Warehouse, feed: str, number: int) -> Publication:
    """Publishes the tables of an older publication anew; nothing is copied or deleted."""

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

    return _publish_alone(spark, warehouse, feed, old_set)


def record_decisions(
    spark: SparkSession, warehouse: Warehouse, feed: str, decisions: tuple[ledger.Decision, ...]
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

    return _publish_alone(spark, warehouse, feed, with_decisions)


def _publish_alone(
    spark: SparkSession,
    warehouse: Warehouse,
    feed: str,
    make: Callable[[tuple[Publication, ...]], Publication],
) -> Publication:
    run_id = new_run_id()
    with lease.hold(spark, warehouse, feed, run_id) as held:
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
        started = _now()
        published = ledger.publish(spark, warehouse, made)
        attempts.note(
            warehouse, Attempt(run_id, feed, started, _now(), "published", published.publication)
        )
        return published
