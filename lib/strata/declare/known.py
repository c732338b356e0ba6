"""What an earlier process found in the same program, so that this one need not find it again:
contracts and layouts that were checked, and the fingerprints of tables.

A file in the user's cache folder holds it. The file's name is a hash of all that the answers follow
from: the text of every module, contract and suite, the caller's own among them, Python, and the
names and versions of the packages beside them. So no file is trusted by its size or time, and to
remove this one is to have all of them read again. A folder that cannot be written, or that belongs
to somebody else, keeps nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from strata.declare import resources
from strata.fs.local import cache_folder

_BEGAN_NS = time.time_ns()
_SETTLED_NS = 2 * 10**9
"""A module that changed later than so long before this process began may have been imported as it
was before."""
_MOST_ANSWERS = 512
_MOST_PROGRAMS = 4
"""Of which answers are kept, as where two versions take turns."""
_READ = (".py", ".yaml")


@dataclass
class _Known:
    """The answers of one state of the program."""

    state: str
    """The hash of all that they follow from."""
    held: dict[str, Any]
    """Kept by an earlier process."""
    found: dict[str, Any] = field(default_factory=dict)
    """By this one."""


def recall(name: str, make: Callable[[], Any]) -> Any:
    """What `make` gives, a value that JSON can hold, unless an earlier process has kept it."""
    known = _known()
    if name in known.held:
        return known.held[name]
    known.found[name] = value = make()
    return value


def save(began_ns: int = _BEGAN_NS) -> None:
    """Keeps what this process, which began then, has found, if the program is as it was when it was
    imported. A failure to keep never fails a command.
    """
    known = _known()
    if not known.found:
        return
    with suppress(OSError, RuntimeError):
        paths = list(_program())
        changed = [max(told.st_mtime_ns, told.st_ctime_ns) for told in map(os.stat, paths)]
        if max(changed) > began_ns - _SETTLED_NS or _hash(_texts(paths)) != known.state:
            return
        path = _path(known.state)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if _is_own(path.parent):
            _write(path, {**_read(path), **known.found})
            known.found.clear()


def forget() -> None:
    """For a process that changes its own declarations: they are read again."""
    _known.cache_clear()


@cache
def _known() -> _Known:
    state = _hash(_texts(_program()))
    try:
        return _Known(state, _read(_path(state)))
    except RuntimeError:  # The user has no home.
        return _Known(state, {})


def _read(path: Path) -> dict[str, Any]:
    """What the file holds; nothing where there is none, or none that can be trusted."""
    try:
        return dict(json.loads(path.read_bytes())) if _is_own(path) else {}
    except (OSError, ValueError, TypeError):
        return {}


def _write(path: Path, answers: dict[str, Any]) -> None:
    piece = path.with_name(f"{path.name}.{os.getpid()}")
    piece.write_text(json.dumps(dict(list(answers.items())[-_MOST_ANSWERS:])), encoding="utf-8")
    piece.replace(path)
    newest_first = sorted(path.parent.iterdir(), key=lambda own: -own.stat().st_mtime)
    for old in newest_first[_MOST_PROGRAMS:]:
        old.unlink()


def _path(state: str) -> Path:
    return cache_folder() / "declared" / f"{state}.json"


def _is_own(path: Path) -> bool:
    return path.stat().st_uid == os.getuid()


# --- the program ---------------------------------------------------------------------------------


def _program() -> Iterator[str]:
    """Every file of the program, and of the caller's own feeds."""
    for place in resources.program_folders():
        for folder, names, files in os.walk(place, followlinks=True):
            names[:] = sorted(name for name in names if name != "__pycache__")
            yield from (f"{folder}/{name}" for name in sorted(files) if name.endswith(_READ))


def _texts(paths: Iterable[str]) -> Iterator[bytes]:
    yield sys.version.encode()
    yield from sorted(_packages(sys.path))
    for path in paths:
        yield path.encode()
        with open(path, "rb") as source:
            yield source.read()


def _packages(path: Sequence[str]) -> set[bytes]:
    """What is installed beside the program, whose values a table's constants may be."""
    return {
        name.encode()
        for place in path
        if os.path.isdir(place)
        for name in os.listdir(place)
        if name.endswith((".dist-info", ".egg-info"))
    }


def _hash(parts: Iterable[bytes]) -> str:
    told = hashlib.sha256()
    for part in parts:
        told.update(len(part).to_bytes(8, "big"))
        told.update(part)
    return told.hexdigest()[:32]
