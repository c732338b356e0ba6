"""The first look at a file of events: its hash, its layout, and whether it can be read safely.

It reads the whole file once, so that no record of a file that is refused is ever sent on.
"""

from __future__ import annotations

import codecs
import gzip
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, cast

from strata.declare.layout import Layout, match_layout
from strata.errors import BadFile
from strata.light.pieces import MAX_FIELD_BYTES, parse, pieces
from strata.raw.fit import check_fit

BLOCK_BYTES = 1 << 18
"""What is held of a file at once: small, for memory is what this path is about."""
_GZIP, _BOM = b"\x1f\x8b", b"\xef\xbb\xbf"
_KINDS = {b"PK\x03\x04": "a zip archive", b"{": "JSON", b"[": "JSON", b"PAR1": "Parquet"}

Open = Callable[[int], AbstractContextManager[BinaryIO]]
"""Opens a file's bytes, as they are stored, from this one on."""


@dataclass(frozen=True)
class Look:
    """What is known of one file before its first record is read; small, and fit for a message."""

    path: str
    sha256: str  # of the file as it lies there
    layout: str
    header: tuple[str, ...]
    start: int  # the byte, of the text, at which the records begin
    is_gzip: bool


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
    fields = parse(line.decode().rstrip("\r\n"))
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
