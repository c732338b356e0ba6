"""Where the tasks of plain rows run: in Spark's executors, or in this process on one machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StringType, StructField, StructType

from strata.declare.suite import Expectation
from strata.gate import arrow_rules, small
from strata.kit.frames import frame_of
from strata.kit.table import Rows
from strata.lake.data_file import DataFile
from strata.lake.shape import columns_with_statistics
from strata.run.bronze import files as bronze_files
from strata.run.plain import task as plain_task
from strata.run.plain.work import Done, Work
from strata.run.plan import TASK_ROWS
from strata.run.rows import Candidate, PlainJob
from strata.run.state import Context
from strata.run.written import Target

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_DONE = "_done"
_MOST_HELD = 500_000
"""Records left out that this process holds."""


@dataclass(frozen=True)
class Ended:
    """What the tasks did, and what they left."""

    done: list[Done]
    left: Callable[[], DataFrame] | None
    """The records that the query left out; None of sums."""
    rows_left: int

    @property
    def files(self) -> list[DataFile]:
        """Those that the tasks wrote."""
        return [file for done in self.done for file in done.files]


def tasks_of(rows: int) -> int:
    """In how many tasks so many input rows are done."""
    return max(1, -(-rows // TASK_ROWS))


def work_of(context: Context, target: Target, candidate: Candidate, job: PlainJob) -> Work:
    """What the table's tasks do."""
    contract, tasks = target.contract, tasks_of(candidate.rows_in)
    by_arrow = arrow_rules.can_ask(target.row_rules, target.schema)
    return Work(
        job.plain,
        job.inputs,
        job.made,
        None if candidate.rows is Rows.AGGREGATE else to_arrow_schema(job.record),
        contract,
        target.schema,
        context.store.warehouse.path(contract.table),
        tuple(columns_with_statistics(contract)),
        tasks,
        tuple(target.row_rules) if by_arrow else (),
        _unique_rules(target) if tasks == 1 else (),
        job.rows if tasks == 1 else None,
    )


def _unique_rules(target: Target) -> tuple[Expectation, ...]:
    """The suite's rules of uniqueness; none if Arrow cannot tell some of their keys apart."""
    rules = tuple(e for e in target.suite.expectations if e.is_uniqueness)
    return rules if all(small.can_tell_keys(target.schema, e) for e in rules) else ()


def run_here(context: Context, work: Work, job: PlainJob, rows_in: int) -> Ended | None:
    """The one task in this process: on one machine Spark would only start another. None, and
    nothing done, where it leaves out more records than this process holds: then Spark's tasks do
    it."""
    rows, left, done = 0, [], Done()
    # The rejected rows stay in this process, and only those of the first input may be rejected.
    is_enough = job.is_alone and bool(work.rules) and job.rows == rows_in
    for told, batch in plain_task.do(replace(work, told_is_enough=is_enough), 0):
        rows += 0 if batch is None else batch.num_rows
        if batch is not None and rows <= _MOST_HELD:
            left.append(batch)
        done = told or done
    if rows > _MOST_HELD:
        bronze_files.remove(work.folder, done.files)
        return None
    if work.record is None:
        return Ended([done], None, 0)
    records = pa.Table.from_batches(left, work.record)
    return Ended([done], lambda: frame_of(context.spark, records, job.record), done.left)


def run_there(context: Context, work: Work, job: PlainJob) -> Ended:
    """The tasks in Spark's executors."""
    is_sum = work.record is None
    record = StructType([]) if is_sum else job.record
    told = _told(context, work, record)
    if not is_sum:
        told = context.kept.keep(told)
    texts = [row[0] for row in told.where(told[_DONE].isNotNull()).select(_DONE).collect()]
    done = [Done.of(text) for text in texts]
    left = told.where(told[_DONE].isNull()).drop(_DONE) if not is_sum else told
    return Ended(done, None if is_sum else lambda: left, sum(task.left for task in done))


def _told(context: Context, work: Work, record: StructType) -> DataFrame:
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
