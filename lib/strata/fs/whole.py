"""A file for people that appears whole or not at all: somebody may look at the one before."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_DEVICES = ("/dev/", "/proc/")
"""What lies there is the system's: `/dev/stdout` is a link, whatever it leads to."""


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Where to write what takes the path's place when all went well; else nothing is left of it.

    A pipe or a device is written to and never replaced. A link stays, and leads to the new file.
    """
    if str(path).startswith(_DEVICES) or (path.exists() and not path.is_file()):
        yield path
        return
    target = Path(os.path.realpath(path))
    part = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        yield part
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
