"""Sorted rows a stretch at a time, each of whole groups, for Arrow and numpy to look at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

ROWS_AT_ONCE = 100_000
"""A stretch has about so many rows, and more where one group has more."""


def stretches(
    batches: Iterable[pa.RecordBatch], group: str, at_once: int = ROWS_AT_ONCE
) -> Iterator[pa.Table]:
    """Batches that are sorted by `group`, a whole number, as tables of whole groups without it."""
    return (table.drop_columns([group]) for table in whole_groups(batches, group, at_once))


def whole_groups(
    batches: Iterable[pa.RecordBatch], group: str, at_once: int = ROWS_AT_ONCE
) -> Iterator[pa.Table]:
    """The same with it."""
    waiting: list[pa.RecordBatch] = []
    rows, most = 0, at_once
    for batch in batches:
        waiting.append(batch)
        rows += batch.num_rows
        if rows < most:
            continue
        table = pa.Table.from_batches(waiting)
        numbers = table[group].to_numpy()
        last = int(np.searchsorted(numbers, numbers[-1]))
        if last:
            yield table.slice(0, last).combine_chunks()
        rest = table.slice(last)
        waiting, rows = rest.to_batches(), rest.num_rows
        # One group of more rows is read on, without looking at it with each batch.
        most = max(at_once, 2 * rows)
    if waiting:
        yield pa.Table.from_batches(waiting).combine_chunks()


def codes(texts: Any) -> Any:
    """A number for each text, as numpy has them; equal texts have one, and null has -1."""
    indices = pc.dictionary_encode(texts.combine_chunks()).indices
    return pc.fill_null(indices, -1).to_numpy(zero_copy_only=False)


def whole_numbers(dates: Any) -> Any:
    """Dates or instants as whole numbers, null as the least there is."""
    kind = pa.int32() if pa.types.is_date(dates.type) else pa.int64()
    numbers = pc.cast(pc.cast(dates, kind), pa.int64())
    return pc.fill_null(numbers, np.iinfo(np.int64).min).to_numpy()


class Runs:
    """Neighbouring rows that belong together, and what is greatest or least among them."""

    def __init__(self, begins: np.ndarray) -> None:
        """`begins` tells of each row whether a run begins with it; with the first one does."""
        self._starts = np.flatnonzero(begins)
        self._counts = np.diff(self._starts, append=len(begins))

    def greatest(self, values: np.ndarray) -> np.ndarray:
        """For each row, the greatest value of its run's rows."""
        return self._of_each(np.maximum, values)

    def least(self, values: np.ndarray) -> np.ndarray:
        """The least one."""
        return self._of_each(np.minimum, values)

    def _of_each(self, which: np.ufunc, values: np.ndarray) -> np.ndarray:
        return np.repeat(which.reduceat(values, self._starts), self._counts)


def changes(column: pa.ChunkedArray) -> np.ndarray:
    """Whether each value, of which none is null, differs from the one before it; the first does."""
    found = np.ones(len(column), np.bool_)
    found[1:] = as_numpy(pc.not_equal(column[1:], column[:-1]))
    return found


def as_numpy(column: pa.ChunkedArray) -> np.ndarray:
    """A column without nulls as numpy has it."""
    return column.combine_chunks().to_numpy(zero_copy_only=False)


def in_order(records: pa.Table) -> np.ndarray:
    """A whole number for each record, in the order of files and of records in them; of files the
    numbers are told, as `Plain.settle` is given them."""
    files, numbers = as_numpy(records["_file_sha256"]), as_numpy(records["_record_number"])
    return files.astype(np.int64) << 40 | numbers
