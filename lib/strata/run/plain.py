"""Tables of large inputs: plain rows by DuckDB's tasks, the rest by the table's transform.

What the tasks write is asked by the gate before a commit names it, as any file is. Where they
leave much to the transform, or a rule finds fault with what they wrote, the transform makes all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from operator import xor
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StringType, StructField, StructType

from strata.errors import CommitUnknown
from strata.gate import counting, gate, judging, small
from strata.gate.counting import Tally, add_written
from strata.gate.judging import Rule
from strata.kit.groups import Keys
from strata.kit.table import Rows
from strata.lake import file_check
from strata.lake.data_file import DataFile
from strata.lake.exchange import replace_rows
from strata.lake.shape import check_columns, columns_with_statistics, conform
from strata.run import bronze_files, plain_task
from strata.run.plain_files import MOST_LEFT, TASK_ROWS
from strata.run.plain_task import Done, Work
from strata.run.rows import Candidate, PlainJob
from strata.run.state import Context
from strata.run.written import (
    Asked,
    Target,
    Written,
    ask_files,
    assert_among,
    assert_written,
    split,
    would_reject,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_DONE = "_done"


@dataclass(frozen=True)
class _Asked:
    """What the tasks did, and what they left."""

    done: list[Done]
    left: DataFrame | None
    rows_left: int

    @property
    def files(self) -> list[DataFile]:
        return [file for done in self.done for file in done.files]


@dataclass(frozen=True)
class _Rest:
    """What the transform makes of the records left out."""

    tally: Tally
    rules: list[Rule]
    judged: DataFrame | pa.Table
    accepted: Any
    """The rows that the table takes: fetched where they are few, else as Spark's."""


def write_plain(
    context: Context, target: Target, candidate: Candidate, job: PlainJob
) -> Written | None:
    """Writes the table's plain rows, and what the transform makes of the records left out.

    None, and nothing done, where the transform must make all rows.
    """
    previous, store, contract = target.previous, context.store, target.contract
    store.open_for_write(contract, previous.version if previous else None)
    if not store.can_add_files(contract):
        return None
    if candidate.touched is not None:
        keys = candidate.touched.keys
        return (
            None
            if keys is None or job.plain.settle
            else _write_groups(context, target, candidate, (job, keys))
        )
    asked, folder = _ask(context, target, job, candidate), store.warehouse.path(contract.table)
    rest_rows = candidate.rows_in - job.rows + asked.rows_left
    leaves_much = asked.left is not None and rest_rows > MOST_LEFT * candidate.rows_in
    if leaves_much or any(done.gave_up for done in asked.done):
        bronze_files.remove(folder, asked.files)
        return None
    told = _ask_of(context, target, asked)
    if would_reject(told.broken, target.row_rules):
        bronze_files.remove(folder, asked.files)
        return None
    left = None if _has_none(candidate, job, rest_rows) else asked.left
    rest = _make_rest(context, target, candidate, (job, left, rest_rows))
    if job.plain.settle and rest.tally.rows_written + rest.tally.folded:
        # The transform does not reject what was left out, and what was written depends on it.
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
    whole = told.lying if left is None else None
    return Written(commit, rest.tally, rest.rules, rest.judged, whole=whole)


def _write_groups(
    context: Context, target: Target, candidate: Candidate, given: tuple[PlainJob, Keys]
) -> Written | None:
    """The same of few touched groups, in this process; their rows go in the place of those that
    the groups had."""
    (job, keys), store, contract = given, context.store, target.contract
    made = plain_task.make(_work(context, target, candidate, job))
    if made is None or not small.can_ask(target.row_rules, target.schema):
        return None
    rows, done, left = made
    broken = small.count_broken(rows, target.row_rules)
    if would_reject(broken, target.row_rules):
        return None
    rest_rows = candidate.rows_in - job.rows + left.num_rows
    if rest_rows > context.options.most_rows_here:
        return None
    has_none = _has_none(candidate, job, rest_rows)
    frame = None if has_none else context.spark.createDataFrame(left, job.record)
    rest = _make_rest(context, target, candidate, (job, frame, rest_rows))
    tally, more = rest.tally, rest.accepted
    identity = file_check.identity_of(rows)
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


def _has_none(candidate: Candidate, job: PlainJob, rest_rows: int) -> bool:
    """Whether the query has made every row of the table."""
    return candidate.rows is Rows.AGGREGATE or (not rest_rows and job.is_alone)


