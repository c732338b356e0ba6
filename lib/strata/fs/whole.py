"""A file for people that appears whole or not at all: somebody may look at the one before."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_DEVICES = ("/dev/", "/proc/")
"""What lies there is the system's: `/dev/stdout` is a link, whatever it leads to."""


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Where to write what takes the path's place when all went well; else nothing is left of it.

    A pipe or a device is written to and never replaced, nor is a file in a folder where none can
    be made. A link stays, and leads to the new file. Its permissions are those of the old one.
    """
    target = Path(os.path.realpath(path))
    if str(path).startswith(_DEVICES) or (target.exists() and not _is_replaced(target)):
        yield path
        return
    part = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        if target.exists():
            part.touch(0o600)
            shutil.copymode(target, part)
        yield part
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _is_replaced(target: Path) -> bool:
    return target.is_file() and os.access(target.parent, os.W_OK)
