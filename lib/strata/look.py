"""A streaming look at a raw file before Spark sees it, in plain Python.

It reads the file once (twice where quotes stand inside unquoted fields, or where a source has
layouts of one format with different options) and notes its hash, kind, layout and exact number
of records, and where the file can be cut between records. It refuses, with BadFile, what cannot
be read safely: executors then read exactly what was counted, or the run stops.
"""

from __future__ import annotations

import codecs
import gzip
import hashlib
import itertools
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import BinaryIO, cast

from strata import files
from strata.errors import BadFile, UsageError
from strata.files import RawFile
from strata.formats import csv, flatgeobuf, json_records
from strata.formats.chunks import BLOCK_BYTES, CHUNK_BYTES, Chunk, NotUtf8, Planner, Scan
from strata.source import Layout

_GZIP = b"\x1f\x8b"
_KINDS = (
    (b"PK\x03\x04", "a zip archive"),
    (b"PK\x05\x06", "a zip archive"),
    (b"PAR1\x15", "a Parquet file"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"BZh91AY&SY", "a bzip2 archive"),
    (b"\x04\x22\x4d\x18", "an lz4 archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a rar archive"),
    (b"%PDF-", "a PDF document"),
    (b"Obj\x01", "an Avro file"),
    (b"ORC\x0a", "an ORC file"),
    (b"ARROW1\x00\x00", "an Arrow file"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel or Word document"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"\x7fELF", "a program"),
    (b"\x00\x00\xfe\xff", "UTF-32 text: convert it to UTF-8"),
    (b"\xff\xfe\x00\x00", "UTF-32 text: convert it to UTF-8"),
    (b"\xfe\xff", "UTF-16 text: convert it to UTF-8"),
    (b"\xff\xfe", "UTF-16 text: convert it to UTF-8"),
)
_MARKUP = ((b"<!doctype html", "an HTML page"), (b"<html", "an HTML page"), (b"<?xml", "an XML document"))
_BOM = codecs.BOM_UTF8
_HEAD_BYTES = 512


@dataclass(frozen=True)
class Look:
    """What is known of one raw file; small, and sent to every task that reads a part of it."""

    path: str  # relative to <raw>/<feed>/<source>
    uri: str
    source: str
    layout: str  # its name; unique within the source
    table: str  # the bronze table it goes to
    sha256: str  # of the file as it lies there
    bytes: int
    records: int  # data records, of which some may not parse
    header: tuple[str, ...]
    chunks: tuple[Chunk, ...]
    parser: str
    extra_fields: tuple[str, ...]  # in the header, but not named by the layout
    missing_fields: tuple[str, ...]  # named by the layout, not required, and not in the header
    delivery_date: date | None
    is_gzip: bool = False
    blank_lines: int = 0
    notes: tuple[str, ...] = ()


def look(file: RawFile, layouts: Sequence[Layout], chunk_bytes: int = CHUNK_BYTES) -> Look:
    """Looks at a file of a source that has these layouts.

    BadFile, with the file's path and the reason, where it cannot be read safely.
    """
    if not layouts:
        raise UsageError(f"a source has at least one layout; {file.path} has none to be read by")
    try:
        return _look(file, layouts, chunk_bytes)
    except BadFile as error:
        facts = {**error.facts, "path": file.path, "reason": str(error), "sha256": _hash(file)}
        raise BadFile(f"{file.path}: {error}", **facts) from error.__cause__


def _look(file: RawFile, layouts: Sequence[Layout], chunk_bytes: int) -> Look:
    delivered = files.delivery_date(file.path)
    before = files.stat_input(file.uri)
    if before.size != file.size:
        raise BadFile(f"the file changed since it was listed: {file.size} bytes then, {before.size} now")
    scan, hashing, is_gzip = _scan(file, layouts, chunk_bytes)
    if hashing.size != before.size or files.stat_input(file.uri) != before:
        raise BadFile(f"the file changed while it was read; it had {before.size} bytes")
    return Look(
        path=file.path,
        uri=file.uri,
        source=scan.layout.source,
        layout=scan.layout.name,
        table=scan.layout.table,
        sha256=hashing.sha256.hexdigest(),
        bytes=hashing.size,
        records=scan.records,
        header=scan.header,
        chunks=scan.chunks,
        parser=scan.parser,
        extra_fields=tuple(name for name in scan.header if name not in scan.layout.named),
        missing_fields=_missing_fields(scan),
        delivery_date=delivered,
        is_gzip=is_gzip,
        blank_lines=scan.blank_lines,
        notes=scan.notes,
    )


def _missing_fields(scan: Scan) -> tuple[str, ...]:
    """What a header could tell and does not; an empty JSON array has no header."""
    return tuple(field.name for field in scan.layout.fields if scan.header and field.name not in scan.header)


def _hash(file: RawFile) -> str:
    """The hash by which a refused file is known again; empty where it cannot be read to its end."""
    try:
        with files.open_input(file.uri) as raw:
            hashing = _Hashing(raw)
            while hashing.read(BLOCK_BYTES):
                pass
            return hashing.sha256.hexdigest()
    except (BadFile, OSError):
        return ""


class _Hashing:
    """A stream that notes the hash and number of the bytes taken from it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.sha256 = hashlib.sha256()
        self.size = 0

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self.sha256.update(data)
        self.size += len(data)
        return data


# --- what kind of file it is ------------------------------------------------------------------


def _scan(file: RawFile, layouts: Sequence[Layout], chunk_bytes: int) -> tuple[Scan, _Hashing, bool]:
    opener = _Opener(file.uri, _is_gzip(file), chunk_bytes)
    head = opener.head()
    format_ = _format(head, layouts)
    of_format = [layout for layout in layouts if layout.format == format_]
    scan = {"csv": _scan_csv, "json": _scan_json, "flatgeobuf": _scan_flatgeobuf}[format_]
    try:
        return *scan(opener, of_format), opener.is_gzip
    except BadFile as error:
        if format_ == "csv" and _kind(head) == "json":
            raise BadFile(f"{error}; it looks like JSON, for which this source has no layout", **error.facts) from None
        raise


def _is_gzip(file: RawFile) -> bool:
    with files.open_input(file.uri) as raw:
        is_gzip = raw.read(len(_GZIP)) == _GZIP
    if file.path.lower().endswith(".gz") and not is_gzip:
        raise BadFile("a file named .gz is gzip; this one is not")
    return is_gzip


def _format(head: bytes, layouts: Sequence[Layout]) -> str:
    """The format by the first bytes, whatever the name says; it must be one of the layouts'."""
    if not head:
        raise BadFile("the file is empty: not even a header")
    known = {layout.format for layout in layouts}
    kind = _kind(head)
    if kind == "flatgeobuf" and kind in known:
        return kind
    if kind == "json" and kind in known:
        return kind
    if kind in ("text", "json") and known & {"csv", "json"}:
        return "csv" if "csv" in known else "json"
    wanted = " or ".join(sorted(known))
    raise BadFile(f"a file of this source is {wanted}; this one is {kind}", kind=kind)


def _kind(head: bytes) -> str:
    """`flatgeobuf`, `json`, `text`, or in words what else the file is."""
    if head.startswith(flatgeobuf.MAGIC):
        return "flatgeobuf"
    if head.startswith(_GZIP):
        return "a gzip file within a gzip file"
    if head[257:262] == b"ustar":
        return "a tar archive"
    text = head.removeprefix(_BOM).lstrip().lower()
    for magic, kind in _KINDS:
        if head.startswith(magic):
            return kind
    for start, kind in _MARKUP:
        if text.startswith(start):
            return kind
    return "json" if text[:1] in (b"{", b"[") else "text"


# --- scanning it ------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Opener:
    """Opens the file from its start, as often as a scan needs it."""

    uri: str
    is_gzip: bool
    chunk_bytes: int

    def head(self) -> bytes:
        with self._open() as (stream, _):
            return stream.read(_HEAD_BYTES)

    def scan(self, scan: Callable[[Iterator[bytes], int, Planner], Scan], is_text: bool = True) -> tuple[Scan, _Hashing]:
        # One task reads a gzip file: it cannot be entered in the middle.
        planner = Planner(1 << 62 if self.is_gzip else self.chunk_bytes)
        with self._open() as (stream, hashing):
            blocks = files.read_blocks(stream, BLOCK_BYTES)
            if not is_text:
                return scan(blocks, 0, planner), hashing
            base, blocks = _skip_bom(blocks)
            try:
                return scan(_utf8_blocks(blocks, base), base, planner), hashing
            except NotUtf8 as error:
                raise _not_utf8(error, planner) from None

    @contextmanager
    def _open(self) -> Iterator[tuple[BinaryIO, _Hashing]]:
        try:
            with files.open_input(self.uri) as raw:
                hashing = _Hashing(raw)
                plain = cast(BinaryIO, hashing)
                yield cast(BinaryIO, gzip.GzipFile(fileobj=plain)) if self.is_gzip else plain, hashing
        except EOFError:
            raise BadFile("a gzip file must be whole; this one is cut off") from None
        except (zlib.error, gzip.BadGzipFile) as error:
            raise BadFile(f"a gzip file must be sound to its last byte; this one is not: {error}") from None


def _skip_bom(blocks: Iterator[bytes]) -> tuple[int, Iterator[bytes]]:
    """How many bytes the byte order mark takes, and the blocks behind it."""
    first = next(blocks, b"")
    base = len(_BOM) if first.startswith(_BOM) else 0
    return base, itertools.chain([first[base:]], blocks)


def _utf8_blocks(blocks: Iterator[bytes], offset: int) -> Iterator[bytes]:
    """The blocks as they are, up to the first byte that is not UTF-8; then NotUtf8."""
    carry = b""  # the beginning of a character that the next block ends
    for block in blocks:
        if carry or not block.isascii():
            data = carry + block
            try:
                _, used = codecs.utf_8_decode(data, "strict", False)
            except UnicodeDecodeError as error:
                valid = error.start - len(carry)
                yield block[: max(valid, 0)]
                raise NotUtf8(offset + valid) from None
            carry = data[used:]
        yield block
        offset += len(block)
    if carry:
        raise NotUtf8(offset - len(carry))


def _not_utf8(error: NotUtf8, planner: Planner) -> BadFile:
    record = planner.records + 1
    where = f"in record {record}" if planner.start is not None else "before the first record"
    return BadFile(
        f"text must be UTF-8; byte {error.offset}, {where}, is not: convert the file to UTF-8",
        offset=error.offset,
        record=record,
    )


def _scan_csv(opener: _Opener, layouts: Sequence[Layout]) -> tuple[Scan, _Hashing]:
    try:
        return opener.scan(lambda blocks, base, planner: csv.scan(blocks, base, layouts, planner))
    except csv.StrayQuote:
        return opener.scan(lambda blocks, base, planner: csv.scan(blocks, base, layouts, planner, csv.PYTHON))


def _scan_json(opener: _Opener, layouts: Sequence[Layout]) -> tuple[Scan, _Hashing]:
    """Layouts that seek their records at a path come first: without one, any object is a record."""
    refusals: list[BadFile] = []
    for path in sorted({layout.options.get("records", "") for layout in layouts}, reverse=True):
        group = [layout for layout in layouts if layout.options.get("records", "") == path]
        try:
            return opener.scan(partial(json_records.scan, layouts=group, path=path))
        except BadFile as error:
            refusals.append(error)
    if len(refusals) == 1:
        raise refusals[0]
    raise BadFile("; or ".join(str(error) for error in refusals), refusals=refusals)


def _scan_flatgeobuf(opener: _Opener, layouts: Sequence[Layout]) -> tuple[Scan, _Hashing]:
    return opener.scan(partial(flatgeobuf.scan, layouts=layouts), is_text=False)
