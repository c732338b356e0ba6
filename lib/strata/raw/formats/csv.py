"""CSV by RFC 4180: LF or CRLF ends a record, quotes double inside quotes, fields go by header name.

Two parsers, chosen by the look for a whole file, so that what was counted is what is read:

- `rfc4180`: every quote opens or closes a field. Then a newline ends a record if and only if an
  even number of quotes stands before it; numpy counts, Arrow reads.
- `python`: some quote stands inside an unquoted field (`5" pipe`). Python's csv module, in its
  strict mode, finds every record with a quote in it, and what it finds is written again by RFC 4180
  for Arrow. Where quoting breaks within a record of several lines, nobody can tell where that
  record ends: the file is refused.

A record that does not parse (wrong number of fields, a NUL, a lone CR, a field over 1 MiB) is
counted like any other and comes back whole in `_raw_record`.

A file without a header is known by its first record, if a layout says `header: none`: by the number
of columns, and by the patterns of some of them. Its fields go by their place.

An empty field is null, whether quoted or not: CSV writers do not agree on a difference.
"""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from strata.declare.layout import Layout, match_layout, match_record
from strata.errors import BadFile
from strata.raw.formats import csv_lines, csv_quirks, csv_rows
from strata.raw.formats.chunks import LOOKED_AT, MAX_COLUMNS, Chunk, NotUtf8, Planner, Scan
from strata.raw.formats.csv_lines import StrayQuote, blank_lines, line_ends
from strata.raw.formats.csv_quirks import Broken, parse_record

__all__ = ["PYTHON", "RFC4180", "StrayQuote", "read", "scan"]

RFC4180, PYTHON = "rfc4180", "python"
_MAX_HEADER_BYTES = 1 << 20


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
    delimiter = layout.delimiter
    if parser == RFC4180:
        blank = csv_lines.count(data, base + length, delimiter, planner)
        notes: tuple[str, ...] = ()
    else:
        blank = csv_quirks.count(data, base + length, delimiter, planner)
        notes = ("quotes stand inside unquoted fields: read record by record",)
    chunks = planner.finish()
    beside = _values_beside(head[length : length + _MAX_HEADER_BYTES], header, layout)
    return Scan(
        layout, header, planner.records, chunks, parser, skipped + blank, notes, beside=beside
    )


def _values_beside(head: bytes, header: Sequence[str], layout: Layout) -> dict[str, frozenset[str]]:
    """What stands in the first records under names that the layout does not know."""
    unnamed = [(place, name) for place, name in enumerate(header) if name not in layout.known]
    if not unnamed:
        return {}
    lines = io.StringIO(head.decode(errors="replace"), newline="")
    rows = []
    with contextlib.suppress(csv.Error):
        for row in itertools.islice(csv.reader(lines, delimiter=layout.delimiter), LOOKED_AT):
            rows.append(row)
    return {
        name: frozenset(row[place] for row in rows if len(row) == len(header))
        for place, name in unnamed
    }


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


def _find_header(
    head: bytes, layouts: Sequence[Layout]
) -> tuple[Layout, tuple[str, ...], int, int]:
    """The layout, its header, how many blank lines stand above it, and at which byte the data
    begin.
    """
    refusals: list[BadFile] = []
    known = sorted({(not layout.has_header, layout.delimiter) for layout in layouts})
    for is_headless, delimiter in known:
        group = [
            layout
            for layout in layouts
            if (not layout.has_header, layout.delimiter) == (is_headless, delimiter)
        ]
        try:
            first = _read_first(head[:_MAX_HEADER_BYTES], delimiter)
            if is_headless:
                layout = match_record(_values(first), group)
                return layout, tuple(f.name for f in layout.fields), first.blank, first.start
            header = _header_names(first, delimiter, any(layout.personal for layout in group))
            return match_layout(header, group), header, first.blank, first.end
        except BadFile as error:
            refusals.append(error)
    if len({is_headless for is_headless, _ in known}) == 1 or refusals[-1].facts.get("unlike"):
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
    ends = line_ends(head, is_end=True)
    blank = int(np.argmin(blank_lines(head, ends)))
    try:
        lines, fields = parse_record(head, ends, blank, delimiter, is_end=True)
    except Broken as error:
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
    return BadFile(
        f"a file has at most {MAX_COLUMNS} columns; found at least {columns}", columns=columns
    )


def _check_lone_cr(header: bytes) -> None:
    if b"\r" in header:
        raise BadFile(
            "lines must end with LF or CRLF; these end with a lone CR, as on an old Mac: "
            "convert with `tr '\\r' '\\n' <old.csv >new.csv`"
        )


def _header_names(first: _First, delimiter: str, is_personal: bool) -> tuple[str, ...]:
    fields = first.fields
    if fields is None:
        text = first.text.rstrip(b"\r\n")
        _check_lone_cr(text)
        if _is_parted_otherwise(text, delimiter):
            # One field, as it would be without its quotes: no layout fits, which tells the mark.
            return (_utf8(text.decode("latin-1").replace('"', "")),)
        raise BadFile("the header cannot be read: text stands behind a closing quote")
    if len(fields) > MAX_COLUMNS:
        raise _too_many_columns(len(fields))
    names = tuple(_utf8(name).strip() for name in fields)
    folded = [name.casefold() for name in names]
    twice = sorted({name for name in folded if folded.count(name) > 1})
    if twice:
        # The first line of a file without a header is a record, and may be a person's.
        told = [str(n) for n, name in enumerate(folded, 1) if name in twice]
        which = f"that of fields {', '.join(told)}" if is_personal else ", ".join(map(repr, twice))
        raise BadFile(
            f"a field name stands once in a header, whatever its case; {which} stands more than "
            "once",
            **({} if is_personal else {"names": twice}),
        )
    return names


def _is_parted_otherwise(text: bytes, delimiter: str) -> bool:
    """Whether quoted names are parted by another mark than the layouts', as spreadsheets do."""
    for mark in {";", "\t", "|", ","} - {delimiter}:
        with contextlib.suppress(csv.Error):
            line = [text.decode("latin-1").replace("\0", "\x01")]
            if len(next(csv.reader(line, delimiter=mark, strict=True), ())) > 1:
                return True
    return False


def _utf8(text: str) -> str:
    return text.encode("latin-1").decode()


def read(
    blocks: Iterable[bytes], chunk: Chunk, header: Sequence[str], parser: str, layout: Layout
) -> Iterator[pa.RecordBatch]:
    """The chunk's records as the layout's bronze columns, in file order."""
    return csv_rows.read(blocks, chunk, header, parser == PYTHON, layout)
