"""How often each caller has asked in the last minute, counted by all workers of an API together.

A caller's last requests stand in a ring of as many instants as a minute may have: the request that
would overwrite an instant of the last minute is one too many. The rings are memory that the
workers share, so a caller has one limit, whichever worker answers. The library `limits` counts in
one process, or asks a server on the network for each request.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

_COUNT, _INSTANT = struct.Struct("<Q"), struct.Struct("<d")
SECONDS = 60.0


@dataclass(frozen=True)
class Rates:
    """The rings of the callers that are known by name."""

    names: tuple[str, ...]
    a_minute: int
    file: Path | None = None
    """What workers share; None where there is one."""

    def lets_in(self, name: str) -> bool:
        """Counts a request; False, and not counted, once the caller has used up the minute."""
        rings, at = self._rings, self.names.index(name) * self._size
        with self._alone():
            (asked,) = _COUNT.unpack_from(rings, at)
            slot = at + _COUNT.size + asked % self.a_minute * _INSTANT.size
            # The machine's own clock, which all of its processes read alike; 0 is never.
            now, (oldest,) = time.monotonic(), _INSTANT.unpack_from(rings, slot)
            if oldest and oldest > now - SECONDS:
                return False
            _INSTANT.pack_into(rings, slot, now)
            _COUNT.pack_into(rings, at, asked + 1)
            return True

    @property
    def _size(self) -> int:
        return _COUNT.size + self.a_minute * _INSTANT.size

    @cached_property
    def _rings(self) -> mmap.mmap:
        length = max(1, len(self.names) * self._size)
        if self._descriptor is None:
            return mmap.mmap(-1, length)
        os.ftruncate(self._descriptor, length)
        return mmap.mmap(self._descriptor, length)

    @cached_property
    def _descriptor(self) -> int | None:
        return os.open(self.file, os.O_RDWR | os.O_CREAT, 0o600) if self.file else None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if self._descriptor is None:
            yield
            return
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
