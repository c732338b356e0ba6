"""Plain rows, made by a query, and the rest by the table's transform: judged, counted and written.

Which function writes a table, `run.way` decides. What the tasks write is asked by the gate before a
commit names it, as any file is. Where they leave much to the transform, or a rule finds fault with
what they wrote, the transform makes all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce
from operator import xor
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from strata.errors import CommitUnknown
from strata.gate import arrow_rules, counting, gate, judging, small
from strata.gate.counting import Tally, add_written
from strata.gate.judging import Rule
from strata.kit import row_ids
from strata.kit.frames import frame_of
from strata.kit.table import Rows
from strata.lake.exchange import replace_rows
from strata.lake.shape import conform
from strata.run.bronze import files as bronze_files
from strata.run.plain import task as plain_task
from strata.run.plain.files import MOST_LEFT
from strata.run.plain.place import Ended, run_here, run_there, work_of
from strata.run.plain.work import Done
from strata.run.rows import Candidate, PlainJob
from strata.run.state import Context
from strata.run.written import (
    Asked,
    Target,
    Written,
    ask_files,
    assert_among,
    assert_written,
    fetch_judged,
    split,
    would_reject,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass(frozen=True)
class _Left:
    """The records that the queries left out, or told why they are rejected."""

    rows: int
    frame: Callable[[], DataFrame] | None
    """Makes a frame of them; None of sums."""
    rejected: list[pa.Table]
    """The rows of those of which the reasons are told."""


@dataclass(frozen=True)
class _Rest:
    """What the transform makes of the records left out."""

    tally: Tally
    rules: list[Rule]
    judged: DataFrame | pa.Table
    by_spark: bool
    accepted: Any
    """The rows that the table takes: fetched where they are few, else as Spark's."""


def write_here(context: Context, target: Target, candidate: Candidate) -> Written | None:
    """Writes the table's plain rows, made by this process, and what the transform makes of the
    records left out. None, and nothing done, where the transform must make all rows.
    """
    job = _job(candidate)
    work = work_of(context, target, candidate, job)
    ended = run_here(context, work, job, candidate.rows_in) or run_there(context, work, job)
    return _write_ended(context, target, candidate, (job, ended))


def write_in_tasks(context: Context, target: Target, candidate: Candidate) -> Written | None:
    """The same, made by Spark's tasks."""
    job = _job(candidate)
    ended = run_there(context, work_of(context, target, candidate, job), job)
    return _write_ended(context, target, candidate, (job, ended))


def _job(candidate: Candidate) -> PlainJob:
    assert candidate.plain is not None, "asked of plain rows"
    return candidate.plain


def _write_ended(
    context: Context, target: Target, candidate: Candidate, given: tuple[PlainJob, Ended]
) -> Written | None:
    """Writes what the tasks have made, and the rest."""
    (job, asked), previous, store = given, target.previous, context.store
    contract, folder = target.contract, store.warehouse.path(target.table)
    rest_rows = candidate.rows_in - job.rows + asked.rows_left
    leaves_much = asked.left is not None and rest_rows > MOST_LEFT * candidate.rows_in
    if leaves_much or any(done.gave_up for done in asked.done):
        bronze_files.remove(folder, asked.files)
        return None
    told = _ask_of(context, target, asked)
    if would_reject(told.broken, target.row_rules):
        bronze_files.remove(folder, asked.files)
        return None
    rejected = [table for done in asked.done for table in done.rejected]
    left = _Left(rest_rows, asked.left, rejected)
    rest = _make_rest(context, target, candidate, (job, left))
    if _is_unsettled(job, rest):
        bronze_files.remove(folder, asked.files)
        return None
    add_written(rest.tally, told.rows, told.identity, told.broken)
    _answer(rest.tally, asked.done, told.rows, told.identity)
    files = [*asked.files, *store.write_files(contract, rest.accepted)]
    commit = (
        store.append_files(contract, files)
        if previous is None
        else store.replace_files(contract, files)
    )
    assert_written(target.table, rest.tally.rows_written, commit)
    whole = None if rest.by_spark else told.lying
    is_single = all(done.is_single for done in asked.done) and rest.tally.rows_written == told.rows
    return Written(commit, rest.tally, rest.rules, rest.judged, whole=whole, is_single=is_single)


