"""Records of a CSV file, streamed from any byte that begins one, with Python's csv and no library.

What is a record, and which do not parse, is as `strata.raw.formats.csv` has it; a test compares the
two. The look goes first: it reads the file once and notes its hash, its layout and whether it can
be read safely, so that no record of a file that is refused is ever sent on.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, cast

from strata.declare.layout import Layout, match_layout
from strata.errors import BadFile
from strata.raw.fit import check_fit

BLOCK_BYTES = 1 << 18
"""What is held of a file at once: small, for memory is what this path is about."""
MAX_FIELD_BYTES = 1 << 20
MAX_RECORD_BYTES = 16 << 20
UNPARSED = "the record does not parse by its layout"
_GZIP, _BOM = b"\x1f\x8b", b"\xef\xbb\xbf"
_QUOTED = re.compile(rb'(?:(?<=[,\n])|\A)"(?:[^"]|"")*"(?=[,\r\n]|\Z)')
_KINDS = {b"PK\x03\x04": "a zip archive", b"{": "JSON", b"[": "JSON", b"PAR1": "Parquet"}

Open = Callable[[int], AbstractContextManager[BinaryIO]]
"""Opens a file's bytes, as they are stored, from this one on."""
Fields = Sequence[str]
"""One record's fields by the header; or the whole text, alone, of one that does not parse."""


@dataclass(frozen=True)
class Look:
    """What is known of one file before its first record is read; small, and fit for a message."""

    path: str
    sha256: str  # of the file as it lies there
    layout: str
    header: tuple[str, ...]
    start: int  # the byte, of the text, at which the records begin
    is_gzip: bool


@dataclass(frozen=True)
class Batch:
    """Records that lie together."""

    number: int  # of the first record in its file, from 1
    records: list[list[str]]
    """Fields by the header; one that does not parse has `None` for its fields in `broken`."""
    broken: dict[int, str]
    """By place, the text of the records that do not parse; empty fields stand for them above."""
    end: int  # the byte behind the last of them


def look(open_at: Open, path: str, layouts: Sequence[Layout]) -> Look:
    """Reads a file once. BadFile where it cannot be read safely, or has no known layout."""
    with open_at(0) as stored:
        hashed = _Hashed(stored)
        head = hashed.peek(MAX_FIELD_BYTES)
        _refuse_kinds(head, path)
        is_gzip = head.startswith(_GZIP)
        stream = (
            cast(BinaryIO, gzip.GzipFile(fileobj=cast(BinaryIO, hashed))) if is_gzip else hashed
        )
        try:
            layout, header, start = _check_text(cast(BinaryIO, stream), path, layouts)
        except (EOFError, gzip.BadGzipFile, OSError) as error:
            if not is_gzip:
                raise
            raise BadFile(f"{path}: the gzip stream is damaged: {error}", path=path) from None
        hashed.finish()
    return Look(path, hashed.sha256.hexdigest(), layout.name, header, start, is_gzip)


def read(open_at: Open, seen: Look, start: int = 0, number: int = 1) -> Iterator[Batch]:
    """Batches of records from byte `start` of the text on, where record `number` begins; 0 is the
    first record's."""
    start = max(start, seen.start)
    with open_at(0 if seen.is_gzip else start) as stored:
        stream = cast(BinaryIO, gzip.GzipFile(fileobj=stored)) if seen.is_gzip else stored
        if seen.is_gzip:
            stream.seek(start)
        for data in pieces(iter(lambda: stream.read(BLOCK_BYTES), b"")):
            start += len(data)
            records, broken = split(data, len(seen.header))
            if records:
                yield Batch(number, records, broken, start)
            number += len(records)


# --- pieces of whole records ---------------------------------------------------------------------


