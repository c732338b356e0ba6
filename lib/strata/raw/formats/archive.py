"""Archives: `.zip`, `.tar` and `.tar.gz`. Each member is a raw file of its own; nothing is ever
unpacked to disk.

What could harm whoever reads it is refused whole: a bomb, an archive within the archive, a name
that leads out of it, a link, a password, one name twice, a cut or damaged end, a size that is not
what was told.

A member is one chunk: deflated bytes cannot be entered in the middle. So it is read by one task, in
a stream: memory stays bounded, and large data come quicker as several members.
"""

from __future__ import annotations

import gzip
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, BinaryIO, cast

from strata.errors import BadFile
from strata.fs import files

# A sound release holds hundreds of members and shrinks five- to twentyfold; deflate can reach
# 1,032.
MAX_MEMBERS = 10_000
MAX_RATIO = 100  # expanded bytes for each stored one
FREE_BYTES = 16 << 20  # so many expanded bytes harm nobody, whatever their ratio
MAX_BYTES = 64 << 30  # of all members, expanded
# The directory of a zip, or a long name in a tar, is read at once: no sound one is larger.
_MAX_READ_BYTES = 16 << 20
_ZIP_HEADER_BYTES = 30  # before a member's name
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
# What Python's readers also raise where a directory holds nonsense.
_NONSENSE = (ValueError, OSError, RuntimeError, struct.error)
_ENCRYPTED = 0x1 | 0x40
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DRIVE = re.compile(r"[A-Za-z]:")


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


# --- streams ----------------------------------------------------------------------------------


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
        _check_size(self.tell(), self._stored())
        return data

    def seek(self, offset: int, _: int = 0) -> int:
        """Forwards by reading, so that nothing is passed over unmeasured."""
        while (left := offset - self.tell()) > 0 and self.read(min(left, 1 << 20)):
            pass
        return self.tell() if left >= 0 else self._stream.seek(offset)


def _check_size(expanded: int, stored: int) -> None:
    limit = min(MAX_BYTES, max(FREE_BYTES, MAX_RATIO * stored))
    if expanded > limit:
        raise Damaged(
            f"a compressed file expands to at most {MAX_RATIO} times its size and {MAX_BYTES} "
            "bytes; "
            f"of this one, {stored} bytes give {expanded}",
            stored=stored,
            expanded=expanded,
        )


class _Bounded:
    """A stream that refuses to hand over in one piece what would fill the memory."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.tell = stream.tell

    def seek(self, offset: int, whence: int = 0) -> int:
        try:
            return self._stream.seek(offset, whence)
        except ValueError as error:
            # What Arrow raises before the start of a file; zipfile expects what Python's own files
            # raise.
            raise OSError(str(error)) from None

    def read(self, size: int = -1) -> bytes:
        if size > _MAX_READ_BYTES:
            raise Damaged(
                f"an archive's directory takes at most {_MAX_READ_BYTES} bytes; this one says "
                f"{size}"
            )
        return self._stream.read() if size < 0 else self._stream.read(size)

    def seekable(self) -> bool:
        return True


class _Slice:
    """The bytes of one member of a tar, wherever another reader has left the stream meanwhile."""

    def __init__(self, stream: BinaryIO, member: Member) -> None:
        self._stream, self._member = stream, member
        self._at = 0

    def read(self, size: int = -1) -> bytes:
        left = self._member.size - self._at
        self._stream.seek(self._member.offset + self._at)
        data = self._stream.read(left if size < 0 else min(size, left))
        self._at += len(data)
        if not data and left and size:
            raise Damaged(f"an archive must be whole; it ends within {self._member.name}")
        return data

    def seek(self, offset: int, _: int = 0) -> int:
        self._at = offset
        return offset


# --- opening ----------------------------------------------------------------------------------


class Archives:
    """Opens members, and keeps the archive open that was opened last.

    The next member of a `.tar.gz` lies further on in the same stream: to begin again for each of a
    thousand members would expand the archive five hundred times.
    """

    def __init__(self) -> None:
        self._exit = ExitStack()
        self._uri = ""
        self._zip: zipfile.ZipFile | None = None
        self._tar: BinaryIO | None = None

    def __enter__(self) -> Archives:
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()
        self._uri = ""

    @contextmanager
    def open(self, uri: str, member: Member) -> Iterator[BinaryIO]:
        """The member's bytes; Damaged where they are not what the archive tells of them."""
        with _telling_damage():
            self._turn_to(uri, member.kind)
            if self._tar:
                yield cast(BinaryIO, _Slice(self._tar, member))
                return
            assert self._zip, "one of the two was opened"
            with self._open_zipped(self._zip, member.name) as stream:
                yield cast(BinaryIO, stream)

    def _open_zipped(self, archive: zipfile.ZipFile, name: str) -> IO[bytes]:
        try:
            return archive.open(name)
        except _NONSENSE as error:
            raise _unsound(error) from None

    def blocks(
        self, uri: str, member: Member, start: int, end: int, block_bytes: int
    ) -> Iterator[bytes]:
        """The member's bytes [start, end), in blocks."""
        with self.open(uri, member) as stream:
            stream.seek(start)
            yield from files.read_blocks(stream, block_bytes, end - start)

    def _turn_to(self, uri: str, kind: str) -> None:
        if uri == self._uri:
            return
        self.__exit__()
        self._zip = self._tar = None
        raw = self._exit.enter_context(files.open_input(uri))
        if kind == "zip":
            self._zip = self._exit.enter_context(zipfile.ZipFile(cast(BinaryIO, _Bounded(raw))))
        else:
            self._tar = cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if kind == "tar.gz" else raw
        self._uri = uri


