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
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, BinaryIO, cast

from strata.fs import files
from strata.raw.formats.archive_members import members
from strata.raw.formats.archive_streams import (
    NONSENSE,
    Bounded,
    Capped,
    Damaged,
    Member,
    Slice,
    telling_damage,
    unsound,
)

__all__ = ["Archives", "Capped", "Damaged", "Member", "check_read", "members"]


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
        with telling_damage():
            self._turn_to(uri, member.kind)
            if self._tar:
                yield cast(BinaryIO, Slice(self._tar, member))
                return
            assert self._zip, "one of the two was opened"
            with self._open_zipped(self._zip, member.name) as stream:
                yield cast(BinaryIO, stream)

    def _open_zipped(self, archive: zipfile.ZipFile, name: str) -> IO[bytes]:
        try:
            return archive.open(name)
        except NONSENSE as error:
            raise unsound(error) from None

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
            self._zip = self._exit.enter_context(zipfile.ZipFile(cast(BinaryIO, Bounded(raw))))
        else:
            self._tar = cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if kind == "tar.gz" else raw
        self._uri = uri


def check_read(read: int, member: Member) -> None:
    """Damaged where a member gives fewer bytes than the archive tells; the archive's own CRC finds
    other damage.
    """
    if read != member.size:
        raise Damaged(
            f"a member has the size that its archive tells; {member.name} is said to have "
            f"{member.size} bytes and has {read}"
        )
