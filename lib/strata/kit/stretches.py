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
            yield _whole(table.slice(0, last), group)
        rest = table.slice(last)
        waiting, rows = rest.to_batches(), rest.num_rows
        # One group of more rows is read on, without looking at it with each batch.
        most = max(at_once, 2 * rows)
    if waiting:
        yield _whole(pa.Table.from_batches(waiting), group)


def _whole(table: pa.Table, group: str) -> pa.Table:
    return table.drop_columns([group]).combine_chunks()


def codes(texts: Any) -> Any:
    """A number for each text, as numpy has them; equal texts have one, and null has -1."""
    indices = pc.dictionary_encode(texts.combine_chunks()).indices
    return pc.fill_null(indices, -1).to_numpy(zero_copy_only=False)


def whole_numbers(dates: Any) -> Any:
    """Dates or instants as whole numbers, null as the least there is."""
    kind = pa.int32() if pa.types.is_date(dates.type) else pa.int64()
    numbers = pc.cast(pc.cast(dates, kind), pa.int64())
    return pc.fill_null(numbers, np.iinfo(np.int64).min).to_numpy()
