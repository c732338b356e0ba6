"""Plain rows of one task, in an executor or in this process: what the queries give, into Parquet
files, and which records they left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from strata.fs import duck
from strata.gate import arrow_judging
from strata.gate.judging import REJECTED, Rule
from strata.kit import row_ids
from strata.kit.keys import ROW_ID
from strata.kit.plain import Doubtful
from strata.lake import arrow_files
from strata.lake.data_file import FILE_ROWS, DataFile
from strata.run.plain.files import BATCH, SHA, Records, Shas
from strata.run.plain.query import answers, engine_of, own
from strata.run.plain.work import Done, Work
from strata.run.seen import Seen

if TYPE_CHECKING:
    import duckdb

_WRITERS = 2
"""Files written at a time: DuckDB gives sorted rows quicker than one thread compresses them."""
_Lies: TypeAlias = "tuple[DataFile, pa.Table]"


def do(work: Work, number: int) -> Iterator[tuple[Done | None, pa.RecordBatch | None]]:
    """Does one task: tells the records that the query left out, and last what was written."""
    import duckdb

    done, written, shas = Done(), Records(), Shas()
    with engine_of(work) as engine:
        try:
            _write(engine, work, number, (shas, done, written))
        except (duckdb.OutOfMemoryException, Doubtful):
            done.gave_up = True
    if _are_all_told(work, done, written):
        done.left = work.left(written.count) or 0
    elif work.record is not None and not done.gave_up:
        with duck.connect() as engine:
            for batch in _left_out(engine, work, number, shas, written):
                done.left += batch.num_rows
                yield None, batch
    yield done, None


def make(work: Work) -> tuple[pa.Table, Done, pa.Table] | None:
    """The same in this process, of inputs that it holds, and nothing is written: the rows, what
    they answer for, and the records that the query left out. None for want of memory.
    """
    import duckdb

    done, written, shas = Done(), Records(), Shas()
    with engine_of(work) as engine:
        try:
            asked = answers(engine, work, 0, (shas, written))
            tables = [_taken(rows, work, shas, done, written) for rows in asked]
            rows = [_shaped(work, shas, table).cast(work.schema) for table in tables]
        except (duckdb.OutOfMemoryException, Doubtful):
            return None
        record = work.schema if work.record is None else work.record
        left = [] if work.record is None else _left_out(engine, work, 0, shas, written)
        return (
            pa.concat_tables([work.schema.empty_table(), *rows]),
            done,
            pa.Table.from_batches(left, record),
        )


# --- written --------------------------------------------------------------------------------------


def _write(
    engine: duckdb.DuckDBPyConnection, work: Work, number: int, told: tuple[Shas, Done, Records]
) -> None:
    """Writes what the queries give, and notes what."""
    (shas, done, written), waiting, rows = told, [], 0
    seen = Seen(work.rules, work.unique, done.files)
    with ThreadPoolExecutor(_WRITERS) as pool:  # The next file's rows are made meanwhile.
        pending: list[Future[_Lies]] = []

        def send(table: pa.Table) -> None:
            if len(pending) == _WRITERS:  # No more files' rows are held, but for the next one's.
                seen.add(*pending.pop(0).result())
            pending.append(pool.submit(_write_file, work, shas, seen, table))

        for answer in answers(engine, work, number, (shas, written)):
            table = _taken(answer, work, shas, done, written)
            waiting.append(table)
            rows += table.num_rows
            if rows >= FILE_ROWS:
                send(pa.concat_tables(waiting))
                waiting, rows = [], 0
        if rows:
            send(pa.concat_tables(waiting))
        for future in pending:
            seen.add(*future.result())
    done.take(seen)


def _taken(table: pa.Table, work: Work, shas: Shas, done: Done, written: Records) -> pa.Table:
    """Rows of the query's, as the table is to hold them; notes what they answer for."""
    if work.record is None:
        return _counted(table, done)
    if "_reasons" in table.column_names:
        table = _without_rejected(table, work, shas, done)
    return _noted(table, done, written, shas)


def _without_rejected(table: pa.Table, work: Work, shas: Shas, done: Done) -> pa.Table:
    """The rows that neither the query nor the gate rejects. The others are not written, so that
    their records are left: whoever gives those to the transform needs no verdict of the query's."""
    rows = _shaped(work, shas, table).cast(work.schema)
    rows = rows.append_column("_reasons", table["_reasons"].cast(pa.list_(pa.string())))
    rows = rows.append_column("_fold", table["_fold"])
    judged = arrow_judging.judge(rows, [Rule(e, None) for e in work.rules])
    is_rejected = pc.equal(judged["_verdict"], REJECTED)
    if pc.any(is_rejected).as_py():
        done.reject(judged.drop_columns("_fold").filter(is_rejected))
    return table.filter(pc.invert(is_rejected)).drop_columns(["_reasons"])


