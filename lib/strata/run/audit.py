"""Auditing a candidate: the table's expectations, the verdict, and what the ledger notes of
both.
"""

from __future__ import annotations

import getpass
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from strata import failpoint
from strata.declare.contract import quarantine_name
from strata.declare.suite import UNIQUENESS, Suite
from strata.errors import GateFailed
from strata.gate import gate, judging
from strata.gate.counting import Tally
from strata.gate.gate import Outcome, Verdict
from strata.kit import keys
from strata.lake import versions
from strata.lake.shape import conform
from strata.ledger import publication as ledger
from strata.ledger.publication import GateEntry, TableState
from strata.run.examples import with_examples, with_found
from strata.run.losses import judged_rows, lost
from strata.run.plan import Step
from strata.run.refusal import refusal, worded
from strata.run.rows import Candidate
from strata.run.state import Built, Change, Context, State, about
from strata.run.written import Rejected, Target, Written

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

FOLDED_FILE = "same bytes as a file already taken"


@dataclass(frozen=True)
class Candidacy:
    """A table's candidate, written and not yet audited."""

    step: Step
    target: Target
    candidate: Candidate
    written: Written
    rejected: Rejected
    started: float
    """When the table was begun, by the monotonic clock."""


def audit(context: Context, state: State, done: Candidacy) -> Built:
    """Runs the table's expectations on the whole candidate; raises GateFailed when the gate says
    no.
    """
    target, candidate, written = done.target, done.candidate, done.written
    rows, identity = _totals(target, candidate, written)
    verdict = _verdict(context, state, done, rows)
    overridden_by = _override(context, state, verdict, done.rejected)
    losses = lost(context, state, target.suite, written.tally, done.rejected)
    entry = _gate_entry(done, verdict, overridden_by, losses)
    table_state = replace(
        done.rejected.state if candidate.appends else _without_archive(done.rejected.state),
        version=written.commit.version,
        rows=rows,
        identity=identity,
        fingerprint=context.plan.fingerprints[target.table],
        slices=candidate.slices,
        built_from=candidate.built_from,
    )
    change = Change(
        target.previous.version if target.previous else None,
        written.commit.version,
        candidate.new_files,
        candidate.touched,
    )
    commits = [(target.table, written.commit.version)]
    if done.rejected.commit:
        commits.append((quarantine_name(target.table), done.rejected.commit.version))
    about(context.say, table=entry.table)(_line(entry))
    failpoint.reach("gate.passed", target.table)
    return Built(table_state, change, entry, tuple(commits))


def _without_archive(state: TableState) -> TableState:
    """The state of a table that was made whole: all that its archive held stands in it again."""
    return replace(state, archive_version=None, archived=0, archived_identity=0)


def _verdict(context: Context, state: State, done: Candidacy, rows: int) -> Verdict:
    """What the gate says of the whole candidate, which has so many rows."""
    target, written = done.target, done.written
    known = _known(context, done)
    whole = None
    if gate.needs_frame(target.suite, known):
        whole = context.store.read(target.table, written.commit.version)
    outcomes = with_examples(
        context, target, written, gate.row_outcomes(written.rules, written.tally)
    )
    views = _views(context, state, target.suite, whole) if whole is not None else {}
    of_table = gate.audit(whole, rows, target.suite, target.contract, views, known)
    outcomes += with_found(target, of_table, whole, views)
    held = done.rejected.state
    return gate.verdict(
        target.contract,
        target.suite,
        written.tally,
        outcomes,
        rows,
        max(0, held.rejected - _discarded(context, held)),
    )


def _totals(target: Target, candidate: Candidate, written: Written) -> tuple[int, int]:
    """Rows in the whole candidate, and the order-free hash of their ids, if the table keeps
    them."""
    rows, identity = written.tally.rows_written, 0
    if keys.has_identity(target.contract.columns):
        identity = written.tally.written_identity
    previous, exchange = target.previous, written.exchange
    if previous and (candidate.appends or exchange):
        rows, identity = previous.rows + rows, previous.identity ^ identity
    if exchange:
        rows, identity = rows - exchange.rows_gone, identity ^ exchange.identity_gone
    return rows, identity


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


def _override(context: Context, state: State, verdict: Verdict, rejected: Rejected) -> str | None:
    """By whom and why a failed gate is passed over; None where it passed."""
    if verdict.passed:
        return None
    reason = dict(context.options.overrides).get(verdict.table)
    if reason is None:
        version = rejected.commit.version if rejected.commit else None
        told = refusal(context, state, verdict.table, version, rejected.reasons)
        raise GateFailed(
            f"the gate of {verdict.table} says no, and nothing is published: "
            + "; ".join(verdict.failures)
            + worded(told, context.plan.feed.name),
            table=verdict.table,
            failures=verdict.failures,
            verdict=verdict,
            reasons=told,
        )
    return f"{getpass.getuser()}: {reason}"


def _gate_entry(
    done: Candidacy,
    verdict: Verdict,
    overridden_by: str | None,
    losses: list[dict[str, Any]],
) -> GateEntry:
    tally, folded_records = verdict.tally, done.candidate.folded_records
    folds = dict(tally.folds)
    if folded_records:
        folds[FOLDED_FILE] = folded_records
    return GateEntry(
        table=done.step.table,
        mode=done.candidate.mode,
        why=done.step.why,
        rows_in=tally.rows_in + folded_records,
        accepted=tally.accepted,
        quarantined=tally.quarantined,
        folded=tally.folded + folded_records,
        folds=folds,
        reasons=done.rejected.reasons,
        rows_written=tally.rows_written,
        total_rows=verdict.total_rows,
        total_rejected=done.rejected.state.rejected,
        seconds=round(time.monotonic() - done.started, 3),
        overridden_by=overridden_by,
        expectations=(
            *(
                {
                    "type": o.expectation.type,
                    "columns": list(o.expectation.columns),
                    "description": o.expectation.description,
                    "severity": o.expectation.severity,
                    "success": o.success,
                    "unexpected": o.unexpected,
                    "asked": _asked(o, tally),
                    "observed": o.observed,
                }
                for o in verdict.outcomes
            ),
            *losses,
        ),
    )


def _asked(outcome: Outcome, tally: Tally) -> int | None:
    """Of how many rows a row rule was asked; one of the whole table is asked once."""
    is_of_rows = outcome.unexpected is not None and not outcome.expectation.is_uniqueness
    return judged_rows(tally) if is_of_rows else None


def _line(entry: GateEntry) -> str:
    return (
        f"{entry.table}: {entry.rows_in:,} in = {entry.accepted:,} accepted + "
        f"{entry.quarantined:,} quarantined "
        f"+ {entry.folded:,} folded ({entry.seconds:.1f} s)"
    )
