"""What lies in raw files that were looked at before, so that an unchanged one need not be read to
be known again.

`ops/looks/<feed>.json` holds, of each file, by which signs it is known (size, times of change, on a
local disk its inode) and the SHA-256 of what it holds. It is kept best effort, and decides nothing
by itself: a file is passed over only where the ledger of the standing publications has every hash
that it holds, and where no table is to be made of it again. `--full` reads every file; so does a
run that finds no cache, or one that it cannot read: to remove the file is to have every file read.
Mounts that tell other times than a file's own, as some of networks do, are trusted like a disk.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from strata.declare.layout import Layout
from strata.errors import BadFile
from strata.fs import files
from strata.fs.listing import Ignored, RawFile
from strata.lake.versions import Warehouse
from strata.raw.members import Found, look_all

_SETTLED_SECONDS = {True: 2, False: 300}
"""How long ago a file must have changed last for its signs to be trusted, on a local disk and
elsewhere.

A file that changes twice within one tick of its clock bears the same time: 2 s is the tick of the
coarsest local disk; an object store tells whole seconds of a clock that is not ours, and of an
upload in parts when it was begun.
"""


@dataclass(frozen=True)
class Remembered:
    """One raw file, as it was when it was looked at."""

    signs: tuple[int, ...]
    holds: tuple[tuple[str, str], ...]
    """(path, SHA-256) of the file, or of each member of an archive."""
    ignored: tuple[tuple[str, str], ...] = ()


Cache = Mapping[str, Remembered]
"""By source, path and place."""


def key(source: str, file: RawFile) -> str:
    """The name of a remembered file."""
    return f"{source}\n{file.path}\n{file.uri}"


def source_of(key: str) -> str:
    """The source of a remembered file."""
    return key.partition("\n")[0]


def recall(
    remembered: Remembered | None, file: RawFile, source: str, seen: set[tuple[str, str, str]]
) -> Found | None:
    """What a look at the file would find that is still worth telling; None where it must be looked
    at.
    """
    if remembered is None or any(
        (source, path, sha256) not in seen for path, sha256 in remembered.holds
    ):
        return None
    try:
        if files.signs(file.uri) != remembered.signs:
            return None
    except BadFile:
        return None  # The look tells what is wrong with it.
    return Found(ignored=tuple(Ignored(*item) for item in remembered.ignored))


def look_and_remember(file: RawFile, layouts: Sequence[Layout]) -> tuple[Found, Remembered | None]:
    """Looks at the file; what to keep of that is None where its signs could mislead, or where
    something was refused.
    """
    began = time.time()
    try:
        before = files.signs(file.uri)
        found = look_all(file, layouts)
        is_same = files.signs(file.uri) == before
    except BadFile:
        return look_all(file, layouts), None
    is_settled = max(before[1:3]) / 1e9 < began - _SETTLED_SECONDS[files.is_local(file.uri)]
    if found.refused or not found.looks or not is_settled or not is_same:
        return found, None
    if found.ignored and any(layout.personal for layout in layouts):
        return found, None  # Names that stand in no ledger, and may be a person's.
    holds = tuple((seen.path, seen.sha256) for seen in found.looks)
    return found, Remembered(
        before, holds, tuple((item.path, item.reason) for item in found.ignored)
    )


def load(warehouse: Warehouse, feed: str) -> dict[str, Remembered]:
    """What an earlier run kept; nothing where there is none, or where it cannot be understood."""
    uri = _uri(warehouse, feed)
    try:
        told = json.loads(files.read_bytes(uri)) if files.exists(uri) else {}
        return {
            name: Remembered(
                tuple(item["signs"]),
                tuple(map(_pair, item["holds"])),
                tuple(map(_pair, item["ignored"])),
            )
            for name, item in told.items()
        }
    except (BadFile, OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def save(warehouse: Warehouse, feed: str, cache: Cache | None) -> None:
    """Keeps it for the next run; a failure to do so never fails a run."""
    if not cache:
        return
    # As it is, not in JSON's escapes: who searches the warehouse for a name must find it here too.
    told = {
        name: {"signs": item.signs, "holds": item.holds, "ignored": item.ignored}
        for name, item in sorted(cache.items())
    }
    content = json.dumps(told, indent=0, ensure_ascii=False).encode()
    uri = _uri(warehouse, feed)
    try:
        if not files.exists(uri) or files.read_bytes(uri) != content:
            files.write_bytes(uri, content)
    except (BadFile, OSError):
        pass


def _pair(item: list[str]) -> tuple[str, str]:
    first, second = item
    return str(first), str(second)


def _uri(warehouse: Warehouse, feed: str) -> str:
    return f"{warehouse.root}/ops/looks/{feed}.json"
