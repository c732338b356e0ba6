"""Rows of tasks as files by Arrow: cut, in order, and each task tells what a commit must say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet
from strata.declare.contract import Contract, Field
from strata.errors import StrataError
from strata.lake import arrow_files, footers

CONTRACT = Contract(
    "gold.toy_numbers",
    "Numbers.",
    "one row per n",
    (Field("n", "bigint", "n", required=True), Field("word", "string", "word")),
)


class Tasks:
    """Stands for a DataFrame: each task has some batches."""

    def __init__(self, *tasks: pa.Table) -> None:
        self._tasks = [table.to_batches(7) for table in tasks]

    def mapInArrow(
        self, do: Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]], columns: str
    ) -> Any:
        assert columns == "told string"
        self._told = [row for task in self._tasks for row in do(iter(task))]
        return self

    def collect(self) -> list[tuple[str]]:
        return [(text,) for batch in self._told for text in batch.column(0).to_pylist()]


def numbers(values: list[int | None]) -> pa.Table:
    return pa.table({"n": pa.array(values, pa.int64()), "word": ["x"] * len(values)})


def test_each_task_cuts_its_rows_into_files_in_their_order(tmp_path: Path) -> None:
    sink = arrow_files.Sink(CONTRACT, f"{tmp_path}/run", ["n"])
    first, none, second = numbers([*range(25)]), numbers([]), numbers([*range(100, 110)])
    made = sink.write_tasks(Tasks(first, none, second), 10)  # type: ignore[arg-type]
    rows = [parquet.read_table(tmp_path / "run" / file.name)["n"].to_pylist() for file in made]
    assert rows == [
        list(range(10)), list(range(10, 20)), list(range(20, 25)), list(range(100, 110))
    ]  # fmt: skip
    assert [file.stats for file in made] == [
        {"numRecords": len(n), "minValues": {"n": n[0]}, "maxValues": {"n": n[-1]},
         "nullCount": {"n": 0}}
        for n in rows
    ]  # fmt: skip
    # What the tasks tell is what a reader of the files' own footers finds.
    found = footers.written(str(tmp_path), CONTRACT, "run", ["n"])
    assert {(f.name, f.bytes, f.rows, f.stats_json) for f in found} == {
        (f"run/{f.name}", f.bytes, f.rows, f.stats_json) for f in made
    }


def test_a_null_of_one_task_in_a_required_column_is_refused(tmp_path: Path) -> None:
    sink = arrow_files.Sink(CONTRACT, str(tmp_path), [])
    tasks = Tasks(numbers([1, 2]), numbers([3, None]))
    with pytest.raises(StrataError, match=r"toy_numbers\.n does") as refused:
        sink.write_tasks(tasks, 10)  # type: ignore[arg-type]
    assert refused.value.column == "n"
    with pytest.raises(StrataError, match=r"toy_numbers\.n does"):
        sink.write(numbers([None]))
    free = replace(CONTRACT, fields=(Field("n", "bigint", "n"), CONTRACT.fields[1]))
    assert replace(sink, contract=free).write(numbers([None])).rows == 1