def write_groups(context: Context, target: Target, candidate: Candidate) -> Written | None:
    """The same of few touched groups, in this process; their rows go in the place of those that
    the groups had."""
    job, store, contract = _job(candidate), context.store, target.contract
    keys = candidate.touched.keys if candidate.touched else None
    assert keys is not None, "asked of few groups"
    made = plain_task.make(work_of(context, target, candidate, job))
    if made is None:
        return None
    rows, done, left = made
    broken = arrow_rules.count_broken(rows, target.row_rules)
    if would_reject(broken, target.row_rules):
        return None
    rest_rows = candidate.rows_in - job.rows + left.num_rows
    if rest_rows > context.options.most_rows_here:
        return None
    of_left = _Left(rest_rows, lambda: frame_of(context.spark, left, job.record), done.rejected)
    rest = _make_rest(context, target, candidate, (job, of_left))
    if _is_unsettled(job, rest):
        return None
    tally, more = rest.tally, rest.accepted
    identity = row_ids.identity_of(rows)
    add_written(tally, rows.num_rows, identity, broken)
    _answer(tally, [done], rows.num_rows, identity)
    rows = pa.concat_tables([rows, more.select(rows.column_names).cast(rows.schema)])
    assert_among(target.table, rows, keys)
    exchange = replace_rows(store, contract, rows, keys)
    if exchange is None:
        return None
    assert_written(target.table, rows.num_rows + exchange.rows_kept, exchange.commit)
    # Read back: what a gate asks of the groups, it asks of what lies in the table.
    lying = store.groups(target.table, exchange.commit.version, keys).rows()
    if not lying.num_rows == rows.num_rows == tally.rows_written:
        raise CommitUnknown(
            f"{target.table}: its touched groups must hold what was written; {rows.num_rows} rows "
            f"were, they hold {lying.num_rows}: run again"
        )
    return Written(exchange.commit, tally, rest.rules, rest.judged, exchange, groups=lying)


def _is_unsettled(job: PlainJob, rest: _Rest) -> bool:
    """Whether the transform does not reject all that was left out: what was made without it depends
    on it then."""
    return job.plain.settle is not None and rest.tally.rows_written + rest.tally.folded > 0


def _make_rest(
    context: Context, target: Target, candidate: Candidate, given: tuple[PlainJob, _Left]
) -> _Rest:
    """What the transform makes of the records left out; it is not asked where the queries have told
    of each why it is rejected."""
    (job, left), contract = given, target.contract
    if left.frame is None or candidate.rows is Rows.AGGREGATE:
        return _without_spark(target, candidate, [])
    is_told = job.is_alone and left.rows == sum(table.num_rows for table in left.rejected)
    if is_told and (not left.rows or arrow_rules.can_ask(target.row_rules, target.schema)):
        return _without_spark(target, candidate, left.rejected)
    frame = job.make(left.frame(), left.rows)
    if left.rows <= context.options.most_rows_here:
        fetched, rules = fetch_judged(frame, candidate.rows, target)
        tally = small.count(fetched, candidate.rows_in, rules, candidate.folds)
        taken = small.accepted(fetched, contract.columns)
        return _Rest(tally, rules, fetched, True, taken)
    parts = split(frame, candidate.rows, target.suite)
    judged = context.kept.keep(parts.judged)
    measured = counting.count(judged, parts.rules, candidate.folds)
    tally = counting.read_tally(measured, candidate.rows_in, parts.rules, candidate.folds)
    accepted = conform(judged.where(judging.is_accepted()), contract)
    return _Rest(tally, parts.rules, judged, True, accepted)


def _without_spark(target: Target, candidate: Candidate, rejected: list[pa.Table]) -> _Rest:
    """Rejected rows alone, with the reasons that the queries and the gate give them."""
    rules, none = gate.row_rules(None, target.suite), target.schema.empty_table()
    if not rejected:
        tally = Tally(candidate.rows_in, broken=[0] * len(rules))
        return _Rest(tally, rules, judging.nothing_judged(target.schema), False, none)
    judged = pa.concat_tables(rejected)
    tally = small.count(judged, candidate.rows_in, rules, candidate.folds)
    return _Rest(tally, rules, judged, False, none)


def _answer(tally: Tally, done: Iterable[Done], rows: int, identity: int) -> None:
    """Puts what the written rows answer for in the place of themselves, and adds what was folded
    into them.
    """
    for task in done:
        if task.identity is not None:
            tally.identity ^= task.identity ^ identity
            identity = 0
        tally.accepted += task.rows
        tally.identity ^= task.folded_identity
        for fold, count in task.folds.items():
            tally.folded += count
            tally.folds[fold] = tally.folds.get(fold, 0) + count
    tally.accepted -= rows


def _ask_of(context: Context, target: Target, asked: Ended) -> Asked:
    """What the gate asks of the files: answered by the tasks where Arrow can answer."""
    rows, lying = sum(file.rows for file in asked.files), sum(done.lying for done in asked.done)
    is_few = rows <= context.options.most_rows_here
    if is_few or lying != rows or not arrow_rules.can_ask(target.row_rules, target.schema):
        return ask_files(context, target, asked.files)
    broken = [
        sum(counts) for counts in zip(*(d.broken for d in asked.done if d.files), strict=True)
    ]
    return Asked(rows, reduce(xor, (done.lying_identity for done in asked.done), 0), broken)
