"""One run of one feed: write, audit, publish.

The run holds the feed's lease from start to end. Each table of the plan is computed from this run's
candidates where there are any, else from the published versions; split by its gate; written once as
a candidate; audited. When every table has passed, one row in the ledger publishes them together.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from strata.declare.contract import archive_name, quarantine_name
from strata.lake.store import Store
from strata.lake.torn import set_torn_aside
from strata.lake.versions import Warehouse
from strata.ledger import lease
from strata.ledger import seal as integrity
from strata.ledger.attempts import Attempt, noted, now
from strata.ledger.lease import Lease
from strata.ledger.publication import GateEntry, Publication
from strata.run import look_cache
from strata.run.arrivals import Looked
from strata.run.build import build
from strata.run.inputs.read import make_missing_bronze
from strata.run.options import Options
from strata.run.plan import Plan, make_plan
from strata.run.publish import assert_untouched, make_publication
from strata.run.schedule import build_all
from strata.run.state import Context, Say, State, about

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
    with lease.hold(warehouse, feed.name, run_id) as held:
        # The plan was made before the lease was held: the ledger may have moved since.
        looked, rules = _again(plan, options), plan.fingerprints
        plan = make_plan(feed, plan.params, plan.book, options, looked, rules)
        report = Report(feed.name, run_id, plan)
        if plan.is_empty:
            return report
        for table in plan.base.tables if plan.base else ():
            integrity.assert_intact(warehouse, table)
        told = about(say, run=run_id, feed=feed.name)
        context = Context(spark, Store(spark, warehouse, run_id), plan, options, told)
        state = State({table.table: table for table in plan.base.tables} if plan.base else {})
        attempt = Attempt(run_id, feed.name, now(), params=plan.params)
        with noted(warehouse, attempt):
            try:
                report.publication = _write_audit_publish(context, state, held)
                attempt.outcome = "published"
                attempt.publication = report.publication.publication
            finally:
                context.kept.release()
                report.gates = state.gates
                report.seconds = time.monotonic() - started
                attempt.counts = {
                    g.table: [g.rows_in, g.accepted, g.quarantined, g.folded] for g in state.gates
                }
                attempt.reasons = [told for g in state.gates for told in g.told_reasons]
                attempt.warnings = [told for g in state.gates for told in g.told_warnings]
        look_cache.save(warehouse, feed.name, plan.looked.remembered)
    return report


def _write_audit_publish(context: Context, state: State, held: Lease) -> Publication:
    _set_torn_aside(context)
    make_missing_bronze(context, state)
    plan = context.plan
    at_once = context.options.at_once if plan.is_here else 1
    build_all(plan, state, lambda step: build(context, state, step), at_once)
    context.say(f"{plan.feed.name}: every gate has passed")
    assert_untouched(context, state)
    held.assert_held()
    return context.book.publish(make_publication(context, state))


def _set_torn_aside(context: Context) -> None:
    """Before any table is read: Delta cannot read a version below a torn commit either."""
    warehouse, base = context.store.warehouse, context.plan.base
    for table in base.tables if base else ():
        set_torn_aside(warehouse, table.table, table.version)
        if table.quarantine_version is not None:
            set_torn_aside(warehouse, quarantine_name(table.table), table.quarantine_version)
        if table.archive_version is not None:
            set_torn_aside(warehouse, archive_name(table.table), table.archive_version)


def _again(plan: Plan, options: Options) -> Looked | None:
    """What was looked at before, unless another run has published meanwhile."""
    if options.erase:
        return plan.looked
    latest = plan.book.newest(plan.feed.name)
    moved = (latest.publication if latest else 0) != (plan.base.publication if plan.base else 0)
    return None if moved else plan.looked
