"""One table of a run: inputs → rows → split → write → audit. Each stage returns a frozen result."""

from __future__ import annotations

import time
from dataclasses import replace

from strata.gate import counting
from strata.run.audit.audit import audit
from strata.run.audit.verdict import Candidacy
from strata.run.bronze.rows import bronze_rows
from strata.run.inputs.read import read_inputs
from strata.run.plain.write import write_plain
from strata.run.plan import Step
from strata.run.rejects import write_rejected
from strata.run.rows import Candidate, table_rows
from strata.run.state import Built, Context, State, about
from strata.run.write import write_accepted
from strata.run.written import Target, Written


def build(context: Context, state: State, step: Step) -> Built:
    """Computes, gates, writes and audits one table; raises GateFailed when its gate says no."""
    started, feed = time.monotonic(), context.plan.feed
    about(context.say, table=step.table)(f"{step.table}: {step.why}")
    candidate = _rows(context, state, step)
    target = Target(feed.contract(step.table), feed.suite(step.table), state.tables.get(step.table))
    written = _write(context, target, candidate)
    counting.assert_conserved(step.table, written.tally, candidate.identity_in)
    if candidate.is_of_none:
        counting.assert_empty(step.table, written.tally)
    rejected = write_rejected(context, target, candidate, written)
    done = Candidacy(step, target, candidate, written, rejected, started)
    return audit(context, state, done)


def _write(context: Context, target: Target, candidate: Candidate) -> Written:
    if candidate.plain is not None:
        written = write_plain(context, target, candidate, candidate.plain)
        if written is not None:
            return written
        candidate = replace(candidate, make=candidate.plain.again)
    return write_accepted(context, target, candidate)


def _rows(context: Context, state: State, step: Step) -> Candidate:
    if step.table in context.plan.feed.bronze_tables:
        return bronze_rows(context, state, step)
    return table_rows(context, state, step, read_inputs(context, state, step))
