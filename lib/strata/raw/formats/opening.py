"""Opens what is looked at from its start, as often as a scan needs it, and hands it on in checked
blocks.
"""

from __future__ import annotations

import codecs
import gzip
import hashlib
import io
import itertools
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import BinaryIO, cast

from strata.errors import BadFile
from strata.fs import files
from strata.fs.listing import RawFile
from strata.raw.formats import archive, kinds
from strata.raw.formats.archive import Archives, Member
from strata.raw.formats.chunks import BLOCK_BYTES, NotUtf8, Planner, Scan

_HELD_BYTES = 16 << 20  # a member up to this size is expanded once, and held


class Hashing:
    """A stream that notes the hash and number of the bytes taken from it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.sha256 = hashlib.sha256()
        self.size = 0

    def read(self, size: int = -1) -> bytes:
        """The next bytes, hashed and counted."""
        data = self._stream.read(size)
        self.sha256.update(data)
        self.size += len(data)
        return data


@dataclass(frozen=True)
class Opener:
    """One raw file, or one member of an archive."""

    file: RawFile
    stored: Callable[[], AbstractContextManager[BinaryIO]]
    """Opens its bytes as they lie there; of a member, expanded."""
    is_gzip: bool
    chunk_bytes: int
    member: Member | None = None

    def head(self) -> bytes:
        """The first bytes, by which the kind is known."""
        with self._open() as (stream, _):
            return stream.read(kinds.HEAD_BYTES)

    def scan(
        self, scan: Callable[[Iterator[bytes], int, Planner], Scan], is_text: bool = True
    ) -> tuple[Scan, Hashing]:
        """What `scan` makes of the blocks. A BadFile tells by its fact `began` whether data were
        found.
        """
        # One task reads what is compressed: it cannot be entered in the middle.
        planner = Planner(1 << 62 if self.is_gzip or self.member else self.chunk_bytes)
        try:
            with self._open() as (stream, hashing):
                return self._scan(scan, stream, planner, is_text), hashing
        except BadFile as error:
            error.facts.setdefault("began", planner.start is not None)
            raise

    def _scan(
        self,
        scan: Callable[[Iterator[bytes], int, Planner], Scan],
        stream: BinaryIO,
        planner: Planner,
        is_text: bool,
    ) -> Scan:
        blocks = files.read_blocks(stream, BLOCK_BYTES)
        if not is_text:
            return scan(blocks, 0, planner)
        base, blocks = _skip_bom(blocks)
        try:
            return scan(_utf8_blocks(blocks, base), base, planner)
        except NotUtf8 as error:
            raise _not_utf8(error, planner) from None

    def hash(self) -> tuple[str, int]:
        """Hash and size of the bytes as they lie there."""
        with self.stored() as stream:
            hashing = Hashing(stream)
            while hashing.read(BLOCK_BYTES):
                pass
            return hashing.sha256.hexdigest(), hashing.size

    @contextmanager
    def _open(self) -> Iterator[tuple[BinaryIO, Hashing]]:
        try:
            with self.stored() as stored:
                hashing = Hashing(stored)
                plain = cast(BinaryIO, hashing)
                if self.is_gzip:
                    plain = cast(
                        BinaryIO, archive.Capped(gzip.GzipFile(fileobj=plain), lambda: hashing.size)
                    )
                yield plain, hashing
        except EOFError:
            raise BadFile("a gzip file must be whole; this one is cut off") from None
        except (zlib.error, gzip.BadGzipFile) as error:
            raise BadFile(
                f"a gzip file must be sound to its last byte; this one is not: {error}"
            ) from None


def of_file(file: RawFile, head: bytes, chunk_bytes: int) -> Opener:
    """Opens a file that begins with `head`."""
    return Opener(file, lambda: files.open_input(file.uri), kinds.is_gzip(head), chunk_bytes)


def of_member(archives: Archives, file: RawFile, member: Member, chunk_bytes: int) -> Opener:
    """Opens a member of the archive `file`; Damaged where the archive tells another size than it
    has.
    """
    own = RawFile(f"{file.path}/{member.path}", file.uri, member.size)
    if member.size > _HELD_BYTES:
        return Opener(own, lambda: archives.open(file.uri, member), False, chunk_bytes, member)
    with archives.open(file.uri, member) as stream:
        content = stream.read(_HELD_BYTES)
    archive.check_read(len(content), member)
    return Opener(own, lambda: io.BytesIO(content), False, chunk_bytes, member)


def _skip_bom(blocks: Iterator[bytes]) -> tuple[int, Iterator[bytes]]:
    """How many bytes the byte order mark takes, and the blocks behind it."""
    first = next(blocks, b"")
    base = len(kinds.BOM) if first.startswith(kinds.BOM) else 0
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
                if valid > 0:  # An empty block would say that the file ends there.
                    yield block[:valid]
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
