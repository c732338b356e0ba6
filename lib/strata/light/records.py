"""Records of a CSV file, streamed from any byte that begins one."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

from strata.light.look import BLOCK_BYTES, Look, Open
from strata.light.pieces import pieces, split

UNPARSED = "the record does not parse by its layout"


@dataclass(frozen=True)
class Batch:
    """Records that lie together."""

    number: int  # of the first record in its file, from 1
    records: list[list[str]]
    """Fields by the header; one that does not parse has `None` for its fields in `broken`."""
    broken: dict[int, str]
    """By place, the text of the records that do not parse; empty fields stand for them above."""
    end: int  # the byte behind the last of them


def read(open_at: Open, seen: Look, start: int = 0, number: int = 1) -> Iterator[Batch]:
    """Batches of records from byte `start` of the text on, where record `number` begins; 0 is the
    first record's."""
    end = max(start, seen.start)
    for data in texts(open_at, seen, start):
        end += len(data)
        records, broken = split(data, len(seen.header))
        if records:
            yield Batch(number, records, broken, end)
        number += len(records)


def texts(open_at: Open, seen: Look, start: int = 0, block_bytes: int = 0) -> Iterator[bytes]:
    """The text of whole records from byte `start` of the text on, some blocks' worth at a time."""
    start = max(start, seen.start)
    with open_at(0 if seen.is_gzip else start) as stored:
        stream = cast(BinaryIO, gzip.GzipFile(fileobj=stored)) if seen.is_gzip else stored
        if seen.is_gzip:
            stream.seek(start)
        size = block_bytes or BLOCK_BYTES
        yield from pieces(iter(lambda: stream.read(size), b""))
