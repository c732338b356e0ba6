"""Rows of tasks as files by Arrow: cut, in order, and no file counts that no task has told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet
from strata.declare.contract import load_contract
from strata.lake import arrow_files, data_file, footers

CELL = {"h3_cell": "8808ed3545fffff", "fixes": 1, "vehicles": 1, "mean_speed_kmh": 1.5}


class Tasks:
    """Stands for a DataFrame: each task has some batches."""

    def __init__(self, *tasks: list[pa.RecordBatch]) -> None:
        self._tasks = tasks

    def mapInArrow(
        self, do: Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]], columns: str
    ) -> Any:
        assert columns == "name string"
        self._told = [row for task in self._tasks for row in do(iter(task))]
        return self

    def collect(self) -> list[tuple[str]]:
        return [(name,) for batch in self._told for name in batch.column(0).to_pylist()]


def test_each_task_cuts_its_rows_into_files_in_their_order(tmp_path: Path) -> None:
    first = pa.table({"n": list(range(25))}).to_batches(7)
    second = pa.table({"n": list(range(100, 110))}).to_batches()
    names = arrow_files.write(Tasks(first, [], second), str(tmp_path / "t"), 10)  # type: ignore[arg-type]
    rows = [parquet.read_table(tmp_path / "t" / name)["n"].to_pylist() for name in names]
    assert rows == [
        list(range(10)), list(range(10, 20)), list(range(20, 25)), list(range(100, 110))
    ]  # fmt: skip


def test_a_file_that_a_failed_task_left_is_none_of_the_tables(tmp_path: Path) -> None:
    contract = load_contract("gold.fleet_cells")
    table = pa.Table.from_pylist([CELL])
    names = [data_file.write_table(f"{tmp_path}/run", table).name for _ in range(3)]
    found = footers.written(str(tmp_path), _bare(contract), "run", ["fixes"], names[:2])
    assert sorted(file.name for file in found) == sorted(f"run/{name}" for name in names[:2])
    assert {(file.rows, str(file.stats["minValues"])) for file in found} == {(1, "{'fixes': 1}")}


def _bare(contract: Any) -> Any:
    """Without the columns that the rows lack."""
    return replace(contract, fields=tuple(f for f in contract.fields if f.name in CELL))
