"""The rows of a table by month, on their way from the warehouse's files to COPY."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import IO, TYPE_CHECKING

from strata.serve.export import Pinned, Tally
from strata.serve.postgres.changes import Change
from strata.serve.postgres.encode import HEAD, TAIL, encode
from strata.serve.postgres.targets import Target

if TYPE_CHECKING:
    import pyarrow as pa

_BLOCK = 1 << 20
_ANY_DAY = (date.min, date.max)
"""Of a file whose footer does not say which days it holds."""


@dataclass
class Spill:
    """Rows of one month on their way: encoded, in a file that goes with the process, and counted.

    Rows come from the warehouse in no order, and COPY fills one month at a time.
    """

    target: Target
    file: IO[bytes] = field(default_factory=tempfile.TemporaryFile)
    tally: Tally = field(init=False)

    def __post_init__(self) -> None:
        self.tally = Tally(self.target.fields)
        self.file.write(HEAD)

    def blocks(self) -> Iterator[bytes]:
        """What COPY takes."""
        self.file.seek(0)
        while block := self.file.read(_BLOCK):
            yield block
        yield TAIL


def spill(
    target: Target, pinned: Pinned, change: Change
) -> Iterator[tuple[dict[date, Spill], int]]:
    """The rows of a table by their month, read once, file by file: the months that are whole by
    then, and how many rows were read since the last ones.
    """
    found: dict[date, Spill] = {}
    files = sorted(pinned.sources, key=lambda name: (change.files[name] or _ANY_DAY)[0])
    for number, name in enumerate(files):
        read = 0
        for batch in pinned.batches(name):
            read += batch.num_rows
            rows = batch.select(list(target.columns))
            for month, part, data in _by_month(rows, str(target.date)):
                own = found.setdefault(month, Spill(target))
                own.tally.add(part)
                own.file.write(data)
        # What is left of the files begins with this day; footers tell.
        later = (change.files[n] or _ANY_DAY for n in files[number + 1 :])
        first = min((span[0] for span in later), default=date.max).replace(day=1)
        whole = {month: own for month, own in found.items() if month < first}
        found = {month: own for month, own in found.items() if month not in whole}
        yield whole, read
    if found:
        yield found, 0


def _by_month(
    batch: pa.RecordBatch, column: str
) -> Iterator[tuple[date, pa.RecordBatch, memoryview]]:
    """A batch cut by month: encoded once, in the order of the months."""
    import numpy as np
    import pyarrow.compute as pc

    if not batch.num_rows:
        return
    days = batch.column(column)
    months = np.asarray(pc.year(days)) * 12 + np.asarray(pc.month(days)) - 1
    if (months[1:] < months[:-1]).any():
        order = np.argsort(months, kind="stable")
        batch, months = batch.take(order), months[order]
    encoded = encode(batch)
    cuts = [0, *(np.flatnonzero(np.diff(months)) + 1).tolist(), len(months)]
    for first, last in itertools.pairwise(cuts):
        year, month = divmod(int(months[first]), 12)
        part = batch.slice(first, last - first)
        yield date(year, month + 1, 1), part, encoded.rows(first, last)
