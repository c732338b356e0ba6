"""Lines and records of CSV, found by numpy.

Where every quote opens or closes a field, a newline ends a record if and only if an even number of
quotes stands before it: bytes are counted, and nothing is parsed.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from strata.errors import BadFile
from strata.raw.formats.chunks import Planner

LF, CR, QUOTE = b'\n\r"'


class StrayQuote(Exception):
    """A quote neither opens nor closes a field: only the sequential parser can tell records."""


def count(blocks: Iterable[bytes], offset: int, delimiter: str, planner: Planner) -> int:
    """Counts the records into the planner and returns how many lines are blank."""
    quotes = _QuoteCheck(delimiter)
    line_start, last, blank = offset, LF, 0
    for block in blocks:
        if not block:
            continue
        array = np.frombuffer(block, np.uint8)
        newlines = np.flatnonzero(array == LF)
        newlines = newlines[quotes.outside(block, array, newlines, offset)]
        ends = newlines + (offset + 1)
        is_record = ~blank_lines(block, newlines + 1, line_start - offset, last)
        planner.add(ends, is_record)
        blank += len(ends) - int(np.count_nonzero(is_record))
        line_start = int(ends[-1]) if len(ends) else line_start
        offset += len(block)
        last = block[-1]
    if quotes.is_open:
        raise _unterminated(planner.records + 1, quotes.opened_at)
    if offset > line_start:
        is_blank = offset - line_start == 1 and last == CR
        planner.add(np.array([offset]), np.array([not is_blank]))
        blank += is_blank
    return blank


def line_ends(data: bytes, is_end: bool) -> np.ndarray:
    """Where lines end; at the end of a file the last one may lack its LF."""
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == LF) + 1
    if is_end and data and not data.endswith(b"\n"):
        ends = np.append(ends, len(data))
    return ends


def blank_lines(data: bytes, ends: np.ndarray, line_start: int = 0, last: int = LF) -> np.ndarray:
    """Which lines hold nothing but their LF or CRLF, or a CR at the end of the file.

    `line_start`, at most 0, is where the first of them begins; `last` is the byte before the data.
    """
    length = np.diff(ends, prepend=line_start)
    blank = length == 1
    array = np.frombuffer(data, np.uint8)
    two = np.flatnonzero(length == 2)
    before = np.where(ends[two] > 1, array[ends[two] - 2], last)
    blank[two] = (before == CR) & (array[ends[two] - 1] == LF)
    if len(ends) and data[ends[-1] - 1] != LF:
        blank[-1] &= data[ends[-1] - 1] == CR
    return blank


def _unterminated(record: int, offset: int) -> BadFile:
    return BadFile(
        f"every quote must be closed; the one that record {record} opens at byte {offset} is "
        "still open at the end of the file",
        record=record,
        offset=offset,
    )


class _QuoteCheck:
    """Follows quotes through the blocks of a file and tells which newlines stand outside them."""

    def __init__(self, delimiter: str) -> None:
        self._may_precede = _byte_set(delimiter.encode() + b'\n"')
        self._may_follow = _byte_set(delimiter.encode() + b'\r\n"')
        self._last = LF
        self._closed_last = False  # the block before ended with a closing quote
        self.is_open = False
        self.opened_at = 0  # byte in the file

    def outside(
        self, block: bytes, array: np.ndarray, newlines: np.ndarray, offset: int
    ) -> np.ndarray | slice:
        """Selects the newlines that stand outside quotes; StrayQuote where quotes are not RFC
        4180."""
        if not self.is_open and not self._closed_last and b'"' not in block:
            self._last = block[-1]
            return slice(None)
        quotes = np.flatnonzero(array == QUOTE)
        self._check(array, quotes)
        inside = (np.searchsorted(quotes, newlines) + self.is_open) % 2
        openings = quotes[int(self.is_open) :: 2]
        if len(openings):
            self.opened_at = int(openings[-1]) + offset
        self.is_open = bool((len(quotes) + self.is_open) % 2)
        self._closed_last = not self.is_open and block.endswith(b'"')
        self._last = block[-1]
        return inside == 0

    def _check(self, array: np.ndarray, quotes: np.ndarray) -> None:
        opening, closing = quotes[int(self.is_open) :: 2], quotes[1 - int(self.is_open) :: 2]
        before = np.where(opening == 0, self._last, array[opening - 1])
        after = array[closing[closing < len(array) - 1] + 1]
        if self._closed_last:
            after = np.append(after, array[0])
        if not (self._may_precede[before].all() and self._may_follow[after].all()):
            raise StrayQuote


def _byte_set(members: bytes) -> np.ndarray:
    table = np.zeros(256, np.bool_)
    table[list(members)] = True
    return table


def outside_quotes(array: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Which positions stand outside quotes, in data that begin with a record."""
    quotes = np.flatnonzero(array == QUOTE)
    return np.searchsorted(quotes, positions) % 2 == 0
