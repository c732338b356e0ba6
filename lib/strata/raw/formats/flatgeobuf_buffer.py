"""The bytes of a FlatGeobuf file as they come in, and the FlatBuffers among them.

Members of a FlatBuffer are known by their numbers in the schema
(https://flatgeobuf.org, `header.fbs` and `feature.fbs` of the format's repository).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from flatbuffers import number_types as types
from flatbuffers.table import Table

from strata.errors import BadFile

# --- the bytes as they come in ----------------------------------------------------------------


class ByteStream:
    """Takes a number of bytes at a time from blocks and knows its place in the file."""

    def __init__(self, blocks: Iterable[bytes], offset: int) -> None:
        self._blocks = iter(blocks)
        self._block = b""
        self._place = 0
        self.offset = offset

    def take(self, size: int) -> bytes:
        """The next bytes; fewer only where the file ends."""
        found = self._block[self._place : self._place + size]
        self._place += len(found)
        if len(found) < size:
            found = b"".join([found, *self._further(size - len(found))])
        self.offset += len(found)
        return found

    def skip(self, size: int) -> int:
        """Goes past so many bytes, holding none of them; tells how many there were."""
        skipped = 0
        while skipped < size and (part := self.take(min(size - skipped, 1 << 20))):
            skipped += len(part)
        return skipped

    def _further(self, size: int) -> Iterator[bytes]:
        while size > 0:
            self._block = next(self._blocks, b"")
            if not self._block:
                return
            part = self._block[:size]
            self._place = len(part)
            size -= len(part)
            yield part

    def sized(self, limit: int, what: str) -> bytes:
        """A part behind its own size; empty at the end of the file. BadFile where it is cut off."""
        start = self.offset
        prefix = self.take(4)
        if not prefix:
            return b""
        size = int.from_bytes(prefix, "little") if len(prefix) == 4 else 0
        if size > limit:
            raise BadFile(
                f"{what} takes at most {limit} bytes; at byte {start} one says {size}", offset=start
            )
        part = self.take(size)
        if len(prefix) < 4 or len(part) < size or not size:
            raise BadFile(
                f"the file must be whole; it is cut off within {what} that begins at byte {start}",
                offset=start,
            )
        return part


# --- FlatBuffers ------------------------------------------------------------------------------


class Damaged(Exception):
    """A FlatBuffer points to outside itself."""


class Buffer:
    """A table in a FlatBuffer, its members by their number in the schema."""

    def __init__(self, data: bytes, position: int | None = None) -> None:
        self._data = data
        self._table = Table(
            data, int.from_bytes(data[:4], "little") if position is None else position
        )

    def number(self, member: int, flags: Any, default: int = 0) -> int:
        """A scalar; the default where it is not told."""
        at = self._at(member)
        return self._table.Get(flags, at) if at else default

    def text(self, member: int) -> str:
        """A string; empty where it is not told."""
        at = self._at(member)
        return self._table.String(at).decode() if at else ""

    def has(self, member: int) -> bool:
        """Whether the member is told."""
        return bool(self._at(member))

    def table(self, member: int) -> Buffer | None:
        """A table within this one."""
        at = self._at(member)
        return Buffer(self._data, self._table.Indirect(at)) if at else None

    def tables(self, member: int) -> list[Buffer]:
        """A vector of tables."""
        start, length = self._vector(member, 4)
        return [Buffer(self._data, self._table.Indirect(start + 4 * i)) for i in range(length)]

    def array(self, member: int, dtype: str) -> np.ndarray:
        """A vector of scalars; empty where it is not told."""
        start, length = self._vector(member, np.dtype(dtype).itemsize)
        return np.frombuffer(self._data, dtype, length, start)

    def _at(self, member: int) -> int:
        offset = self._table.Offset(4 + 2 * member)
        return self._table.Pos + offset if offset else 0

    def _vector(self, member: int, width: int) -> tuple[int, int]:
        """Where its items begin and how many there are. The count is checked before it is
        believed."""
        at = self._at(member)
        if not at:
            return 0, 0
        start = at + self._table.Get(types.UOffsetTFlags, at)
        length = self._table.Get(types.UOffsetTFlags, start)
        if start + 4 + length * width > len(self._data):
            raise Damaged
        return start + 4, length


# What reading a damaged FlatBuffer can raise, from Python's struct, numpy and the library itself.
DAMAGE = (Damaged, struct.error, ValueError, IndexError, TypeError, OverflowError, RecursionError)
