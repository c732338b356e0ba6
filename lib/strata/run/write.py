"""Writing a candidate: its rows split by the gate, the accepted ones into the table, the rejected
ones into its quarantine, each counted on the way.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pyspark.sql import Observation

from strata.declare.contract import Contract, quarantine_contract
from strata.declare.suite import Suite
from strata.errors import CommitUnknown, StrataError
from strata.gate import gate, judging
from strata.gate.judging import Rule, Tally
from strata.kit.groups import Groups
from strata.lake.data_file import DataFile
from strata.lake.store import Exchange, columns_with_statistics, conform
from strata.lake.versions import Commit
from strata.ledger.publication import TableState
from strata.run import bronze, bronze_files
from strata.run.bronze_files import Records
from strata.run.rows import Candidate
from strata.run.state import Context

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass(frozen=True)
class Target:
    """The table that is written, as it stood before."""

    contract: Contract
    suite: Suite
    previous: TableState | None

    @property
    def table(self) -> str:
        """The name of the table."""
        return self.contract.table


@dataclass(frozen=True)
class Split:
    """A candidate's rows, each judged by the rules; nothing is computed yet."""

    judged: DataFrame
    rules: list[Rule]


@dataclass(frozen=True)
class Written:
    """The accepted rows as they were written, and every row counted."""

    commit: Commit
    tally: Tally
    rules: list[Rule]
    judged: DataFrame
    """Rows with their verdicts; for records written by Arrow, only those that were not written."""
    exchange: Exchange | None = None
    """What was put in the place of the touched groups' rows."""


@dataclass(frozen=True)
class Rejected:
    """The quarantine after the run, and why rows are in it."""

    state: TableState
    """The table's state as it was, but for its quarantine."""
    reasons: dict[str, int]
    """Of the rows that this run rejects."""
    commit: Commit | None = None


def split(candidate: Candidate, suite: Suite) -> Split:
    """Judges each row of the candidate by the suite's row rules."""
    rules = gate.row_rules(candidate.frame, suite)
    return Split(judging.judge(candidate.frame, rules, candidate.rows), rules)


def write_accepted(context: Context, target: Target, candidate: Candidate) -> Written:
    """Writes the accepted rows, and counts every row on the way."""
    previous, store = target.previous, context.store
    store.open_for_write(target.contract, previous.version if previous else None)
    if candidate.records and _takes_files(context, target):
        written = _write_records(context, target, candidate, candidate.records)
        if written is not None:
            return written
    if candidate.touched is not None:
        return _write_groups(context, target, candidate, candidate.touched)
    return _write_whole(context, target, candidate)


def _takes_files(context: Context, target: Target) -> bool:
    """Whether the table's files can be written by Arrow, in the tasks that read the records."""
    can_write = bronze_files.can_write(target.contract)
    return can_write and context.store.can_add_files(target.contract)


def _write_whole(context: Context, target: Target, candidate: Candidate) -> Written:
    """Appends the accepted rows, or puts them in the place of all that stood there."""
    parts, contract, store = split(candidate, target.suite), target.contract, context.store
    # Nothing to replace in a table that is still empty: appending is several times quicker.
    appends = candidate.appends or target.previous is None
    # The filter stands above the count, where Spark leaves it.
    observation = Observation(f"gate of {target.table}")
    observed = judging.observed(
        parts.judged, observation, contract.columns, parts.rules, candidate.folds
    )
    accepted = conform(observed.where(judging.is_accepted()), contract)
    commit = store.append(contract, accepted) if appends else store.overwrite(contract, accepted)
    measured = observation.get
    judged = parts.judged
    if "marks" in measured:
        judged = judging.marked(judged, measured["marks"])
    tally = judging.read_tally(measured, candidate.rows_in, parts.rules, candidate.folds)
    _assert_written(target.table, tally.rows_written, commit)
    return Written(commit, tally, parts.rules, judged)


def _write_groups(
    context: Context, target: Target, candidate: Candidate, touched: Groups
) -> Written:
    """Puts the accepted rows in the place of those that the touched groups had."""
    parts = split(candidate, target.suite)
    # Counted first, for the count tells how many files they need.
    judged = context.kept.keep(parts.judged)
    tally = judging.read_tally(
        judging.count(judged, parts.rules, candidate.folds),
        candidate.rows_in,
        parts.rules,
        candidate.folds,
    )
    accepted = conform(judged.where(judging.is_accepted()), target.contract)
    assert_touched(target.table, accepted, touched)
    exchange = context.store.replace_groups(target.contract, accepted, tally.rows_written, touched)
    _assert_written(target.table, tally.rows_written + exchange.rows_kept, exchange.commit)
    return Written(exchange.commit, tally, parts.rules, judged, exchange)


