"""CSV by RFC 4180: LF or CRLF ends a record, quotes double inside quotes, fields go by header name.

Two parsers, chosen by the look for a whole file, so that what was counted is what is read:

- `rfc4180`: every quote opens or closes a field. Then a newline ends a record if and only if an
  even number of quotes stands before it; numpy counts, Arrow reads.
- `python`: some quote stands inside an unquoted field (`5" pipe`). Python's csv module, in its
  strict mode, finds every record with a quote in it, and what it finds is written anew by RFC 4180
  for Arrow. Where quoting breaks within a record of several lines, nobody can tell where that
  record ends: the file is refused.

A record that does not parse (wrong number of fields, a NUL, a lone CR, a field over 1 MiB) is
counted like any other and comes back whole in `_raw_record`.

An empty field is null, whether quoted or not: CSV writers do not agree on a difference.
"""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from pyarrow import csv as pa_csv

from strata.errors import BadFile, ConservationError
from strata.formats.chunks import (
    BATCH_RECORDS,
    EXTRA,
    KEPT_BYTES,
    MAX_COLUMNS,
    MAX_FIELD_BYTES,
    MAX_RECORD_BYTES,
    RAW_RECORD,
    RECORD_NUMBER,
    Chunk,
    NotUtf8,
    Planner,
    Row,
    Scan,
    batch_schema,
    constant_columns,
    extra_json,
    kept_text,
    rows_batch,
    without_newline,
)
from strata.source import Layout, match_layout, match_record

RFC4180, PYTHON = "rfc4180", "python"

_LF, _CR, _QUOTE = b'\n\r"'
_BOM = b"\xef\xbb\xbf"
_MAX_HEADER_BYTES = 1 << 20
# Arrow reads a piece at a time, so that a task holds little more than one piece.
_PIECE_BYTES = 8 << 20


class StrayQuote(Exception):
    """A quote neither opens nor closes a field: only the sequential parser can tell records."""


# --- looking ----------------------------------------------------------------------------------


def scan(
    blocks: Iterator[bytes],
    base: int,
    layouts: Sequence[Layout],
    planner: Planner,
    parser: str = RFC4180,
) -> Scan:
    """Counts the records of a file whose bytes from `base` on are `blocks`, and plans its chunks.

    StrayQuote where `rfc4180` does not hold; BadFile where the file cannot be read safely.
    """
    head, blocks = _take_head(blocks)
    layout, header, skipped, length = _find_header(head, layouts)
    planner.begin(base + length)
    data = itertools.chain([head[length:]], blocks)
    delimiter = _delimiter(layout)
    if parser == RFC4180:
        blank = _scan_rfc4180(data, base + length, delimiter, planner)
        notes: tuple[str, ...] = ()
    else:
        blank = _scan_python(data, base + length, delimiter, planner)
        notes = ("quotes stand inside unquoted fields: read record by record",)
    chunks = planner.finish()
    return Scan(layout, header, planner.records, chunks, parser, skipped + blank, notes)


def _delimiter(layout: Layout) -> str:
    return layout.options.get("delimiter", ",")