def _make_rest(
    context: Context,
    target: Target,
    candidate: Candidate,
    given: tuple[PlainJob, DataFrame | None, int],
) -> _Rest:
    """What the transform makes of the records left out, of which there are so many."""
    (job, left, rows), contract = given, target.contract
    if left is None:
        # Nothing is left to judge, and Spark is not asked.
        rules = gate.row_rules(context.store.read_files(contract, []), target.suite)
        tally, none = Tally(candidate.rows_in, broken=[0] * len(rules)), target.schema.empty_table()
        return _Rest(tally, rules, judging.nothing_judged(target.schema), none)
    parts = split(job.make(left, rows), candidate.rows, target.suite)
    check_columns(parts.judged, contract)
    if rows <= context.options.most_rows_here:
        fetched = small.fetch(parts.judged, contract.columns, parts.rules)
        tally = small.count(fetched, candidate.rows_in, parts.rules, candidate.folds)
        return _Rest(tally, parts.rules, fetched, small.accepted(fetched, contract.columns))
    judged = context.kept.keep(parts.judged)
    measured = counting.count(judged, parts.rules, candidate.folds)
    tally = counting.read_tally(measured, candidate.rows_in, parts.rules, candidate.folds)
    accepted = conform(judged.where(judging.is_accepted()), contract)
    return _Rest(tally, parts.rules, judged, accepted)


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


def _work(context: Context, target: Target, candidate: Candidate, job: PlainJob) -> Work:
    contract = target.contract
    return Work(
        job.plain,
        job.inputs,
        job.made,
        None if candidate.rows is Rows.AGGREGATE else to_arrow_schema(job.record),
        contract,
        target.schema,
        context.store.warehouse.path(contract.table),
        tuple(columns_with_statistics(contract)),
        max(1, -(-candidate.rows_in // TASK_ROWS)),
        tuple(target.row_rules) if small.can_ask(target.row_rules, target.schema) else (),
    )


def _ask_of(context: Context, target: Target, asked: _Asked) -> Asked:
    """What the gate asks of the files: answered by the tasks where Arrow can answer."""
    rows, lying = sum(file.rows for file in asked.files), sum(done.lying for done in asked.done)
    is_few = rows <= context.options.most_rows_here
    if is_few or lying != rows or not small.can_ask(target.row_rules, target.schema):
        return ask_files(context, target, asked.files)
    broken = [
        sum(counts) for counts in zip(*(d.broken for d in asked.done if d.files), strict=True)
    ]
    return Asked(rows, reduce(xor, (done.lying_identity for done in asked.done), 0), broken)


def _ask(context: Context, target: Target, job: PlainJob, candidate: Candidate) -> _Asked:
    is_sum = candidate.rows is Rows.AGGREGATE
    record = StructType([]) if is_sum else job.record
    work = _work(context, target, candidate, job)
    told = context.kept.keep(_run(context, work, record))
    texts = [row[0] for row in told.where(told[_DONE].isNotNull()).select(_DONE).collect()]
    done = [Done.of(text) for text in texts]
    if is_sum:
        return _Asked(done, None, 0)
    left = told.where(told[_DONE].isNull()).drop(_DONE)
    return _Asked(done, left, left.count())


def _run(context: Context, work: Work, record: StructType) -> DataFrame:
    """A row for each task with what it did, and one for each record that it left out."""
    # Nothing is required of a row that tells what a task did.
    fields = [StructField(field.name, field.dataType) for field in record]
    columns = StructType([*fields, StructField(_DONE, StringType())])
    numbers = context.spark.range(0, work.tasks, 1, work.tasks)
    return numbers.mapInArrow(_each(work), columns)


def _each(work: Work) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        own = [] if work.record is None else list(work.record)
        told = pa.schema([*own, pa.field(_DONE, pa.string())])
        for number in (n for batch in batches for n in batch.column(0).to_pylist()):
            for done, left in plain_task.do(work, number):
                if left is None:
                    columns = [pa.nulls(1, f.type) for f in own]
                    text = None if done is None else done.text
                    yield pa.RecordBatch.from_arrays([*columns, pa.array([text])], schema=told)
                else:
                    done_of_none = pa.nulls(left.num_rows, pa.string())
                    yield pa.RecordBatch.from_arrays([*left.columns, done_of_none], schema=told)

    return run
