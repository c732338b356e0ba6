"""The verdict on a candidate: what its rows gave when they were written, and what the gate asks of
the whole table.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa

from strata.declare.contract import quarantine_name
from strata.declare.suite import UNIQUENESS, Suite
from strata.gate import gate, judging, plain_queries
from strata.gate.gate import Outcome, Verdict
from strata.kit import keys
from strata.lake import versions
from strata.lake.data_set import of_version
from strata.lake.shape import conform
from strata.ledger import publication as ledger
from strata.ledger.publication import TableState
from strata.run.audit.examples import with_examples, with_found, with_row
from strata.run.plan import Step
from strata.run.rows import Candidate
from strata.run.state import Context, State
from strata.run.way import Way
from strata.run.written import Rejected, Target, Written

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_MOST_ROWS_HERE = 50_000_000
"""Of the tables that a plain query reads, for this process to answer it."""


@dataclass(frozen=True)
class Candidacy:
    """A table's candidate, written and not yet audited."""

    step: Step
    target: Target
    candidate: Candidate
    way: Way
    written: Written
    rejected: Rejected
    started: float
    """When the table was begun, by the monotonic clock."""


def give_verdict(context: Context, state: State, done: Candidacy, rows: int) -> Verdict:
    """What the gate says of the whole candidate, which has so many rows."""
    target, written = done.target, done.written
    known = _known(context, done)
    answered = _ask_plainly(context, state, done, rows)
    asked = {id(outcome.expectation) for outcome in answered}
    rest = tuple(e for e in target.suite.expectations if id(e) not in asked)
    suite, whole = replace(target.suite, expectations=rest), None
    if gate.needs_frame(suite, known):
        whole = context.store.read(target.table, written.commit.version)
    outcomes = with_examples(
        context, target, written, gate.row_outcomes(written.rules, written.tally)
    )
    views = _views(context, state, suite, whole) if whole is not None else {}
    of_table = gate.audit(whole, rows, suite, target.contract, views, known)
    outcomes += with_found(target, of_table, whole, views) + answered
    held = done.rejected.state
    return gate.verdict(
        target.contract,
        target.suite,
        written.tally,
        outcomes,
        rows,
        max(0, held.rejected - _discarded(context, held)),
    )


def _ask_plainly(context: Context, state: State, done: Candidacy, rows: int) -> list[Outcome]:
    """The outcomes of the suite's plain queries, by DuckDB; none where Spark must answer them."""
    suite, version = done.target.suite, done.written.commit.version
    asked = plain_queries.of_suite(suite)
    if not asked:
        return []
    others = {
        name: table
        for name, table in list(state.tables.items())
        if name != suite.table and suite.names(name)
    }
    read = {name: (name, table.version) for name, table in others.items()}
    read |= dict.fromkeys(("batch", suite.table), (suite.table, version))
    is_many = rows + sum(table.rows for table in others.values()) > _MOST_ROWS_HERE
    logs = {name: (own, context.store.log(own).snapshot(v)) for name, (own, v) in read.items()}
    if is_many or not all(log.is_plain for _, log in logs.values()):
        return []
    warehouse = context.store.warehouse
    # All rows of a file share its hash.
    opened = partial(of_version, warehouse, coded=keys.ROW_ID[:1])
    tables = {name: partial(opened, *log) for name, log in logs.items()}
    answers = plain_queries.audit(asked, tables) or []
    return [
        a.outcome if a.least is None else with_row(done.target, a.outcome, a.least) for a in answers
    ]


def _views(context: Context, state: State, suite: Suite, whole: DataFrame) -> dict[str, DataFrame]:
    """The tables that the suite's queries name, as this run has them."""
    return {suite.table: whole} | {
        name: context.store.read(name, table.version)
        for name, table in list(state.tables.items())
        if name != suite.table and suite.names(name)
    }


def _known(context: Context, done: Candidacy) -> gate.Exchanged | gate.Single | pa.Table | None:
    """What is known of the candidate's keys without reading it again."""
    if done.written.whole is not None:
        return done.written.whole
    return gate.Single() if done.written.is_single else _exchanged(context, done)


def _exchanged(context: Context, done: Candidacy) -> gate.Exchanged | pa.Table | None:
    """What was written, if the last gate found every key of what stood before single (by the same
    rules, else it were made whole).
    """
    candidate, written, contract = done.candidate, done.written, done.target.contract
    if candidate.touched is None or (written.frame is None and written.groups is None):
        return None
    gates = (entry for p in reversed(context.line) for entry in p.gates)
    before = next((entry for entry in gates if entry.table == contract.table), None)
    if before is None or not all(
        told["success"] for told in before.expectations if told["type"] in UNIQUENESS
    ):
        return None
    if written.frame is None:
        # Rows that share a key are of one group.
        asked = [e for e in done.target.suite.expectations if e.is_uniqueness]
        told_by = context.plan.feed.table(contract.table).group_from or candidate.touched.columns
        in_group = all(set(told_by) <= set(e.columns) for e in asked)
        return written.groups if in_group else None
    rows = conform(written.frame.where(judging.is_accepted()), contract)
    return gate.Exchanged(rows, written.tally.rows_written, candidate.touched)


def _discarded(context: Context, held: TableState) -> int:
    """Rows in the quarantine that somebody has decided to discard."""
    decisions = ledger.decisions(context.line)
    chosen = {(d.file_sha256, d.record_number) for d in decisions if d.table == held.table}
    if not chosen or held.quarantine_version is None:
        return 0
    ids = versions.read_arrow(
        context.store.warehouse,
        quarantine_name(held.table),
        held.quarantine_version,
        list(keys.ROW_ID),
    )
    return sum(tuple(row.values()) in chosen for row in ids.to_pylist())