def _take_head(blocks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first bytes, enough for any header allowed, and the blocks behind them."""
    head = b""
    try:
        while len(head) <= _MAX_HEADER_BYTES and (block := next(blocks, b"")):
            head += block
    except NotUtf8 as error:
        if b"\n" not in head:
            raise
        blocks = _raising(error)  # the records up to there are counted first, to name the next
    return head, blocks


def _raising(error: Exception) -> Iterator[bytes]:
    raise error
    yield b""


def _find_header(head: bytes, layouts: Sequence[Layout]) -> tuple[Layout, tuple[str, ...], int, int]:
    """The layout, its header, how many blank lines stand above it, and at which byte the data begin."""
    refusals: list[BadFile] = []
    known = sorted({(not layout.has_header, _delimiter(layout)) for layout in layouts})
    for is_headless, delimiter in known:
        group = [layout for layout in layouts if (not layout.has_header, _delimiter(layout)) == (is_headless, delimiter)]
        try:
            first = _read_first(head[:_MAX_HEADER_BYTES], delimiter)
            if is_headless:
                layout = match_record(_values(first), group)
                return layout, tuple(f.name for f in layout.fields), first.blank, first.start
            header = _header_names(first)
            return match_layout(header, group), header, first.blank, first.end
        except BadFile as error:
            refusals.append(error)
    if len({is_headless for is_headless, _ in known}) == 1:
        raise refusals[0]
    raise BadFile(f"{refusals[0]}; or, without a header: {refusals[-1]}", **refusals[0].facts)


@dataclass(frozen=True)
class _First:
    """The first line that is not blank: a header, or the first record of a file without one."""

    text: bytes
    fields: Sequence[str] | None  # as Latin-1 text; None: they do not parse
    blank: int  # blank lines above it
    start: int
    end: int


def _read_first(head: bytes, delimiter: str) -> _First:
    _check_head(head, delimiter)
    ends = _line_ends(head, is_end=True)
    blank = int(np.argmin(_blank_lines(head, ends)))
    try:
        lines, fields = _parse_record(head, ends, blank, delimiter, is_end=True)
    except _Broken as error:
        raise BadFile(f"the header cannot be read: {error}") from None
    start, end = int(ends[blank - 1]) if blank else 0, int(ends[blank + lines - 1])
    if end == _MAX_HEADER_BYTES:
        raise _header_too_long()
    return _First(head[start:end], fields, blank, start, end)


def _values(first: _First) -> list[str]:
    if first.fields is None:
        raise BadFile("the first record of a file without a header must parse; this one does not")
    return [_utf8(value) for value in first.fields]


def _check_head(head: bytes, delimiter: str) -> None:
    """Refuses what is no header at all before any of it is parsed."""
    if not head.strip():
        raise BadFile("the file is empty: not even a header")
    line = head.partition(b"\n")[0]
    if b"\0" in line:
        raise BadFile("a header holds no NUL bytes; the file may be UTF-16: convert it to UTF-8")
    columns = line.count(delimiter.encode()) + 1
    if columns > MAX_COLUMNS and b'"' not in line:
        raise _too_many_columns(columns)
    if b"\n" not in head:
        _check_lone_cr(head.removesuffix(b"\r"))
        if len(head) >= _MAX_HEADER_BYTES:
            raise _header_too_long()


def _header_too_long() -> BadFile:
    return BadFile(f"a header takes less than {_MAX_HEADER_BYTES} bytes; none ends within them")


def _too_many_columns(columns: int) -> BadFile:
    return BadFile(f"a file has at most {MAX_COLUMNS} columns; found at least {columns}", columns=columns)


def _check_lone_cr(header: bytes) -> None:
    if b"\r" in header:
        raise BadFile(
            "lines must end with LF or CRLF; these end with a lone CR, as on an old Mac: convert with `tr '\\r' '\\n' <old.csv >new.csv`"
        )


def _header_names(first: _First) -> tuple[str, ...]:
    fields = first.fields
    if fields is None:
        _check_lone_cr(first.text.rstrip(b"\r\n"))
        raise BadFile("the header cannot be read: text stands behind a closing quote")
    if len(fields) > MAX_COLUMNS:
        raise _too_many_columns(len(fields))
    names = tuple(_utf8(name).strip() for name in fields)
    folded = [name.casefold() for name in names]
    twice = sorted({name for name in folded if folded.count(name) > 1})
    if twice:
        raise BadFile(
            f"a field name stands once in a header, whatever its case; {', '.join(map(repr, twice))} stands more than once",
            names=twice,
        )
    return names


# --- records by numpy -------------------------------------------------------------------------


def _scan_rfc4180(blocks: Iterable[bytes], offset: int, delimiter: str, planner: Planner) -> int:
    """Counts the records into the planner and returns how many lines are blank."""
    quotes = _QuoteCheck(delimiter)
    line_start, last, blank = offset, _LF, 0
    for block in blocks:
        if not block:
            continue
        array = np.frombuffer(block, np.uint8)
        newlines = np.flatnonzero(array == _LF)
        newlines = newlines[quotes.outside(block, array, newlines, offset)]
        ends = newlines + (offset + 1)
        is_record = ~_blank_lines(block, newlines + 1, line_start - offset, last)
        planner.add(ends, is_record)
        blank += len(ends) - int(np.count_nonzero(is_record))
        line_start = int(ends[-1]) if len(ends) else line_start
        offset += len(block)
        last = block[-1]
    if quotes.is_open:
        raise _unterminated(planner.records + 1, quotes.opened_at)
    if offset > line_start:
        is_blank = offset - line_start == 1 and last == _CR
        planner.add(np.array([offset]), np.array([not is_blank]))
        blank += is_blank
    return blank


def _line_ends(data: bytes, is_end: bool) -> np.ndarray:
    """Where lines end; at the end of a file the last one may lack its LF."""
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == _LF) + 1
    if is_end and data and not data.endswith(b"\n"):
        ends = np.append(ends, len(data))
    return ends


def _blank_lines(data: bytes, ends: np.ndarray, line_start: int = 0, last: int = _LF) -> np.ndarray:
    """Which lines hold nothing but their LF or CRLF, or a CR at the end of the file.

    `line_start`, at most 0, is where the first of them begins; `last` is the byte before the data.
    """
    length = np.diff(ends, prepend=line_start)
    blank = length == 1
    array = np.frombuffer(data, np.uint8)
    two = np.flatnonzero(length == 2)
    before = np.where(ends[two] > 1, array[ends[two] - 2], last)
    blank[two] = (before == _CR) & (array[ends[two] - 1] == _LF)
    if len(ends) and data[ends[-1] - 1] != _LF:
        blank[-1] &= data[ends[-1] - 1] == _CR
    return blank


def _unterminated(record: int, offset: int) -> BadFile:
    return BadFile(
        f"every quote must be closed; the one that record {record} opens at byte {offset} is still open at the end of the file",
        record=record,
        offset=offset,
    )


class _QuoteCheck:
    """Follows quotes through the blocks of a file and tells which newlines stand outside them."""

    def __init__(self, delimiter: str) -> None:
        self._may_precede = _byte_set(delimiter.encode() + b'\n"')
        self._may_follow = _byte_set(delimiter.encode() + b'\r\n"')
        self._last = _LF
        self._closed_last = False  # the block before ended with a closing quote
        self.is_open = False
        self.opened_at = 0  # byte in the file

    def outside(self, block: bytes, array: np.ndarray, newlines: np.ndarray, offset: int) -> np.ndarray | slice:
        """Selects the newlines that stand outside quotes; StrayQuote where quotes are not RFC 4180."""
        if not self.is_open and not self._closed_last and b'"' not in block:
            self._last = block[-1]
            return slice(None)
        quotes = np.flatnonzero(array == _QUOTE)
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


# --- records by Python's csv module -----------------------------------------------------------


class _Broken(Exception):
    """Quoting is broken such that nobody can tell where the record ends."""


class _NeedsMore(Exception):
    """The record goes on behind the data at hand."""


@dataclass(frozen=True)
class _Piece:
    """Whole records that lie together, few enough to hold in memory."""

    data: bytes
    ends: np.ndarray  # of its records and blank lines
    odd: Mapping[int, Sequence[str] | None] = field(default_factory=dict)
    """By their place in `ends`, the fields of records that Python's csv has read; None: it could not."""
    literal: np.ndarray = field(default_factory=lambda: np.array([], np.int64))
    """The places in `ends` of records with quotes of which none stands at the start of a field."""
    size: int | None = None
    """Bytes of a single record too long to be held, of which data is the beginning."""


def _parse_record(data: bytes, ends: np.ndarray, first: int, delimiter: str, is_end: bool) -> tuple[int, list[str] | None]:
    """How many lines the record takes that begins with line `first`, and its fields as Latin-1 text.

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
            raise _Broken("a quote is still open at the end of the file") from None
        if taken > 1 and "new-line character" not in str(error):
            raise _Broken("text stands behind the closing quote of a field of several lines") from None
        return taken, None


def _python_pieces(blocks: Iterable[bytes], delimiter: str) -> Iterator[_Piece]:
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
            raise _Broken(f"a record takes more than {MAX_RECORD_BYTES} bytes")


def _with_last(blocks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Each block, and whether it is the last."""
    blocks = iter(blocks)
    block = next(blocks, b"")
    for following in blocks:
        yield block, False
        block = following
    yield block, True


def _python_piece(data: bytes, delimiter: str, is_end: bool) -> tuple[_Piece, _Broken | None]:
    """The records that are whole, and what is wrong with the next; else that waits for more data."""
    lines = _line_ends(data, is_end)
    opening, literal = _lines_with_quotes(data, lines, delimiter)
    ends_record = np.ones(len(lines), np.bool_)
    odd: dict[int, list[str] | None] = {}
    behind, stop, broken = 0, len(lines), None
    for line in opening.tolist():
        if line < behind:
            continue
        try:
            count, fields = _parse_record(data, lines, line, delimiter, is_end)
        except (_NeedsMore, _Broken) as error:
            stop, broken = line, error if isinstance(error, _Broken) else None
            break
        behind = line + count
        ends_record[line : behind - 1] = False
        odd[behind - 1] = fields
    place = np.cumsum(ends_record) - 1
    ends = lines[:stop][ends_record[:stop]]
    literal = literal[(literal < stop) & ends_record[literal]]
    literal = literal[~np.isin(literal, list(odd))]
    whole = data[: ends[-1] if len(ends) else 0]
    return _Piece(whole, ends, {int(place[line]): fields for line, fields in odd.items()}, place[literal]), broken


def _lines_with_quotes(data: bytes, lines: np.ndarray, delimiter: str) -> tuple[np.ndarray, np.ndarray]:
    """Lines in which a quote stands where a field could begin, and the other lines with quotes."""
    array = np.frombuffer(data, np.uint8)
    quotes = np.flatnonzero(array == _QUOTE)
    before = np.where(quotes == 0, _LF, array[quotes - 1])
    is_opening = (before == _LF) | (before == ord(delimiter))
    opening = np.unique(np.searchsorted(lines, quotes[is_opening], side="right"))
    others = np.unique(np.searchsorted(lines, quotes[~is_opening], side="right"))
    others = np.setdiff1d(others, opening, assume_unique=True)
    return opening[opening < len(lines)], others[others < len(lines)]


def _scan_python(blocks: Iterable[bytes], offset: int, delimiter: str, planner: Planner) -> int:
    """As `_scan_rfc4180`, for quotes wherever they stand."""
    blank = 0
    try:
        for piece in _python_pieces(blocks, delimiter):
            is_record = ~_blank_lines(piece.data, piece.ends)
            planner.add(piece.ends + offset, is_record)
            offset += len(piece.data)
            blank += len(piece.ends) - int(np.count_nonzero(is_record))
    except _Broken as error:
        raise BadFile(
            f"every quote must be closed; {error}, in record {planner.records + 1}",
            record=planner.records + 1,
        ) from None
    return blank


def _utf8(text: str) -> str:
    return text.encode("latin-1").decode()


# --- reading ----------------------------------------------------------------------------------


def read(blocks: Iterable[bytes], chunk: Chunk, header: Sequence[str], parser: str, layout: Layout) -> Iterator[pa.RecordBatch]:
    """The chunk's records as the layout's bronze columns, in file order."""
    number = chunk.first_record
    pieces = _python_pieces(blocks, _delimiter(layout)) if parser == PYTHON else _pieces(blocks)
    for piece in pieces:
        batch = _piece_batch(piece, number, header, layout)
        number += batch.num_rows
        for start in range(0, batch.num_rows, BATCH_RECORDS):
            yield batch.slice(start, BATCH_RECORDS)


def _pieces(blocks: Iterable[bytes]) -> Iterator[_Piece]:
    blocks = iter(blocks)
    carry = b""
    for block in blocks:
        carry += block
        ends = _record_ends(carry)
        if len(ends):
            yield _Piece(carry[: ends[-1]], ends)
            carry = carry[ends[-1] :]
        elif len(carry) > MAX_RECORD_BYTES:
            size, rest = _skip_record(carry, blocks)
            yield _Piece(carry[:KEPT_BYTES], np.array([KEPT_BYTES]), size=size)
            blocks, carry = itertools.chain([rest], blocks), b""
    if carry:
        yield _Piece(carry, np.array([len(carry)]))


def _record_ends(data: bytes) -> np.ndarray:
    array = np.frombuffer(data, np.uint8)
    newlines = np.flatnonzero(array == _LF)
    if b'"' in data:
        newlines = newlines[_outside_quotes(array, newlines)]
    return newlines + 1


def _outside_quotes(array: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Which positions stand outside quotes, in data that begin with a record."""
    quotes = np.flatnonzero(array == _QUOTE)
    return np.searchsorted(quotes, positions) % 2 == 0


def _skip_record(head: bytes, blocks: Iterator[bytes]) -> tuple[int, bytes]:
    """The size of the record that begins with `head`, and what stands behind it in its last block."""
    size, is_open = len(head), head.count(b'"') % 2
    for block in blocks:
        array = np.frombuffer(block, np.uint8)
        newlines = np.flatnonzero(array == _LF)
        quotes = np.flatnonzero(array == _QUOTE)
        outside = newlines[(np.searchsorted(quotes, newlines) + is_open) % 2 == 0]
        if len(outside):
            end = int(outside[0]) + 1
            return size + end, block[end:]
        size += len(block)
        is_open = (is_open + len(quotes)) % 2
    return size, b""


def _piece_batch(piece: _Piece, number: int, header: Sequence[str], layout: Layout) -> pa.RecordBatch:
    if piece.size is not None:
        row = Row(number, len(piece.data), None, raw=kept_text(piece.data, piece.size))
        return rows_batch([row], layout)
    lines = _spans(piece)
    delimiter = _delimiter(layout)
    records = _normalised(piece, lines, delimiter)
    bad = records.is_bad | _unreadable(records, delimiter)
    try:
        table = _read_arrow(_cut_out(records, bad), header, layout)
    except pa.ArrowInvalid:
        bad |= _ragged(records, len(header), delimiter)
        table = _read_arrow(_cut_out(records, bad), header, layout)
    good = len(bad) - int(np.count_nonzero(bad))
    if table.num_rows != good:
        raise ConservationError(
            f"Arrow reads the records that were counted; from record {number} on, counted {good}, read {table.num_rows}",
            planned=good,
            read=table.num_rows,
        )
    starts, ends = lines
    raw = {i: kept_text(piece.data[starts[i] : ends[i]]) for i in np.flatnonzero(bad).tolist()}
    return _bronze_batch(table, bad, raw, number, header, layout)


def _spans(piece: _Piece) -> tuple[np.ndarray, np.ndarray]:
    """Where each record begins and ends; blank lines are left out."""
    is_record = ~_blank_lines(piece.data, piece.ends)
    starts = np.concatenate([[0], piece.ends[:-1]])
    return starts[is_record], piece.ends[is_record]


@dataclass(frozen=True)
class _Records:
    """Records as RFC 4180 would have them, for Arrow to read."""

    data: bytes
    starts: np.ndarray
    ends: np.ndarray
    is_bad: np.ndarray  # known not to parse


def _normalised(piece: _Piece, spans: tuple[np.ndarray, np.ndarray], delimiter: str) -> _Records:
    """The records, those with quotes of their own kind written anew, each field in quotes."""
    starts, ends = spans
    is_bad = np.zeros(len(ends), np.bool_)
    if not piece.odd and not len(piece.literal):
        return _Records(piece.data, starts, ends, is_bad)
    growth = np.zeros(len(ends), np.int64)
    parts, place = [], 0
    lines = np.sort(np.append(piece.literal, list(piece.odd))).astype(np.int64)
    at = np.searchsorted(ends, piece.ends[lines])
    spans_there = zip(lines.tolist(), at.tolist(), starts[at].tolist(), ends[at].tolist(), strict=True)
    for line, i, start, end in spans_there:
        record = piece.data[start:end]
        text = _rewritten(record, piece.odd[line], delimiter) if line in piece.odd else _literal(record, delimiter)
        is_bad[i] = text is None
        growth[i] = len(text or b"") - len(record)
        parts += [piece.data[place:start], text or b""]
        place = end
    parts.append(piece.data[place:])
    shift = np.cumsum(growth)
    return _Records(b"".join(parts), starts + shift - growth, ends + shift, is_bad)


def _rewritten(record: bytes, fields: Sequence[str] | None, delimiter: str) -> bytes | None:
    """The record with each field in quotes; None where it does not parse."""
    if fields is None or b"\0" in record:
        return None
    return (delimiter.join('"' + text.replace('"', '""') + '"' for text in fields) + "\n").encode("latin-1")


def _literal(record: bytes, delimiter: str) -> bytes | None:
    """The same for a record whose quotes are all parts of values."""
    text = without_newline(record)
    if b"\r" in text or b"\0" in text:
        return None
    return b'"' + text.replace(b'"', b'""').replace(delimiter.encode(), f'"{delimiter}"'.encode()) + b'"\n'


def _unreadable(records: _Records, delimiter: str) -> np.ndarray:
    """Which records hold a NUL, a lone CR outside quotes, or a field over the limit."""
    data, starts, ends = records.data, records.starts, records.ends
    array = np.frombuffer(data, np.uint8)
    bad = np.zeros(len(ends), np.bool_)
    if b"\0" in data:
        bad[_records_at(ends, np.flatnonzero(array == 0))] = True
    if b"\r" in data:
        lone = np.flatnonzero(array[:-1] == _CR)
        lone = lone[array[lone + 1] != _LF]
        bad[_records_at(ends, lone[_outside_quotes(array, lone)])] = True
    for i in np.flatnonzero(ends - starts > MAX_FIELD_BYTES):
        record = data[starts[i] : ends[i]]
        _, fields = _parse_record(record, _line_ends(record, is_end=True), 0, delimiter, is_end=True)
        bad[i] |= fields is None or any(len(text) > MAX_FIELD_BYTES for text in fields)
    return bad


def _records_at(ends: np.ndarray, positions: np.ndarray) -> np.ndarray:
    return np.searchsorted(ends, positions, side="right")


def _ragged(records: _Records, columns: int, delimiter: str) -> np.ndarray:
    """Which records have another number of fields than the header."""
    array = np.frombuffer(records.data, np.uint8)
    delimiters = np.flatnonzero(array == ord(delimiter))
    delimiters = delimiters[_outside_quotes(array, delimiters)]
    found = np.searchsorted(delimiters, records.ends) - np.searchsorted(delimiters, records.starts)
    return found != columns - 1


def _cut_out(records: _Records, bad: np.ndarray) -> bytes:
    """The data without the bad records."""
    if not bad.any():
        return records.data
    edges = np.column_stack([records.starts[bad], records.ends[bad]]).ravel().tolist()
    edges = [0, *edges, len(records.data)]
    return b"".join(records.data[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True))


def _read_arrow(data: bytes, header: Sequence[str], layout: Layout) -> pa.Table:
    """Every column as strings, named by its place in the header; ArrowInvalid where a row is ragged."""
    names = [str(i) for i in range(len(header))]
    if not data.strip(b"\r\n"):
        return pa.table({name: pa.array([], pa.string()) for name in names})
    if data.startswith(_BOM):
        # Arrow takes a BOM off whatever it is given, but here it is part of a value. It skips blank lines.
        data = b"\n" + data
    return pa_csv.read_csv(
        pa.BufferReader(data),
        # One block: a record may be longer than Arrow's usual one. One thread: Spark gave us one core.
        read_options=pa_csv.ReadOptions(column_names=names, block_size=len(data) + 1, use_threads=False),
        parse_options=pa_csv.ParseOptions(delimiter=_delimiter(layout), newlines_in_values=b'"' in data),
        convert_options=pa_csv.ConvertOptions(
            column_types={name: pa.string() for name in names},
            strings_can_be_null=True,
            null_values=[""],
        ),
    ).combine_chunks()


def _bronze_batch(
    table: pa.Table,
    bad: np.ndarray,
    raw: dict[int, str],
    number: int,
    header: Sequence[str],
    layout: Layout,
) -> pa.RecordBatch:
    """The parsed records and the raw ones together again, in file order."""
    count = len(bad)
    place = pa.array(np.cumsum(~bad) - 1, mask=bad) if raw else None
    column = {name: _spread(table.column(i), place) for i, name in enumerate(header)}
    none = pa.nulls(count, pa.string())
    arrays = {f.column: column.get(f.name, none) for f in layout.fields}
    arrays |= zip(layout.constants, constant_columns(layout, pa.array(~bad)), strict=True)
    arrays[RECORD_NUMBER] = pa.array(np.arange(number, number + count))
    arrays[EXTRA] = _extra({name: c for name, c in column.items() if name not in layout.named}, count)
    arrays[RAW_RECORD] = pa.array([raw.get(i) for i in range(count)], pa.string()) if raw else none
    return pa.RecordBatch.from_pydict(arrays, schema=batch_schema(layout))


def _spread(column: pa.ChunkedArray, place: pa.Array | None) -> pa.Array:
    array = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    return array if place is None else array.take(place)


def _extra(columns: dict[str, pa.Array], count: int) -> pa.Array:
    if not columns:
        return pa.nulls(count, pa.string())
    rows = zip(*(column.to_pylist() for column in columns.values()), strict=True)
    return pa.array([extra_json(dict(zip(columns, row, strict=True))) for row in rows], pa.string())
