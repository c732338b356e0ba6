"""A table's plain rows without Spark: inputs as files, the task's query, and what it wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyarrow as pa
from pyarrow import parquet
from pyarrow.dataset import dataset
from pyspark.sql.pandas.types import to_arrow_schema
from strata.declare.contract import struct_type
from strata.declare.feed import Feed, load_feed
from strata.declare.suite import Expectation
from strata.gate import arrow_rules, gate, plain_queries
from strata.kit.plain import bound
from strata.kit.table import Rows
from strata.lake.shape import columns_with_statistics
from strata.run.plain import task as plain_task
from strata.run.plain.files import Input, Made
from strata.run.plain.work import Done, Work
from strata.run.written import would_reject

from tests.mutants import Row, Whole, complete

BY_TRANSFORMS = 1 << 60
"""Of so many rows on plain ones are made: each table by its transform."""


def feed_of(name: str) -> Feed:
    """The feed of a table."""
    return load_feed(name.partition(".")[2].partition("_")[0])


def schema_of(name: str) -> pa.Schema:
    """A table's columns, by its contract."""
    feed = feed_of(name)
    return to_arrow_schema(struct_type(feed.contract(name).fields, enforce_required=False))


def rules_of(name: str, tasks: int) -> tuple[tuple[Expectation, ...], tuple[Expectation, ...]]:
    """What the gate asks of the files: the rules of rows, and of one task those of uniqueness."""
    every = feed_of(name).suite(name).expectations
    rows = tuple(e for e in every if gate.is_row_expectation(e))
    assert arrow_rules.can_ask(rows, schema_of(name))
    return rows, tuple(e for e in every if e.is_uniqueness) if tasks == 1 else ()


def plain_rows(
    folder: Path,
    name: str,
    inputs: Mapping[str, list[Row]],
    tasks: int = 1,
    made: Mapping[str, pa.Table] = MappingProxyType({}),
    params: Mapping[str, Any] = MappingProxyType({}),
    **known: Any,
) -> tuple[list[Row], list[Row], Done]:
    """The rows that the tasks wrote, the records that they left out, and what they answer for;
    `made` is what Spark makes of the inputs. Without a task this process makes the rows, of inputs
    that it holds. What is `known` besides stands in the `Work`.
    """
    feed = feed_of(name)
    table, contract = feed.table(name), feed.contract(name)
    assert table.plain is not None
    plain = bound(table.plain, params or feed.default_params())
    read = []
    for own, columns in plain.reads.items():
        schema, reference = schema_of(own), table.via.get(own)
        (folder / own).mkdir(parents=True)
        held = pa.Table.from_pylist(inputs[own], schema)
        parquet.write_table(held.slice(0, 2), folder / own / "a.parquet")
        parquet.write_table(held.slice(2), folder / own / "b.parquet")
        wanted = pa.schema([schema.field(column) for column in columns])
        where = reference.where if reference else "true"
        names = ("a.parquet", "b.parquet") if tasks else ()
        read.append(Input(own, str(folder / own), names, wanted, where, None if tasks else held))
    record = None if table.rows is Rows.AGGREGATE else schema_of(table.inputs[0])
    (folder / "out").mkdir()
    work = Work(
        plain, tuple(read), tuple(Made(*few) for few in made.items()), record, contract, schema_of(name), str(folder / "out"),
        tuple(columns_with_statistics(contract)), max(1, tasks), *rules_of(name, tasks), **known,
    )  # fmt: skip
    if not tasks:
        here = plain_task.make(work)
        assert here is not None
        assert here[0].schema == work.schema
        return here[0].to_pylist(), here[2].to_pylist(), here[1]
    left: list[Row] = []
    all_done = Done()
    for number in range(tasks):
        for done, batch in plain_task.do(work, number):
            left += batch.to_pylist() if batch is not None else []
            if done is not None:
                if done.gave_up:
                    return [], left, done
                assert not would_reject(done.broken, work.rules), "plain rows keep the gate's rules"
                assert done.is_single == (tasks == 1)
                all_done.rows += done.rows
                for why, count in done.folds.items():
                    all_done.fold(why, count)
                all_done.identity = done.identity
                all_done.rejected += done.rejected
                all_done.left += done.left
    files = sorted((folder / "out").glob("*.parquet"))
    return [row for f in files for row in parquet.read_table(f).to_pylist()], left, all_done


def tables_of(name: str, whole: Whole) -> dict[str, pa.Table]:
    """A table, also as `batch`, and the others that its suite's queries read."""
    held = {name: whole.rows, **whole.views}
    tables = {own: _table_of(own, rows) for own, rows in held.items()}
    return {"batch": tables[name], **tables}


def _table_of(name: str, rows: list[Row]) -> pa.Table:
    told, schema = complete(feed_of(name).contract(name), rows), schema_of(name)
    columns = [pa.array([row[n] for row in told], f.type) for n, f in enumerate(schema)]
    return pa.Table.from_arrays(columns, schema=schema)


def answers_of(
    rules: Sequence[Expectation], tables: Mapping[str, pa.Table]
) -> list[plain_queries.Answer]:
    """What DuckDB answers to rules that are queries."""
    answers = plain_queries.audit(rules, {n: partial(dataset, t) for n, t in tables.items()})
    assert answers is not None
    return answers
