"""Writing a candidate: its rows split by the gate, the accepted ones into the table, the rejected
ones into its quarantine, each counted on the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Observation

from strata.declare.contract import Contract, quarantine_contract
from strata.declare.suite import Expectation, Suite
from strata.errors import CommitUnknown, StrataError
from strata.gate import counting, gate, judging, small
from strata.gate.counting import Tally
from strata.gate.judging import Rule
from strata.kit.groups import Groups
from strata.lake import file_check
from strata.lake.data_file import DataFile
from strata.lake.shape import check_columns, columns_with_statistics, conform
from strata.lake.store import Exchange
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
    judged: DataFrame | pa.Table
    """Rows with their verdicts, as a table where they were fetched; of records written by Arrow,
    only those that were not written."""
    exchange: Exchange | None = None
    """What was put in the place of the touched groups' rows."""
    frame: DataFrame | None = None
    """The judged rows as Spark's, where they were fetched and Spark goes on with them."""
    whole: pa.Table | None = None
    """Every row of the table, where it is small and was written whole."""
    rejects: DataFrame | None = None
    """The rejected rows with their verdicts, made more cheaply than `judged`, where the table says
    how."""


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
        by_driver = candidate.records.bytes <= context.options.most_bytes_here and small.can_ask(
            target.suite, gate.is_row_expectation
        )
        write = _write_records_here if by_driver else _write_records
        written = write(context, target, candidate, candidate.records)
        if written is not None:
            return written
    if candidate.touched is not None:
        return _write_groups(context, target, candidate, candidate.touched)
    if _is_small(context, target, candidate):
        return _write_small(context, target, candidate)
    return _write_whole(context, target, candidate)


def _is_small(context: Context, target: Target, candidate: Candidate) -> bool:
    """Whether the candidate's rows are fetched into the driver, for one job in place of several."""
    return (
        candidate.rows_in <= context.options.most_rows_here
        and not target.contract.partition_columns
    )


def _write_small(context: Context, target: Target, candidate: Candidate) -> Written:
    """The same as `_write_whole`, by one job: what follows from the judged rows is done here."""
    parts, contract, store = split(candidate, target.suite), target.contract, context.store
    check_columns(parts.judged, contract)
    judged = small.fetch(parts.judged, contract.columns, parts.rules)
    tally = small.count(judged, candidate.rows_in, parts.rules, candidate.folds)
    rows = small.accepted(judged, contract.columns)
    appends = candidate.appends or target.previous is None
    commit = store.append(contract, rows) if appends else store.overwrite(contract, rows)
    assert_written(target.table, tally.rows_written, commit)
    whole = None if candidate.appends else rows
    return Written(commit, tally, parts.rules, judged, whole=whole)


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
    observed = counting.observed(
        parts.judged, observation, contract.columns, parts.rules, candidate.folds
    )
    accepted = conform(observed.where(judging.is_accepted()), contract)
    commit = store.append(contract, accepted) if appends else store.overwrite(contract, accepted)
    measured = observation.get
    tally = counting.read_tally(measured, candidate.rows_in, parts.rules, candidate.folds)
    assert_written(target.table, tally.rows_written, commit)
    judged, rejects = parts.judged, None
    if "marks" in measured:
        some = partial(counting.marked, marks=measured["marks"])
        judged = some(judged)
        if tally.rows_rejected and candidate.rejects:
            rejects = split(replace(candidate, frame=candidate.rejects(some)), target.suite).judged
    return Written(commit, tally, parts.rules, judged, rejects=rejects)


def _write_groups(
    context: Context, target: Target, candidate: Candidate, touched: Groups
) -> Written:
    """Puts the accepted rows in the place of those that the touched groups had."""
    parts = split(candidate, target.suite)
    # Counted first, for the count tells how many files they need.
    fetched = None
    if _is_small(context, target, candidate):
        fetched = small.fetch(parts.judged, target.contract.columns, parts.rules)
        tally = small.count(fetched, candidate.rows_in, parts.rules, candidate.folds)
        judged = context.spark.createDataFrame(fetched, small.schema_of(parts.judged, fetched))
    else:
        judged = context.kept.keep(parts.judged)
        measured = counting.count(judged, parts.rules, candidate.folds)
        tally = counting.read_tally(measured, candidate.rows_in, parts.rules, candidate.folds)
    accepted = conform(judged.where(judging.is_accepted()), target.contract)
    assert_touched(target.table, accepted, touched)
    exchange = context.store.replace_groups(target.contract, accepted, tally.rows_written, touched)
    assert_written(target.table, tally.rows_written + exchange.rows_kept, exchange.commit)
    return Written(
        exchange.commit,
        tally,
        parts.rules,
        judged if fetched is None else fetched,
        exchange,
        frame=judged,
    )


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
    rows, identity, broken = ask_files(context, target, added, len(rules))
    if would_reject(broken, [rule.expectation for rule in rules]):
        bronze_files.remove(folder, added)
        return None
    judged = judging.judge(rest, rules, candidate.rows)
    measured = counting.count(judged, rules, candidate.folds)
    tally = counting.read_tally(measured, candidate.rows_in, rules, candidate.folds)
    counting.add_written(tally, rows, identity, broken)
    return Written(store.append_files(contract, added), tally, rules, judged)


