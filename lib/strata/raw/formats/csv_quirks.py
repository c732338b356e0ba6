"""Records of CSV whose quotes stand where RFC 4180 knows none, found by Python's csv module in its
strict mode.

Lines without a quote are records; the others are parsed one by one. Where quoting breaks within a
record of several lines, nobody can tell where that record ends.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from strata.errors import BadFile
from strata.raw.formats.chunks import MAX_RECORD_BYTES, Planner
from strata.raw.formats.csv_lines import LF, QUOTE, blank_lines, line_ends


class Broken(Exception):
    """Quoting is broken such that nobody can tell where the record ends."""


class _NeedsMore(Exception):
    """The record goes on behind the data at hand."""


@dataclass(frozen=True)
class Piece:
    """Whole records that lie together, few enough to hold in memory."""

    data: bytes
    ends: np.ndarray  # of its records and blank lines
    odd: Mapping[int, Sequence[str] | None] = field(default_factory=dict)
    """By their place in `ends`, the fields of records that Python's csv has read; None: it could
    not.
    """
    literal: np.ndarray = field(default_factory=lambda: np.array([], np.int64))
    """The places in `ends` of records with quotes of which none stands at the start of a field."""
    size: int | None = None
    """Bytes of a single record too long to be held, of which data is the beginning."""


def parse_record(
    data: bytes, ends: np.ndarray, first: int, delimiter: str, is_end: bool
) -> tuple[int, list[str] | None]:
    """How many lines the record takes that begins with line `first`, and its fields as Latin-1
    text.

    The fields are None where the record does not parse, yet surely ends with its line.
    """
    # The limit is the process's own; every use of it here sets the same.
    csv.field_size_limit(MAX_RECORD_BYTES)
    taken, is_over = 0, False

    def feed() -> Iterator[str]:
        nonlocal taken, is_over
        start = int(ends[first - 1]) if first else 0
        for end in map(int, ends[first:]):
            taken += 1
            # Python 3.10's csv stops at a NUL; such a record does not count as parsed anyway.
            yield data[start:end].decode("latin-1").replace("\0", "\x01")
            start = end
        is_over = True

    try:
        fields = next(csv.reader(feed(), delimiter=delimiter, strict=True))
        return taken, fields
    except csv.Error as error:
        if is_over and not is_end:
            raise _NeedsMore from None
        if is_over:
            raise Broken("a quote is still open at the end of the file") from None
        if taken > 1 and "new-line character" not in str(error):
            raise Broken(
                "text stands behind the closing quote of a field of several lines"
            ) from None
        return taken, None


def pieces(blocks: Iterable[bytes], delimiter: str) -> Iterator[Piece]:
    """Lines without a quote are records; the others go through Python's csv one by one."""
    carry = b""
    for block, is_end in _with_last(blocks):
        data = carry + block
        piece, broken = _python_piece(data, delimiter, is_end)
        if len(piece.ends):
            yield piece
        if broken:
            raise broken
        carry = data[len(piece.data) :]
        if len(carry) > MAX_RECORD_BYTES:
            raise Broken(f"a record takes more than {MAX_RECORD_BYTES} bytes")


def _with_last(blocks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Each block, and whether it is the last."""
    blocks = iter(blocks)
    block = next(blocks, b"")
    for following in blocks:
        yield block, False
        block = following
    yield block, True


def _python_piece(data: bytes, delimiter: str, is_end: bool) -> tuple[Piece, Broken | None]:
    """The records that are whole, and what is wrong with the next; else that waits for more
    data."""
    lines = line_ends(data, is_end)
    opening, literal = _lines_with_quotes(data, lines, delimiter)
    ends_record = np.ones(len(lines), np.bool_)
    odd: dict[int, list[str] | None] = {}
    behind, stop, broken = 0, len(lines), None
    for line in opening.tolist():
        if line < behind:
            continue
        try:
            count, fields = parse_record(data, lines, line, delimiter, is_end)
        except (_NeedsMore, Broken) as error:
            stop, broken = line, error if isinstance(error, Broken) else None
            break
        behind = line + count
        ends_record[line : behind - 1] = False
        odd[behind - 1] = fields
    place = np.cumsum(ends_record) - 1
    ends = lines[:stop][ends_record[:stop]]
    literal = literal[(literal < stop) & ends_record[literal]]
    literal = literal[~np.isin(literal, list(odd))]
    whole = data[: ends[-1] if len(ends) else 0]
    return Piece(
        whole, ends, {int(place[line]): fields for line, fields in odd.items()}, place[literal]
    ), broken


def _lines_with_quotes(
    data: bytes, lines: np.ndarray, delimiter: str
) -> tuple[np.ndarray, np.ndarray]:
    """Lines in which a quote stands where a field could begin, and the other lines with quotes."""
    array = np.frombuffer(data, np.uint8)
    quotes = np.flatnonzero(array == QUOTE)
    before = np.where(quotes == 0, LF, array[quotes - 1])
    is_opening = (before == LF) | (before == ord(delimiter))
    opening = np.unique(np.searchsorted(lines, quotes[is_opening], side="right"))
    others = np.unique(np.searchsorted(lines, quotes[~is_opening], side="right"))
    others = np.setdiff1d(others, opening, assume_unique=True)
    return opening[opening < len(lines)], others[others < len(lines)]


def count(blocks: Iterable[bytes], offset: int, delimiter: str, planner: Planner) -> int:
    """Counts the records into the planner and returns how many lines are blank. BadFile where
    quoting breaks.
    """
    blank = 0
    try:
        for piece in pieces(blocks, delimiter):
            is_record = ~blank_lines(piece.data, piece.ends)
            planner.add(piece.ends + offset, is_record)
            offset += len(piece.data)
            blank += len(piece.ends) - int(np.count_nonzero(is_record))
    except Broken as error:
        raise BadFile(
            f"every quote must be closed; {error}, in record {planner.records + 1}",
            record=planner.records + 1,
        ) from None
    return blank
