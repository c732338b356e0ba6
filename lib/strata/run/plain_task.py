"""Plain rows in an executor: Parquet files through a query of DuckDB's into Parquet files.

DuckDB sees Arrow streams and nothing else. Arrow reads the files, and checks each page's checksum.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from strata.declare.contract import Contract
from strata.declare.suite import Expectation
from strata.kit.keys import ROW_ID
from strata.kit.plain import Plain
from strata.lake import arrow_files, file_check
from strata.lake.data_file import FILE_ROWS, DataFile
from strata.run.plain_files import BATCH, SHA, Input, Made, Records, Shas
from strata.run.seen import Seen

if TYPE_CHECKING:
    import duckdb

MEMORY = "1200MB"
"""What DuckDB holds before it spills to the disk; where that does not do, the task gives up."""
_Lies: TypeAlias = "tuple[DataFile, pa.Table]"


@dataclass(frozen=True)
class Work:
    """What the tasks of one table do."""

    plain: Plain
    inputs: tuple[Input, ...]
    """The first is the one whose rows the table answers for."""
    made: tuple[Made, ...]
    record: pa.Schema | None
    """The columns of the first input, whole, if its records are told that the query left out."""
    contract: Contract
    schema: pa.Schema
    """Of the files that are written."""
    folder: str
    with_statistics: tuple[str, ...]
    tasks: int
    rules: tuple[Expectation, ...] = ()
    """The table's row rules, if Arrow can answer them: asked of each file that is written."""
    unique: tuple[Expectation, ...] = ()
    """Its rules of uniqueness, if one task sees all keys and can tell them apart."""


@dataclass
class Done:
    """What one task has written, and what of the input that answers for."""

    files: list[DataFile] = field(default_factory=list)
    lying: int = 0
    """Rows in the files, as they were read back."""
    lying_identity: int = 0
    """The order-free hash of their ids."""
    broken: list[int] = field(default_factory=list)
    """How many of them break each of `Work.rules`."""
    is_single: bool = False
    """Whether all of `Work.unique` were asked, and no two rows share a key."""
    rows: int = 0
    """Rows of the first input that the written rows answer for; of single records, their number."""
    folds: dict[str, int] = field(default_factory=dict)
    identity: int | None = None
    """Order-free hash of those records' ids, where a record gives many rows."""
    folded_identity: int = 0
    """The same of single records that were folded."""
    left: int = 0
    """Records of the first input that the query left out."""
    gave_up: bool = False
    """For want of memory: the transform must make all rows."""

    def fold(self, why: str, count: int) -> None:
        """Notes that so many rows of the first input were folded."""
        self.folds[why] = self.folds.get(why, 0) + count

    @property
    def text(self) -> str:
        """As JSON, for the driver."""
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, text: str) -> Done:
        """From `text`."""
        told = json.loads(text)
        return cls(**{**told, "files": [DataFile(**file) for file in told["files"]]})

    def take(self, seen: Seen) -> None:
        """Notes what the rules say of the files."""
        self.lying, self.lying_identity, self.broken = seen.rows, seen.identity, seen.broken
        self.is_single = bool(seen.unique) and seen.is_single


def do(work: Work, number: int) -> Iterator[tuple[Done | None, pa.RecordBatch | None]]:
    """Does one task: tells the records that the query left out, and last what was written."""
    import duckdb

    done, written, shas = Done(), Records(), Shas()
    with tempfile.TemporaryDirectory(prefix="strata-plain-") as spill, duckdb.connect() as engine:
        _prepare(engine, work, spill)
        try:
            _name_inputs(engine, work, number, shas)
            _write(engine, work, shas, done, written)
        except duckdb.OutOfMemoryException:
            done.gave_up = True
    if work.record is not None and not done.gave_up:
        with duckdb.connect() as engine:
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
    with tempfile.TemporaryDirectory(prefix="strata-plain-") as spill, duckdb.connect() as engine:
        _prepare(engine, work, spill)
        try:
            _name_inputs(engine, work, 0, shas)
            tables = [_taken(t, work, shas, done, written) for t in _answers(engine, work, shas)]
            rows = [_shaped(work, shas, table).cast(work.schema) for table in tables]
        except duckdb.OutOfMemoryException:
            return None
        record = work.schema if work.record is None else work.record
        left = [] if work.record is None else _left_out(engine, work, 0, shas, written)
        return (
            pa.concat_tables([work.schema.empty_table(), *rows]),
            done,
            pa.Table.from_batches(left, record),
        )


def _prepare(engine: duckdb.DuckDBPyConnection, work: Work, spill: str) -> None:
    threads = (os.cpu_count() or 1) if work.tasks == 1 else 1
    for setting in (
        f"threads = {threads}",
        f"memory_limit = '{MEMORY}'",
        f"temp_directory = '{spill}'",
        "preserve_insertion_order = false",
        "enable_progress_bar = false",
        "TimeZone = 'UTC'",
        "default_null_order = 'nulls_first_on_asc_last_on_desc'",
        # It takes a stream for a table of one row, and would keep the large side of a join: as the
        # query stands, what it joins to the first input is kept.
        "disabled_optimizers = 'join_order,build_side_probe_side'",
        "python_enable_replacements = false",
        "autoinstall_known_extensions = false",
        "autoload_known_extensions = false",
        "enable_external_access = false",
    ):
        engine.execute(f"SET {setting}")