def pieces(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes, cut between records: at a newline before which the quotes are even.

    BadFile where a quote stands inside an unquoted field, for there that is no safe place.
    """
    carry = b""
    for block in blocks:
        data = carry + block
        end = _last_end(data)
        if not end and len(data) > MAX_RECORD_BYTES:
            raise BadFile(f"a record takes at most {MAX_RECORD_BYTES} bytes; one takes more")
        if end:
            yield _checked(data[:end])
        carry = data[end:]
    if carry:
        if carry.count(b'"') % 2:
            raise BadFile("every quote must be closed; the last one is not")
        yield _checked(carry)


def _checked(data: bytes) -> bytes:
    if b'"' in data and b'"' in _QUOTED.sub(b"", data):
        raise BadFile(
            "a quote opens or closes a field here, and one stands inside a field: write it "
            "twice and the field in quotes, or let `strata run fleet` read the file"
        )
    return data


def _last_end(data: bytes) -> int:
    end = data.rfind(b"\n") + 1
    quotes = data.count(b'"', 0, end)
    while end and quotes % 2:
        before = data.rfind(b"\n", 0, end - 1) + 1
        quotes -= data.count(b'"', before, end)
        end = before
    return end


def split(data: bytes, columns: int) -> tuple[list[list[str]], dict[int, str]]:
    """The records of whole lines; by place, the text of those that do not parse."""
    text = data.decode()
    if '"' in text or "\0" in text or "\r" in text.replace("\r\n", ""):
        return _split_oddly(text, columns)
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    rows = list(csv.reader(text.split("\n")))
    records = [row for row in rows if row]
    if set(map(len, records)) <= {columns}:
        return records, {}
    lines = [line for line in text.split("\n") if line and line != "\r"]
    return _without_ragged(records, lines, columns)


def _without_ragged(
    records: list[list[str]], lines: Sequence[str], columns: int
) -> tuple[list[list[str]], dict[int, str]]:
    broken = {place: lines[place] for place, row in enumerate(records) if len(row) != columns}
    for place in broken:
        records[place] = [""] * columns
    return records, broken


def _split_oddly(text: str, columns: int) -> tuple[list[list[str]], dict[int, str]]:
    """The same where quotes, NULs or lone CRs stand in the text: record by record."""
    records: list[list[str]] = []
    broken: dict[int, str] = {}
    for line in _records_of(text):
        fields = _parse(line)
        if fields is None or len(fields) != columns or _is_long(fields):
            broken[len(records)] = line
            fields = [""] * columns
        records.append(fields)
    return records, broken


def _records_of(text: str) -> Iterator[str]:
    """Each record's text without its newline; blank lines are left out."""
    held: list[str] = []
    quotes = 0
    for line in text.split("\n"):
        held.append(line)
        quotes += line.count('"')
        if quotes % 2 == 0:
            record = "\n".join(held).removesuffix("\r")
            held, quotes = [], 0
            if record:
                yield record
    if held:
        yield "\n".join(held)


def _parse(record: str) -> list[str] | None:
    """The fields; None for a NUL, a CR outside quotes, or text behind a closing quote."""
    if "\0" in record:
        return None
    csv.field_size_limit(MAX_RECORD_BYTES)
    try:
        rows = list(csv.reader(record.splitlines(keepends=True) or [""], strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None


def _is_long(fields: Sequence[str]) -> bool:
    return any(len(text.encode()) > MAX_FIELD_BYTES for text in fields)


# --- the look ------------------------------------------------------------------------------------


class _Hashed:
    """A stream that hashes what is read of it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._head = stream, b""
        self.sha256 = hashlib.sha256()

    def peek(self, size: int) -> bytes:
        """The first bytes, which are read again."""
        self._head = self._stream.read(min(size, BLOCK_BYTES))
        return self._head

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        if self._head:
            data = self._head if size < 0 else self._head[:size]
            self._head = self._head[len(data) :]
        else:
            data = self._stream.read(size)
        self.sha256.update(data)
        return data

    def finish(self) -> None:
        """Hashes what nobody read."""
        while self.read(BLOCK_BYTES):
            pass


def _check_text(
    stream: BinaryIO, path: str, layouts: Sequence[Layout]
) -> tuple[Layout, tuple[str, ...], int]:
    """The layout, the header and where the records begin; BadFile for text that cannot be read."""
    head = b""
    found: tuple[Layout, tuple[str, ...], int] | None = None
    blocks = _utf8(iter(lambda: stream.read(BLOCK_BYTES), b""), path)
    try:
        for piece in pieces(blocks):
            if found is None:
                head += piece
                found = _header(head, path, layouts)
    except BadFile as error:
        raise BadFile(f"{path}: {error}".replace(f"{path}: {path}", path), path=path) from None
    found = found or _header(head + b"\n", path, layouts)
    if found is None:
        raise BadFile(f"{path}: the file is empty: not even a header", path=path)
    return found


def _utf8(blocks: Iterable[bytes], path: str) -> Iterator[bytes]:
    """The same blocks; BadFile where the text stops being UTF-8."""
    decoder, offset = codecs.getincrementaldecoder("utf-8")(), 0
    try:
        for block in blocks:
            decoder.decode(block)
            yield block
            offset += len(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise BadFile(
            f"{path}: text must be UTF-8; the block from byte {offset} on is not", path=path
        ) from None


def _header(
    head: bytes, path: str, layouts: Sequence[Layout]
) -> tuple[Layout, tuple[str, ...], int] | None:
    """What the first line that is not blank says; None where more of the file is needed."""
    start = len(_BOM) if head.startswith(_BOM) else 0
    for piece in head[start:].splitlines(keepends=True):
        start += len(piece)
        if not piece.endswith(b"\n"):
            break
        if piece.strip(b"\r\n"):
            return _named(piece, path, layouts, start)
    if len(head) > MAX_FIELD_BYTES:
        raise BadFile(f"{path}: a header takes less than {MAX_FIELD_BYTES} bytes", path=path)
    return None


def _refuse_kinds(head: bytes, path: str) -> None:
    for magic, kind in _KINDS.items():
        if head.startswith(magic):
            raise BadFile(
                f"{path}: events come as CSV here, gzip or not; this is {kind}: "
                "convert it, or let `strata run fleet` read it",
                path=path,
            )


def _named(
    line: bytes, path: str, layouts: Sequence[Layout], start: int
) -> tuple[Layout, tuple[str, ...], int]:
    fields = _parse(line.decode().rstrip("\r\n"))
    if fields is None:
        raise BadFile(f"{path}: the header cannot be read", path=path)
    names = tuple(name.strip() for name in fields)
    if len({name.casefold() for name in names}) < len(names):
        raise BadFile(f"{path}: a field name stands once in a header, whatever its case", path=path)
    try:
        layout = match_layout(names, layouts)
        check_fit(names, layout)
        return layout, names, start
    except BadFile as error:
        raise BadFile(f"{path}: {error}", **error.facts, path=path) from None