def _write_records(
    context: Context, target: Target, candidate: Candidate, records: Records
) -> Written | None:
    """Writes a bronze table's records by Arrow, and asks the suite of the files before a commit
    names them.

    None, and nothing done, where a rule takes out some of the rows that were written: then every
    row must be judged on its way.
    """
    contract, store = target.contract, context.store
    folder = store.warehouse.path(contract.table)
    told = context.kept.keep(
        bronze_files.write(
            context.spark, records, contract, folder, columns_with_statistics(contract)
        )
    )
    added = bronze_files.written(told)
    rest = bronze.add_reader_verdict(
        told.where(told[bronze_files.WRITTEN].isNull()).drop(bronze_files.WRITTEN), records
    )
    rules = gate.row_rules(rest, target.suite)
    rows, identity, broken = _ask_files(context, target, added, len(rules))
    if any(
        n and rule.expectation.severity == "critical" for n, rule in zip(broken, rules, strict=True)
    ):
        bronze_files.remove(folder, added)
        return None
    judged = judging.judge(rest, rules, candidate.rows)
    measured = judging.count(judged, rules, candidate.folds)
    tally = judging.read_tally(measured, candidate.rows_in, rules, candidate.folds)
    judging.add_written(tally, rows, identity, broken)
    return Written(store.append_files(contract, added), tally, rules, judged)


def _ask_files(
    context: Context, target: Target, added: list[DataFile], rules: int
) -> tuple[int, int, list[int]]:
    """How many rows the files hold, the order-free hash of their ids, and how many break each
    rule.
    """
    if not added:
        return 0, 0, [0] * rules
    frame = context.store.read_files(target.contract, added)
    asked = judging.count_written(frame, gate.row_rules(frame, target.suite))
    wanted = sum(file.rows for file in added)
    if asked[0] != wanted:
        raise CommitUnknown(
            f"{target.table}: its files must hold what was written; {wanted} rows were, "
            f"they hold {asked[0]}: run again"
        )
    return asked


def write_rejected(
    context: Context, target: Target, candidate: Candidate, written: Written
) -> Rejected:
    """Writes the rejected rows, where there are any or were some before; counts them by reason."""
    tally, rules, previous = written.tally, written.rules, target.previous
    state = previous or TableState(target.table, 0, 0)
    if tally.rows_rejected == 0 and (state.rejected == 0 or candidate.appends):
        return Rejected(state, {})
    own = quarantine_contract(target.contract)
    marked = context.kept.keep(
        written.judged.where(judging.is_rejected()).select(
            *own.columns, *judging.broken_columns(rules)
        )
    )
    reasons = judging.count_rejected(tally, marked, rules)
    commit, total = _put(
        context, own, candidate, state, (marked.select(*own.columns), tally.rows_rejected)
    )
    state = replace(state, quarantine_version=commit.version, rejected=total)
    return Rejected(state, reasons, commit)


def _put(
    context: Context,
    own: Contract,
    candidate: Candidate,
    state: TableState,
    rejected: tuple[DataFrame, int],
) -> tuple[Commit, int]:
    """Writes rejected rows, so many, into a quarantine; returns the commit, and how many rows it
    holds then.
    """
    frame, added = rejected
    store, version, held = context.store, state.quarantine_version, state.rejected
    store.open_for_write(own, version)
    total, rewritten = added, 0
    if candidate.appends and version is not None:
        commit, total = store.append(own, frame), held + added
    elif candidate.touched is not None and held and version is not None:
        exchange = store.replace_groups(own, frame, added, candidate.touched)
        commit, rewritten = exchange.commit, exchange.rows_kept
        total = held - exchange.rows_gone + added
    else:
        commit = store.append(own, frame) if version is None else store.overwrite(own, frame)
    _assert_written(own.table, added + rewritten, commit)
    return commit, total


def assert_touched(table: str, accepted: DataFrame, touched: Groups) -> None:
    """A row of another group would stand beside the one that it should replace."""
    stray = touched.rows_without(accepted).select(*touched.columns).limit(1).count()
    if stray:
        raise StrataError(
            f"the rows of an increment belong to the groups that it touches; {table} gives "
            "rows of others, for its transform changes "
            f"{', '.join(touched.columns)}: tell by the table's `add_group` what a raw "
            "record's group is"
        )


def _assert_written(table: str, counted: int, commit: Commit) -> None:
    if commit.rows_written is not None and commit.rows_written != counted:
        raise CommitUnknown(
            f"{table}: Delta must write what the gate counted; {counted} rows were counted, "
            f"{commit.rows_written} written: run again"
        )