def _name_inputs(engine: duckdb.DuckDBPyConnection, work: Work, number: int, shas: Shas) -> None:
    """Each input under the last part of its name, as a stream that can be read once."""
    first, *others = work.inputs
    joined: list[Input | Made] = [*others, *work.made]
    for place, other in enumerate(joined):
        engine.register(f"_other_{place}", other.read())
        engine.execute(
            f"CREATE TEMP VIEW {other.noun} AS SELECT * FROM _other_{place} "
            f"WHERE ({other.where}) AND {_own(work, other, number)}"
        )
    taken = ""
    if work.plain.unique:
        engine.register("_several", _several(engine, work, number))
        taken = f"ANTI JOIN _several ON hash({', '.join(work.plain.unique)}) = _several.h"
    engine.register("_first", shas.coded(first.read()))
    engine.execute(
        f"CREATE TEMP VIEW {first.noun} AS SELECT * FROM _first {taken} "
        f"WHERE {_own(work, first, number)}"
    )


def _own(work: Work, table: Input | Made, number: int) -> str:
    """Whether a row is this task's; rows of an input that lacks the column are every task's."""
    if work.tasks == 1 or work.plain.by not in table.schema.names:
        return "true"
    return f"hash({work.plain.by}) % {work.tasks} = {number}"


def _several(engine: duckdb.DuckDBPyConnection, work: Work, number: int) -> pa.Table:
    """The hashes of keys that several records have: fetched and sorted, which is quicker than
    grouping keys that nearly all differ."""
    first, unique = work.inputs[0], work.plain.unique
    wanted = (*unique, work.plain.by if work.tasks > 1 else "")
    words = set(re.findall(r"\w+", " ".join(wanted)))
    schema = pa.schema([column for column in first.schema if column.name in words])
    engine.register("_keys", first.read(schema))
    hashes = engine.sql(
        f"SELECT hash({', '.join(unique)}) AS h FROM _keys WHERE {_own(work, first, number)}"
    ).fetchnumpy()["h"]
    engine.unregister("_keys")
    hashes = np.asarray(hashes, dtype=np.uint64)
    hashes.sort()
    return pa.table({"h": np.unique(hashes[1:][hashes[1:] == hashes[:-1]])})


# --- written --------------------------------------------------------------------------------------


def _write(
    engine: duckdb.DuckDBPyConnection, work: Work, shas: Shas, done: Done, written: Records
) -> None:
    """Writes what the query gives, and notes in `done` and `written` what."""
    waiting, rows, seen = [], 0, Seen(work.rules, work.unique, done.files)
    with ThreadPoolExecutor(1) as pool:  # One file is written while the next one's rows are made.
        pending: list[Future[_Lies]] = []

        def send(table: pa.Table) -> None:
            if pending:  # No more than two files' rows are held at a time.
                seen.add(*pending.pop().result())
            pending.append(pool.submit(_write_file, work, shas, seen, table))

        for answer in _answers(engine, work, shas):
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


def _answers(engine: duckdb.DuckDBPyConnection, work: Work, shas: Shas) -> Iterator[pa.Table]:
    """The rows in the order of the files."""
    if work.plain.settle is not None:
        reader = engine.sql(work.plain.query).to_arrow_reader(BATCH)
        yield from work.plain.settle(shas.in_order(reader))
        return
    order = ", ".join(work.contract.order_by)
    asked = f"SELECT * FROM ({work.plain.query}) {f'ORDER BY {order}' if order else ''}"
    yield from _finished(engine.sql(asked), work)


def _finished(answer: duckdb.DuckDBPyRelation, work: Work) -> Iterator[pa.Table]:
    plain = work.plain
    held = {one.name: one.read().read_all() for one in work.inputs if one.name in plain.holds}
    finish = plain.finish(held) if plain.finish else None
    for batch in answer.to_arrow_reader(BATCH):
        yield pa.Table.from_batches([finish(batch) if finish else batch])


def _taken(table: pa.Table, work: Work, shas: Shas, done: Done, written: Records) -> pa.Table:
    """Rows of the query's, as the table is to hold them; notes what they answer for."""
    if work.record is None:
        return _counted(table, done)
    return _noted(table, done, written, shas)


def _noted(table: pa.Table, done: Done, written: Records, shas: Shas) -> pa.Table:
    """The rows of single records, as the table is to hold them; notes the records."""
    if "_fold" in table.column_names:
        table = _unfolded(table, done, written, shas)
    is_many = "_rows" in table.column_names
    records = table.filter(pc.equal(table.column("_rows"), 1)) if is_many else table
    done.rows += records.num_rows
    if records.num_rows:
        codes, numbers = (records.column(name) for name in ROW_ID)
        written.add(codes.to_numpy(), numbers.to_numpy())
        if is_many:
            own = file_check.identity(shas.texts(codes), numbers)
            done.identity = (done.identity or 0) ^ own
    return table.drop_columns(["_rows"]) if is_many else table


def _unfolded(table: pa.Table, done: Done, written: Records, shas: Shas) -> pa.Table:
    """The rows of records that stand; notes those that are folded into them."""
    folded = table.filter(pc.is_valid(table.column("_fold")))
    if folded.num_rows:
        codes, numbers = (folded.column(name) for name in ROW_ID)
        written.add(codes.to_numpy(), numbers.to_numpy())
        done.folded_identity ^= file_check.identity(shas.texts(codes), numbers)
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
        own = engine.sql(f"SELECT * FROM _whole WHERE {_own(work, first, number)}")
        reader = own.to_arrow_reader(BATCH)
    for batch in reader:
        if (left := lacks(batch)).any():
            yield batch.filter(pa.array(left))