@contextmanager
def _telling_damage() -> Iterator[None]:
    try:
        yield
    except EOFError:
        raise Damaged("an archive must be whole; this one is cut off") from None
    except (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error) as error:
        raise _unsound(error) from None


def _unsound(error: Exception) -> Damaged:
    return Damaged(
        "an archive must be sound to its last byte; this one is not: "
        f"{str(error) or type(error).__name__}"
    )


def check_read(read: int, member: Member) -> None:
    """Damaged where a member gives fewer bytes than the archive tells; the archive's own CRC finds
    other damage.
    """
    if read != member.size:
        raise Damaged(
            f"a member has the size that its archive tells; {member.name} is said to have "
            f"{member.size} bytes and has {read}"
        )


# --- what is in it ----------------------------------------------------------------------------


def members(uri: str, kind: str) -> list[Member]:
    """Every file in the archive, in the order in which they lie there. BadFile where it is refused
    whole.
    """
    try:
        with _telling_damage(), files.open_input(uri) as raw:
            found = _zip_members(raw) if kind == "zip" else _tar_members(raw, kind)
    except _NONSENSE as error:
        raise _unsound(error) from None
    paths: set[str] = set()
    for member in found:
        if member.path in paths:
            raise Damaged(f"a name stands once in an archive; {member.path} stands more than once")
        paths.add(member.path)
    if not found:
        raise Damaged("an archive holds some file; this one holds none")
    return found


def _check_name(name: str, is_folder: bool) -> None:
    plain = name.replace("\\", "/")
    if plain.startswith("/") or _DRIVE.match(plain):
        raise Damaged(f"names in an archive are relative; found {name!r}")
    if ".." in plain.split("/"):
        raise Damaged(f"names in an archive do not lead out of it; found {name!r}")
    if _CONTROL.search(name) or not (is_folder or PurePosixPath(name).name):
        raise Damaged(f"names in an archive are names of files; found {name!r}")


def _check_count(count: int) -> None:
    if count > MAX_MEMBERS:
        raise Damaged(
            f"an archive has at most {MAX_MEMBERS} members; this one has more", members=count
        )


# --- zip --------------------------------------------------------------------------------------


def _zip_members(raw: BinaryIO) -> list[Member]:
    with zipfile.ZipFile(cast(BinaryIO, _Bounded(raw))) as archive:
        entries = archive.infolist()
    _check_count(len(entries))
    for entry in entries:
        _check_zip_entry(entry)
    _check_overlap(entries)
    _check_size(
        sum(entry.file_size for entry in entries), sum(entry.compress_size for entry in entries)
    )
    return [
        Member(entry.filename, entry.file_size, "zip")
        for entry in entries
        if not entry.filename.endswith("/")
    ]


def _check_zip_entry(entry: zipfile.ZipInfo) -> None:
    _check_name(entry.orig_filename, entry.filename.endswith("/"))
    mode = entry.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise Damaged(
            f"an archive holds files and folders, no links or devices; {entry.filename} is one"
        )
    if entry.flag_bits & _ENCRYPTED:
        raise Damaged(f"an archive is read without a password; {entry.filename} is encrypted")
    if entry.compress_type not in _METHODS:
        raise Damaged(
            f"a zip's members are stored or deflated; {entry.filename} uses method "
            f"{entry.compress_type}: pack it again"
        )
    _check_size(entry.file_size, entry.compress_size)


def _check_overlap(entries: list[zipfile.ZipInfo]) -> None:
    """Members that share their bytes make a bomb of any ratio (D. Fifield, "A better zip bomb",
    2019).
    """
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset < end:
            raise Damaged(
                f"members of an archive lie one after the other; {entry.filename} lies within "
                "another"
            )
        end = (
            entry.header_offset + _ZIP_HEADER_BYTES + len(entry.orig_filename) + entry.compress_size
        )


# --- tar --------------------------------------------------------------------------------------


def _tar_members(raw: BinaryIO, kind: str) -> list[Member]:
    if kind == "tar":
        return _walk_tar(raw, kind)
    stream = cast(BinaryIO, Capped(gzip.GzipFile(fileobj=raw), raw.tell))
    found = _walk_tar(stream, kind)
    while stream.read(1 << 20):  # to the end: its CRC stands there
        pass
    return found


def _walk_tar(stream: BinaryIO, kind: str) -> list[Member]:
    found: list[Member] = []
    end = total = 0
    with tarfile.open(fileobj=cast(BinaryIO, _Bounded(stream)), mode="r:") as archive:
        for count, entry in enumerate(archive, 1):
            _check_count(count)
            _check_tar_entry(entry)
            total += entry.size
            end = entry.offset_data
            if entry.isreg():
                end += -(-entry.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
                found.append(Member(entry.name, entry.size, kind, entry.offset_data))
    _check_size(total, MAX_BYTES)
    # Python's reader takes a damaged header for the end of the archive; only zeros are.
    stream.seek(end)
    if stream.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise Damaged(
            "an archive must be sound to its last byte; this one is cut off or damaged at "
            f"byte {end}",
            offset=end,
        )
    return found


def _check_tar_entry(entry: tarfile.TarInfo) -> None:
    _check_name(entry.name, entry.isdir())
    if not (entry.isreg() or entry.isdir()) or entry.issparse():
        raise Damaged(
            f"an archive holds files and folders, no links or devices; {entry.name} is one"
        )
