"""Auditing a candidate: the table's expectations, the verdict, and what the ledger notes of
both.
"""

from __future__ import annotations

import getpass
import time
from dataclasses import replace
from typing import Any

from strata import failpoint
from strata.declare.contract import quarantine_name
from strata.errors import GateFailed
from strata.gate.counting import Tally
from strata.gate.gate import Outcome, Verdict
from strata.kit import keys
from strata.ledger.publication import GateEntry, TableState
from strata.run.audit.losses import judged_rows, lost
from strata.run.audit.refusal import refusal, worded
from strata.run.audit.verdict import Candidacy, give_verdict
from strata.run.rows import Candidate
from strata.run.state import Built, Change, Context, State, about
from strata.run.written import Rejected, Target, Written

FOLDED_FILE = "same bytes as a file already taken"


def audit(context: Context, state: State, done: Candidacy) -> Built:
    """Runs the table's expectations on the whole candidate; raises GateFailed when the gate says
    no.
    """
    target, candidate, written = done.target, done.candidate, done.written
    rows, identity = _totals(target, candidate, written)
    verdict = give_verdict(context, state, done, rows)
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
    about(context.say, table=entry.table, way=done.way.value)(_line(entry))
    failpoint.reach("gate.passed", target.table)
    return Built(table_state, change, entry, tuple(commits))


def _without_archive(state: TableState) -> TableState:
    """The state of a table that was made whole: all that its archive held stands in it again."""
    return replace(state, archive_version=None, archived=0, archived_identity=0)


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