def _noted(table: pa.Table, done: Done, written: Records, shas: Shas) -> pa.Table:
    """The rows of single records, as the table is to hold them; notes the records."""
    if "_fold" in table.column_names:
        table = _unfolded(table, done, written, shas)
    is_many = "_rows" in table.column_names
    records = table.filter(pc.equal(table.column("_rows"), 1)) if is_many else table
    done.rows += records.num_rows
    codes, numbers = (records.column(name) for name in ROW_ID)
    if records.num_rows:
        written.add(codes.to_numpy(), numbers.to_numpy())
    if is_many:
        own = row_ids.identity(shas.texts(codes), numbers)
        done.identity = (done.identity or 0) ^ own
    return table.drop_columns(["_rows"]) if is_many else table


def _unfolded(table: pa.Table, done: Done, written: Records, shas: Shas) -> pa.Table:
    """The rows of records that stand; notes those that are folded into them."""
    is_folded = pc.is_valid(table.column("_fold"))
    if "_rows" in table.column_names:  # Of a record's rows the first counts for it.
        is_folded = pc.and_(is_folded, pc.equal(table.column("_rows"), 1))
    folded = table.filter(is_folded)
    if folded.num_rows:
        codes, numbers = (folded.column(name) for name in ROW_ID)
        written.add(codes.to_numpy(), numbers.to_numpy())
        done.folded_identity ^= row_ids.identity(shas.texts(codes), numbers)
        for found in folded.column("_fold").value_counts().to_pylist():
            done.fold(found["values"], found["counts"])
    return table.filter(pc.is_null(table.column("_fold"))).drop_columns(["_fold"])


def _counted(table: pa.Table, done: Done) -> pa.Table:
    """The sums that the table is to hold; notes what they and the folded ones answer for."""
    if "_fold" in table.column_names:
        folded = pc.is_valid(table.column("_fold"))
        sums = table.filter(folded).group_by("_fold").aggregate([("_rows", "sum")])
        for found in sums.to_pylist():
            done.fold(found["_fold"], found["_rows_sum"])
        table = table.filter(pc.invert(folded)).drop_columns(["_fold"])
    done.rows += pc.sum(table.column("_rows")).as_py() or 0
    return table.drop_columns(["_rows"])


def _shaped(work: Work, shas: Shas, rows: pa.Table) -> pa.Table:
    """The rows as the table has them."""
    columns = [
        shas.texts(rows.column(f.name)) if f.name == SHA else rows.column(f.name).cast(f.type)
        for f in work.schema
    ]
    return pa.table(columns, names=work.schema.names)


def _write_file(work: Work, shas: Shas, seen: Seen, rows: pa.Table) -> _Lies:
    """Writes a file, and reads back what the rules ask of."""
    sink = arrow_files.Sink(work.contract, work.folder, work.with_statistics)
    file = sink.write(_shaped(work, shas, rows))
    return file, seen.read(work.folder, file, work.schema)


# --- left out -------------------------------------------------------------------------------------


def _are_all_told(work: Work, done: Done, written: Records) -> bool:
    """Whether no record need be read again, for none was left out, or of each the reasons are told.
    That they are these records, the hash of the rows' ids shows, by which a table balances."""
    if work.record is None or done.gave_up:
        return False
    told = sum(rows.num_rows for rows in done.rejected)
    left = work.left(written.count)
    return left == 0 or (work.told_is_enough and left == told)


def _left_out(
    engine: duckdb.DuckDBPyConnection, work: Work, number: int, shas: Shas, written: Records
) -> Iterator[pa.RecordBatch]:
    """The records of the first input, whole, that were not written."""
    first, record = work.inputs[0], work.record

    def lacks(batch: pa.RecordBatch) -> np.ndarray:
        codes = shas.codes(batch.column(SHA)).to_numpy(zero_copy_only=False)
        return written.lacks(codes, batch.column(ROW_ID[1]).to_numpy(zero_copy_only=False))

    if work.tasks == 1:
        # Mostly none was left out, and two columns are read in place of all.
        ids = pa.schema([column for column in record or () if column.name in ROW_ID])
        if not any(lacks(batch).any() for batch in first.read(ids)):
            return
    reader = first.read(record)
    if work.tasks > 1:
        engine.register("_whole", reader)
        mine = engine.sql(f"SELECT * FROM _whole WHERE {own(work, first, number)}")
        reader = mine.to_arrow_reader(BATCH)
    for batch in reader:
        if (left := lacks(batch)).any():
            yield batch.filter(pa.array(left))
