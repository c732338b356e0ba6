"""A file's records as columns of text, block by block, by Arrow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
from pyarrow import csv

from strata.declare.layout import Layout
from strata.light import records
from strata.light.fixes import FIELDS
from strata.light.local import arrow
from strata.light.look import Look, Open
from strata.light.pieces import split

BLOCK_BYTES = 1 << 20
"""What is judged at once: enough that a column's work outweighs its begin, and little memory."""


@dataclass(frozen=True)
class Block:
    """Records that lie together."""

    number: int  # of the first record in its file, from 1
    size: int  # how many records, those that do not parse among them
    texts: Mapping[str, pa.Array]
    """Of the records that parse, the text of each of `FIELDS`; empty where the file has none."""
    broken: Mapping[int, str]
    """By place, the text of the records that do not parse."""

    @cached_property
    def places(self) -> np.ndarray:
        """The place in the block of each row of `texts`, from 0."""
        places = np.arange(self.size)
        return np.delete(places, list(self.broken)) if self.broken else places

    def rows(self, of: np.ndarray) -> list[tuple[str, ...]]:
        """The fields of some rows of `texts`."""
        taken = [self.texts[name].take(arrow.of(of)).to_pylist() for name in FIELDS]
        return list(zip(*taken, strict=True))


def blocks(
    open_at: Open, seen: Look, layout: Layout, fields: Sequence[str] = FIELDS
) -> Iterator[Block]:
    """The blocks of a file; of other fields than these the text is empty."""
    names = _names(seen.header, layout, fields)
    number = 1
    for data in records.texts(open_at, seen, block_bytes=BLOCK_BYTES):
        read = _read_plainly if _is_plain(data) else _read_oddly
        columns, broken = read(data, seen.header, list(names.values()))
        rows = len(columns[0])
        texts = dict.fromkeys(FIELDS, arrow.repeated("", rows)) | dict(
            zip(names, columns, strict=True)
        )
        block = Block(number, rows + len(broken), texts, broken)
        number += block.size
        if block.size:
            yield block


def _names(header: Sequence[str], layout: Layout, fields: Sequence[str]) -> dict[str, str]:
    """By bronze column, the name that the header has for it."""
    told = {field.column: field.name for field in layout.fields}
    return {name: told[name] for name in fields if told.get(name) in header}


_Columns = tuple[list[pa.Array], dict[int, str]]
"""The columns of some names, and by place the text of the records that do not parse."""


def _is_plain(data: bytes) -> bool:
    """Whether Arrow and Python's csv read the same of it: no quote, NUL, lone CR or blank line."""
    if b'"' in data or b"\0" in data or data[:1] in (b"\n", b"\r") or b"\n\n" in data:
        return False
    return b"\r" not in data or (data.count(b"\r") == data.count(b"\r\n") and b"\n\r" not in data)


def _read_plainly(data: bytes, header: Sequence[str], names: list[str]) -> _Columns:
    broken: dict[int, str] = {}

    def note(row: csv.InvalidRow) -> str:
        broken[row.number - 1] = row.text
        return "skip"

    table = csv.read_csv(
        pa.BufferReader(data),
        # One thread: more would only take memory, and rows would lose their numbers.
        csv.ReadOptions(use_threads=False, block_size=len(data) + 1, column_names=list(header)),
        csv.ParseOptions(quote_char=False, invalid_row_handler=note),
        csv.ConvertOptions(
            check_utf8=False,  # the look has checked it
            column_types=dict.fromkeys(names, pa.string()),
            include_columns=names,
        ),
    )
    return [table[name].combine_chunks() for name in names], broken


def _read_oddly(data: bytes, header: Sequence[str], names: list[str]) -> _Columns:
    rows, broken = split(data, len(header))
    rows = [row for place, row in enumerate(rows) if place not in broken]
    places = [header.index(name) for name in names]
    return [arrow.of_texts([row[place] for row in rows]) for place in places], broken
