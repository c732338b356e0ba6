"""Writing beside the place where a copy will appear: one writer at a time, and one rename at the
end.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from strata.errors import LeaseHeld, UsageError


@contextmanager
def hold(place: Path) -> Iterator[None]:
    """Keeps other copies to the same place away. LeaseHeld while one is under way; a killed one
    holds nothing.
    """
    if not place.parent.is_dir():
        raise UsageError(f"a copy goes into a folder that is there; {place.parent} is not: make it")
    with open(place.parent / f".{place.name}.lock", "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise LeaseHeld(
                f"one copy at a time goes to a place; another is under way to {place}: wait for it"
            ) from None
        yield


def flush(path: Path) -> None:
    """Sees a file, or a folder's names, through to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def appear(aside: Path, place: Path) -> None:
    """Puts the finished file in its place; readers have the old one or the new one, whole."""
    flush(aside)
    os.replace(aside, place)
    flush(place.parent)
