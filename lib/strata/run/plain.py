"""Tables of large inputs: plain rows by DuckDB's tasks, the rest by the table's transform.

What the tasks write is asked by the gate before a commit names it, as any file is. Where they
leave much to the transform, or a rule finds fault with what they wrote, the transform makes all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StringType, StructField, StructType

from strata.declare.contract import struct_type
from strata.gate import counting, judging, small
from strata.gate.counting import Tally, add_written
from strata.kit.table import Rows
from strata.lake.data_file import DataFile
from strata.lake.shape import check_columns, columns_with_statistics, conform
from strata.run import bronze_files, plain_task
from strata.run.plain_files import MOST_LEFT, TASK_ROWS
from strata.run.plain_task import Done, Work
from strata.run.rows import Candidate, PlainJob
from strata.run.state import Context
from strata.run.write import Split, Target, Written, ask_files, assert_written, split, would_reject

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
    asked, folder = _ask(context, target, job, candidate), store.warehouse.path(contract.table)
    rest_rows = candidate.rows_in - job.rows + asked.rows_left
    leaves_much = asked.left is not None and rest_rows > MOST_LEFT * candidate.rows_in
    if leaves_much or any(done.gave_up for done in asked.done):
        bronze_files.remove(folder, asked.files)
        return None
    left = asked.left if rest_rows else None
    frame = candidate.frame if left is None else job.make(left, rest_rows)
    parts = split(replace(candidate, frame=frame), target.suite)
    rows, identity, broken = ask_files(context, target, asked.files, len(parts.rules))
    if would_reject(broken, [rule.expectation for rule in parts.rules]):
        bronze_files.remove(folder, asked.files)
        return None
    added: list[DataFile] = []
    judged: DataFrame | pa.Table = parts.judged
    tally = Tally(candidate.rows_in, broken=[0] * len(broken))
    if left is not None:
        tally, judged, added = _write_rest(context, target, candidate, parts, rest_rows)
    add_written(tally, rows, identity, broken)
    _answer(tally, asked.done, rows, identity)
    files = [*asked.files, *added]
    commit = (
        store.append_files(contract, files)
        if previous is None
        else store.replace_files(contract, files)
    )
    assert_written(target.table, tally.rows_written, commit)
    return Written(commit, tally, parts.rules, judged)


def _write_rest(
    context: Context, target: Target, candidate: Candidate, parts: Split, rows: int
) -> tuple[Tally, DataFrame | pa.Table, list[DataFile]]:
    """What the transform makes of the records left out: counted, and the accepted rows in files."""
    contract, store, rules = target.contract, context.store, parts.rules
    check_columns(parts.judged, contract)
    if rows <= context.options.most_rows_here:
        fetched = small.fetch(parts.judged, contract.columns, rules)
        tally = small.count(fetched, candidate.rows_in, rules, candidate.folds)
        return (
            tally,
            fetched,
            store.write_files(contract, small.accepted(fetched, contract.columns)),
        )
    judged = context.kept.keep(parts.judged)
    measured = counting.count(judged, rules, candidate.folds)
    tally = counting.read_tally(measured, candidate.rows_in, rules, candidate.folds)
    accepted = conform(judged.where(judging.is_accepted()), contract)
    return tally, judged, store.write_files(contract, accepted)


def _answer(tally: Tally, done: Iterable[Done], rows: int, identity: int) -> None:
    """Puts what the written rows answer for in the place of themselves, and adds what was folded
    into them.
    """
    for task in done:
        if task.identity is not None:
            tally.identity ^= task.identity ^ identity
            identity = 0
        tally.accepted += task.rows
        for fold, count in task.folds.items():
            tally.folded += count
            tally.folds[fold] = tally.folds.get(fold, 0) + count
    tally.accepted -= rows


def _ask(context: Context, target: Target, job: PlainJob, candidate: Candidate) -> _Asked:
    contract, is_sum = target.contract, candidate.rows is Rows.AGGREGATE
    record = StructType([]) if is_sum else job.record
    work = Work(
        job.plain,
        job.inputs,
        job.made,
        None if is_sum else to_arrow_schema(record),
        contract,
        to_arrow_schema(struct_type(contract.fields, enforce_required=False)),
        context.store.warehouse.path(contract.table),
        tuple(columns_with_statistics(contract)),
        1 + (candidate.rows_in - 1) // TASK_ROWS,
    )
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
