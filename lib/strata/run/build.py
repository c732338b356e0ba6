"""One table of a run: inputs → rows → way → write → audit. Each stage returns a frozen result."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from strata.gate import counting
from strata.run import write
from strata.run.audit.audit import audit
from strata.run.audit.verdict import Candidacy
from strata.run.bronze import write as bronze
from strata.run.bronze.rows import bronze_rows
from strata.run.inputs.read import read_inputs
from strata.run.plain import write as plain
from strata.run.plan import Step
from strata.run.rejects import write_rejected
from strata.run.rows import Candidate, table_rows
from strata.run.state import Built, Context, State, about
from strata.run.way import Way, ways
from strata.run.written import Target, Written

WRITERS: Mapping[Way, Callable[[Context, Target, Candidate], Written | None]] = {
    Way.RECORDS_HERE: bronze.write_here,
    Way.RECORDS_IN_TASKS: bronze.write_in_tasks,
    Way.PLAIN_GROUPS: plain.write_groups,
    Way.PLAIN_HERE: plain.write_here,
    Way.PLAIN_IN_TASKS: plain.write_in_tasks,
    Way.NONE: write.write_none,
    Way.FETCHED: write.write_fetched,
    Way.FETCHED_GROUPS: write.write_fetched_groups,
    Way.GROUPS: write.write_groups,
    Way.WHOLE: write.write_whole,
}
"""Each writes the accepted rows and counts every row; None, and nothing written, where it must
not."""


def build(context: Context, state: State, step: Step) -> Built:
    """Computes, gates, writes and audits one table; raises GateFailed when its gate says no."""
    started, feed = time.monotonic(), context.plan.feed
    about(context.say, table=step.table)(f"{step.table}: {step.why}")
    candidate = _rows(context, state, step)
    target = Target(feed.contract(step.table), feed.suite(step.table), state.tables.get(step.table))
    way, written = _write(context, target, candidate)
    counting.assert_conserved(step.table, written.tally, candidate.identity_in)
    if candidate.is_of_none:
        counting.assert_empty(step.table, written.tally)
    rejected = write_rejected(context, target, candidate, written)
    done = Candidacy(step, target, candidate, way, written, rejected, started)
    return audit(context, state, done)


def _rows(context: Context, state: State, step: Step) -> Candidate:
    if step.table in context.plan.feed.bronze_tables:
        return bronze_rows(context, state, step)
    return table_rows(context, state, step, read_inputs(context, state, step))


def _write(context: Context, target: Target, candidate: Candidate) -> tuple[Way, Written]:
    """Writes the candidate by the first of its ways that can be taken."""
    previous = target.previous
    context.store.open_for_write(target.contract, previous.version if previous else None)
    for way in ways(context, target, candidate):
        if way.is_by_transform and candidate.plain is not None:
            candidate = replace(candidate, make=candidate.plain.again)
        written = WRITERS[way](context, target, candidate)
        if written is not None:
            return way, written
    raise AssertionError(f"{target.table}: the transform can always be asked")
