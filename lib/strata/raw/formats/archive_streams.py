"""Streams of archives that hand over no more than is sane, and what damage is called."""

from __future__ import annotations

import gzip
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO

from strata.errors import BadFile

MAX_RATIO = 100  # expanded bytes for each stored one; deflate can reach 1,032
FREE_BYTES = 16 << 20  # so many expanded bytes harm nobody, whatever their ratio
MAX_BYTES = 64 << 30  # of all members, expanded
# The directory of a zip, or a long name in a tar, is read at once: no sound one is larger.
MAX_READ_BYTES = 16 << 20
# What Python's readers also raise where a directory holds nonsense.
NONSENSE = (ValueError, OSError, RuntimeError, struct.error)


@dataclass(frozen=True)
class Member:
    """One file in an archive, and all that a task needs to find it again."""

    name: str  # as the archive spells it
    size: int  # bytes, expanded
    kind: str  # of the archive: `zip`, `tar` or `tar.gz`
    offset: int = 0  # where its bytes begin in the expanded tar

    @property
    def path(self) -> str:
        """The member's name as a path with forward slashes."""
        return str(PurePosixPath(self.name))


class Damaged(BadFile):
    """The archive as a whole cannot be trusted, whichever member showed it."""


class Capped:
    """The expanded bytes of a gzip stream; Damaged as soon as there are more of them than is sane.

    `stored` tells how many bytes of the file were taken so far.
    """

    def __init__(self, stream: gzip.GzipFile, stored: Callable[[], int]) -> None:
        self._stream, self._stored = stream, stored
        self.tell = stream.tell

    def read(self, size: int = -1) -> bytes:
        """The next bytes; BadFile where there are more than the archive says."""
        data = self._stream.read(size)
        check_size(self.tell(), self._stored())
        return data

    def seek(self, offset: int, _: int = 0) -> int:
        """Forwards by reading, so that nothing is passed over unmeasured."""
        while (left := offset - self.tell()) > 0 and self.read(min(left, 1 << 20)):
            pass
        return self.tell() if left >= 0 else self._stream.seek(offset)


def check_size(expanded: int, stored: int) -> None:
    """Damaged where so many stored bytes give more than is sane."""
    limit = min(MAX_BYTES, max(FREE_BYTES, MAX_RATIO * stored))
    if expanded > limit:
        raise Damaged(
            f"a compressed file expands to at most {MAX_RATIO} times its size and {MAX_BYTES} "
            "bytes; "
            f"of this one, {stored} bytes give {expanded}",
            stored=stored,
            expanded=expanded,
        )


class Bounded:
    """A stream that refuses to hand over in one piece what would fill the memory."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.tell = stream.tell

    def seek(self, offset: int, whence: int = 0) -> int:
        """As of a file of Python's own."""
        try:
            return self._stream.seek(offset, whence)
        except ValueError as error:
            # What Arrow raises before the start of a file; zipfile expects what Python's own files
            # raise.
            raise OSError(str(error)) from None

    def read(self, size: int = -1) -> bytes:
        """The next bytes; Damaged where more are asked for than memory should hold."""
        if size > MAX_READ_BYTES:
            raise Damaged(
                f"an archive's directory takes at most {MAX_READ_BYTES} bytes; this one says {size}"
            )
        return self._stream.read() if size < 0 else self._stream.read(size)

    def seekable(self) -> bool:
        """Always."""
        return True


class Slice:
    """The bytes of one member of a tar, wherever another reader has left the stream meanwhile."""

    def __init__(self, stream: BinaryIO, member: Member) -> None:
        self._stream, self._member = stream, member
        self._at = 0

    def read(self, size: int = -1) -> bytes:
        """The next bytes of the member; Damaged where the archive ends before it."""
        left = self._member.size - self._at
        self._stream.seek(self._member.offset + self._at)
        data = self._stream.read(left if size < 0 else min(size, left))
        self._at += len(data)
        if not data and left and size:
            raise Damaged(f"an archive must be whole; it ends within {self._member.name}")
        return data

    def seek(self, offset: int, _: int = 0) -> int:
        """Within the member."""
        self._at = offset
        return offset


@contextmanager
def telling_damage() -> Iterator[None]:
    """Damaged for whatever a reader raises of an unsound archive."""
    try:
        yield
    except EOFError:
        raise Damaged("an archive must be whole; this one is cut off") from None
    except (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error) as error:
        raise unsound(error) from None


def unsound(error: Exception) -> Damaged:
    """The error, as people are told of it."""
    return Damaged(
        "an archive must be sound to its last byte; this one is not: "
        f"{str(error) or type(error).__name__}"
    )
