"""Files of this machine's disk and what their names say: all that needs no library of Arrow's."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path, PurePosixPath

from strata.errors import BadFile, UsageError
from strata.fs import location

DELIVERY = re.compile(r"delivery=(.*)", re.DOTALL)
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, order=True)
class RawFile:
    """One raw file, as listed."""

    path: str  # relative to <raw>/<feed>/<source>, with `/` between its parts
    uri: str  # where to open it
    size: int  # bytes, when it was listed


@dataclass(frozen=True, order=True)
class Ignored:
    """Something that lies among the raw files and is not read."""

    path: str
    reason: str


def cache_folder() -> Path:
    """Where this user's programs keep what they can make again; RuntimeError where the user has no
    home.
    """
    kept = os.environ.get("XDG_CACHE_HOME")
    return (Path(kept) if kept else Path.home() / ".cache") / "strata"


def list_local(raw: str, root: str) -> tuple[list[RawFile], list[Ignored]]:
    """Every file at any depth under a folder of `raw`, and what was ignored. UsageError where `raw`
    is no folder."""
    raw, root = local_path(raw), local_path(root)
    if not os.path.isdir(raw):
        raise UsageError(f"the raw folder must exist; {raw} is not a folder", path=raw)
    files: list[RawFile] = []
    ignored: list[Ignored] = []
    if os.path.isdir(root):
        real = os.path.realpath(root)
        _walk(real, real, files, ignored)
    return files, ignored


def strays_of(entries: Iterable[tuple[str, bool]], sources: Iterable[str]) -> list[Ignored]:
    """What lies in a feed's folder beside the folders of its sources, from (name, is a folder) of
    each entry: nothing reads it, which is told unless its name says that it is no data.
    """
    known = sorted(sources)
    reason = f"it lies in no folder of a source: {', '.join(known)}"
    return sorted(
        Ignored(_printable(f"{name}/" if is_folder else name), reason)
        for name, is_folder in entries
        if not (is_folder and name in known)
        and name.casefold().partition(".")[0] not in _LEGAL
        and not (why_ignored(name) or why_document(name))
    )


def list_local_place(place: str) -> list[RawFile]:
    """A file of this disk, or all of a folder, as `listing.list_place` lists them. UsageError where
    nothing lies there."""
    path = local_path(place)
    if os.path.isfile(path):
        return [RawFile(from_delivery(path) or os.path.basename(path), path, os.stat(path).st_size)]
    if not os.path.isdir(path):
        raise UsageError(f"a file or folder must lie at {place}; nothing does", path=place)
    prefix = from_delivery(path)
    found = sorted(list_local(place, place)[0])
    return [replace(file, path=f"{prefix}/{file.path}" if prefix else file.path) for file in found]


def from_delivery(path: str) -> str:
    """A path from its first `delivery=` folder on, for it orders deliveries; empty without one."""
    parts = PurePosixPath(path).parts
    deliveries = [number for number, part in enumerate(parts) if DELIVERY.fullmatch(part)]
    return "/".join(parts[deliveries[0] :]) if deliveries else ""


def _walk(folder: str, root: str, files: list[RawFile], ignored: list[Ignored]) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            path = os.path.relpath(entry.path, root)
            reason = why_ignored(path) or why_document(path) or _why_not_followed(entry, root)
            if reason:
                ignored.append(Ignored(_printable(path), reason))
            elif entry.is_dir(follow_symlinks=False):
                _walk(entry.path, root, files, ignored)
            else:
                files.append(RawFile(path, entry.path, entry.stat().st_size))


# What publishers unpack beside their data: guides, licences, lists of codes.
_DOCUMENTATION = frozenset({"doc", "docs", "documents", "documentation", "user guide"})
_LEGAL = frozenset({"licence", "license", "licences", "licenses", "readme"})
_DOCUMENTS = frozenset({".pdf", ".doc", ".docx", ".rtf", ".md", ".html", ".htm", ".odt"})
_NOTES = _LEGAL | {"copying", "notice", "changelog"}
_OF_NOTES = frozenset({"", ".txt", ".rst"})
_OF_SYSTEMS = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini"})


def why_ignored(path: str) -> str | None:
    """The reason by the name alone, for every store."""
    for part in PurePosixPath(path).parts:
        if part[0] in "_.":
            return f"names that start with {part[0]} are not read"
    try:
        path.encode()
    except UnicodeEncodeError:
        return "its name is not UTF-8"
    return None


def why_document(path: str) -> str | None:
    """The reason of what is plainly a document. Members of archives are told apart by what they
    hold.
    """
    for part in PurePosixPath(path).parts:
        if part.casefold() in _DOCUMENTATION:
            return f"a folder named {part} holds documentation"
    if PurePosixPath(path).name.casefold() in _OF_SYSTEMS:
        return "its name says that a file manager keeps it, not data"
    if PurePosixPath(path).suffix.casefold() in _DOCUMENTS:
        return "its name says that it is a document, not data"
    return None


def is_note(path: str) -> bool:
    """Whether a name is one that people give to notes beside data: `README`, `LICENSE.txt`. Data
    may bear it too, so what the file holds is looked at first.
    """
    name = PurePosixPath(path)
    return name.stem.casefold() in _NOTES and name.suffix.casefold() in _OF_NOTES


def _why_not_followed(entry: os.DirEntry[str], root: str) -> str | None:
    """The reason by what the entry is: a link out of the root, or neither a file nor a folder."""
    if entry.is_symlink():
        target = os.path.realpath(entry.path)
        if os.path.commonpath([root, target]) != root:
            return "links to outside the raw folder are not followed"
        if os.path.isdir(target):
            return "links to folders are not followed"
    try:
        mode = entry.stat().st_mode
    except OSError:
        return "it cannot be reached"
    return None if stat.S_ISREG(mode) or stat.S_ISDIR(mode) else "it is not a regular file"


# --- names ------------------------------------------------------------------------------------


def says_whole(path: str) -> bool:
    """Whether a folder named `whole` in a file's path says that its delivery is whole."""
    return "whole" in path.split("/")[:-1]


def delivery_date(path: str) -> date | None:
    """The date of the folder `delivery=YYYY-MM-DD` in a file's path; None without one.

    BadFile where that date is not a date, or two such folders differ.
    """
    stated = [m.group(1) for part in path.split("/")[:-1] if (m := DELIVERY.fullmatch(part))]
    dates = {_parse_delivery(text, path) for text in stated}
    if len(dates) > 1:
        found = " and ".join(sorted(stated))
        raise BadFile(f"a file has one delivery date; {path} has {found}", path=path)
    return dates.pop() if dates else None


def of_another_delivery(sha256: str, day: date | None) -> str:
    """The identity of a file whose bytes came in another delivery first: the two together.

    A source that goes back to what it said before sends the same bytes. Folded, they would say
    nothing, and what came between would stand; and of two deliveries the one that happened to come
    first would date what both say.
    """
    return hashlib.sha256(f"{sha256} of {day}".encode()).hexdigest()


def _parse_delivery(text: str, path: str) -> date:
    try:
        if _ISO_DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise BadFile(
        f"a delivery folder is named delivery=YYYY-MM-DD; {path} says delivery={text}",
        path=path,
        found=text,
    )


def _printable(path: str) -> str:
    return path.encode("utf-8", "backslashreplace").decode()


def local_path(uri: str) -> str:
    """The path of an address on this machine's disk."""
    return location.parse(uri).path