def _write_records_here(
    context: Context, target: Target, candidate: Candidate, records: Records
) -> Written | None:
    """The same for few records, which this process reads and writes; Spark judges only those that
    do not stand in the table.
    """
    contract, store = target.contract, context.store
    folder = store.warehouse.path(contract.table)
    told = bronze_files.write_here(records, contract, folder, columns_with_statistics(contract))
    added = bronze_files.written(told)
    asked = [e for e in target.suite.expectations if gate.is_row_expectation(e)]
    rows, identity, broken = 0, 0, [0] * len(asked)
    if added:
        lying = bronze_files.read_written(folder, added)
        rows, broken = lying.num_rows, small.count_nulls(lying, asked)
        identity = file_check.identity(lying["_file_sha256"], lying["_record_number"])
        _assert_lying(target.table, rows, added)
    if would_reject(broken, asked):
        bronze_files.remove(folder, added)
        return None
    rest = told.filter(pc.is_null(told[bronze_files.WRITTEN])).drop_columns(bronze_files.WRITTEN)
    frame = bronze.add_reader_verdict(bronze_files.as_frame(context.spark, rest), records)
    rules = gate.row_rules(frame, target.suite)
    judged: DataFrame | pa.Table = rest
    tally = Tally(rows_in=candidate.rows_in, broken=[0] * len(rules))
    if rest.num_rows:
        asked_of = judging.judge(frame, rules, candidate.rows)
        judged = small.fetch(asked_of, contract.columns, rules)
        tally = small.count(judged, candidate.rows_in, rules, candidate.folds)
    counting.add_written(tally, rows, identity, broken)
    whole = lying if added and not candidate.appends else None
    return Written(store.append_files(contract, added), tally, rules, judged, whole=whole)


def would_reject(broken: Sequence[int], asked: Sequence[Expectation]) -> bool:
    """Whether files that no commit names yet hold a row that the gate rejects."""
    return any(n and e.severity == "critical" for n, e in zip(broken, asked, strict=True))


def ask_files(
    context: Context, target: Target, added: list[DataFile], rules: int
) -> tuple[int, int, list[int]]:
    """How many rows the files hold, the order-free hash of their ids, and how many break each
    rule.
    """
    if not added:
        return 0, 0, [0] * rules
    frame = context.store.read_files(target.contract, added)
    asked = counting.count_written(frame, gate.row_rules(frame, target.suite))
    _assert_lying(target.table, asked[0], added)
    return asked


def _assert_lying(table: str, rows: int, added: list[DataFile]) -> None:
    wanted = sum(file.rows for file in added)
    if rows != wanted:
        raise CommitUnknown(
            f"{table}: its files must hold what was written; {wanted} rows were, "
            f"they hold {rows}: run again"
        )


def write_rejected(
    context: Context, target: Target, candidate: Candidate, written: Written
) -> Rejected:
    """Writes the rejected rows, where there are any or were some before; counts them by reason."""
    tally, previous = written.tally, target.previous
    state = previous or TableState(target.table, 0, 0)
    if tally.rows_rejected == 0 and (state.rejected == 0 or candidate.appends):
        return Rejected(state, {})
    own = quarantine_contract(target.contract)
    if isinstance(written.judged, pa.Table):
        reasons = small.reasons(written.judged)
        rows: DataFrame | pa.Table = (
            small.rejected(written.judged, own.columns)
            if written.frame is None
            else written.frame.where(judging.is_rejected()).select(*own.columns)
        )
    else:
        marked, reasons = _mark_rejected(context, own, written)
        rows = marked.select(*own.columns)
    commit, total = _put(context, own, candidate, state, (rows, tally.rows_rejected))
    state = replace(state, quarantine_version=commit.version, rejected=total)
    return Rejected(state, reasons, commit)


def _mark_rejected(
    context: Context, own: Contract, written: Written
) -> tuple[DataFrame, dict[str, int]]:
    """The rejected rows, kept, and how many have each reason; completes the tally."""
    columns = (*own.columns, *judging.broken_columns(written.rules))

    def keep(judged: DataFrame) -> DataFrame:
        return context.kept.keep(judged.where(judging.is_rejected()).select(*columns))

    marked = None if written.rejects is None else keep(written.rejects)
    if marked is None or marked.count() != written.tally.rows_rejected:
        assert not isinstance(written.judged, pa.Table), "fetched rows are marked where they lie"
        marked = keep(written.judged)
    return marked, counting.count_rejected(written.tally, marked, written.rules)


def _put(
    context: Context,
    own: Contract,
    candidate: Candidate,
    state: TableState,
    rejected: tuple[DataFrame | pa.Table, int],
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
    assert_written(own.table, added + rewritten, commit)
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


def assert_written(table: str, counted: int, commit: Commit) -> None:
    """CommitUnknown where a commit tells other rows than were counted."""
    if commit.rows_written is not None and commit.rows_written != counted:
        raise CommitUnknown(
            f"{table}: Delta must write what the gate counted; {counted} rows were counted, "
            f"{commit.rows_written} written: run again"
        )
