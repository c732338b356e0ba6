"""The query of plain rows, asked of DuckDB: it sees Arrow streams and nothing else. Arrow reads the
files, and checks each page's checksum.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from strata.fs import duck
from strata.run.plain.files import BATCH, Input, Made, Records, Shas
from strata.run.plain.work import Work

if TYPE_CHECKING:
    import duckdb

MEMORY = "1200MB"
"""What DuckDB holds before it spills to the disk; where that does not do, the task gives up."""


@contextmanager
def engine_of(work: Work) -> Iterator[duckdb.DuckDBPyConnection]:
    """An engine for one task."""
    threads = (os.cpu_count() or 1) if work.tasks == 1 else 1
    with tempfile.TemporaryDirectory(prefix="strata-plain-") as spill:
        settings = (
            f"threads = {threads}",
            f"memory_limit = '{MEMORY}'",
            f"temp_directory = '{spill}'",
            "preserve_insertion_order = false",
            # It takes a stream for a table of one row, and would keep the large side of a join: as
            # the query stands, what it joins to the first input is kept.
            "disabled_optimizers = 'join_order,build_side_probe_side'",
        )
        with duck.connect(*settings) as engine:
            yield engine


def answers(
    engine: duckdb.DuckDBPyConnection, work: Work, number: int, told: tuple[Shas, Records]
) -> Iterator[pa.Table]:
    """The rows that the queries give for a task's records, those of each query in the order of the
    files. What the first one gives must be noted before the second is asked."""
    (shas, written), first = told, work.inputs[0]
    order = ", ".join(work.contract.order_by)
    shared, records = _shared(engine, work, number) if work.plain.unique else (None, 0)
    _name_inputs(engine, work, number, (shas.coded(first.read()), shared))
    yield from _rows(engine, work, work.plain.query, shas, order)
    # Where the records were not counted, to read them again tells whether any is left.
    is_counted = shared is not None or work.rows is not None
    most = records if work.rows is None else work.rows
    if work.plain.rest and not (is_counted and written.count >= most):
        left = written.without(shas.coded(first.read()))
        _name_inputs(engine, work, number, (left, None))
        yield from _rows(engine, work, work.plain.rest, shas, order)


def _rows(
    engine: duckdb.DuckDBPyConnection, work: Work, query: str, shas: Shas, order: str
) -> Iterator[pa.Table]:
    if work.plain.settle is not None:
        reader = engine.sql(query).to_arrow_reader(BATCH)
        yield from work.plain.settle(shas.in_order(reader))
        return
    asked = f"SELECT * FROM ({query}) ORDER BY {order}" if order else query
    if work.plain.complete is not None:
        yield work.plain.complete(engine.sql(asked).to_arrow_table())
        return
    plain = work.plain
    held = {one.name: one.read().read_all() for one in work.inputs if one.name in plain.holds}
    finish = plain.finish(held) if plain.finish else None
    for batch in engine.sql(asked).to_arrow_reader(BATCH):
        yield pa.Table.from_batches([finish(batch) if finish else batch])


def _name_inputs(
    engine: duckdb.DuckDBPyConnection,
    work: Work,
    number: int,
    records: tuple[pa.RecordBatchReader, pa.Table | None],
) -> None:
    """Each input under the last part of its name, as a stream that can be read once. Of the first,
    these records, without those whose keys are shared."""
    first, *others = work.inputs
    joined: list[Input | Made] = [*others, *work.made]
    for place, other in enumerate(joined):
        engine.register(f"_other_{place}", other.read())
        engine.execute(
            f"CREATE OR REPLACE TEMP VIEW {other.noun} AS SELECT * FROM _other_{place} "
            f"WHERE ({other.where}) AND {own(work, other, number)}"
        )
    (reader, shared), taken = records, ""
    if shared is not None:
        engine.register("_shared", shared)
        taken = f"ANTI JOIN _shared ON hash({', '.join(work.plain.unique)}) = _shared.h"
    engine.register("_first", reader)
    engine.execute(
        f"CREATE OR REPLACE TEMP VIEW {first.noun} AS SELECT * FROM _first {taken} "
        f"WHERE {own(work, first, number)}"
    )


def own(work: Work, table: Input | Made, number: int) -> str:
    """Whether a row is this task's, as SQL; rows of an input that lacks the column are every
    task's."""
    if work.tasks == 1 or work.plain.by not in table.schema.names:
        return "true"
    return f"hash({work.plain.by}) % {work.tasks} = {number}"


def _shared(engine: duckdb.DuckDBPyConnection, work: Work, number: int) -> tuple[pa.Table, int]:
    """The hashes of keys that several records have, and how many records the task has. The hashes
    are fetched and sorted, which is quicker than grouping keys that nearly all differ."""
    first, unique = work.inputs[0], work.plain.unique
    wanted = (*unique, work.plain.by if work.tasks > 1 else "")
    words = set(re.findall(r"\w+", " ".join(wanted)))
    schema = pa.schema([column for column in first.schema if column.name in words])
    engine.register("_keys", first.read(schema))
    hashes = engine.sql(
        f"SELECT hash({', '.join(unique)}) AS h FROM _keys WHERE {own(work, first, number)}"
    ).fetchnumpy()["h"]
    engine.unregister("_keys")
    hashes = np.asarray(hashes, dtype=np.uint64)
    hashes.sort()
    return pa.table({"h": np.unique(hashes[1:][hashes[1:] == hashes[:-1]])}), len(hashes)
