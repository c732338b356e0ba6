"""Lists raw files, on local disks and in object stores alike.

Names are taken exactly as they stand. Nothing here globs, percent-decodes or normalises, so a file
named `a [1]%20.csv` is that file and no other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pyarrow import fs

from strata.errors import UsageError
from strata.fs import location
from strata.fs.local import (
    Ignored,
    RawFile,
    delivery_date,
    from_delivery,
    is_note,
    list_local,
    of_another_delivery,
    says_whole,
    strays_of,
    why_document,
    why_ignored,
)
from strata.fs.trouble import explain, first_line

__all__ = [
    "Ignored",
    "RawFile",
    "delivery_date",
    "is_folder",
    "is_note",
    "list_place",
    "list_raw",
    "list_strays",
    "of_another_delivery",
    "says_whole",
    "why_ignored",
]


def list_raw(raw: str, feed: str = "", source: str = "") -> tuple[list[RawFile], list[Ignored]]:
    """Every file at any depth under `<raw>/<feed>/<source>`, sorted by path, and what was ignored.

    `raw` must exist, else UsageError; a missing feed or source folder holds no files. Names that
    start with `_` or `.` are ignored, and so is whatever a link would reach outside the folder.
    """
    list_in = list_local if location.parse(raw).is_local else _list_objects
    raw = raw.rstrip("/") or "/"
    files, ignored = list_in(raw, "/".join(part for part in (raw, feed, source) if part))
    return sorted(files), sorted(ignored)


def list_strays(raw: str, feed: str, sources: Iterable[str]) -> list[Ignored]:
    """What lies at `<raw>/<feed>/` and in no folder of a source, so that nothing reads it: a
    mistyped folder would else look like one where nothing has come.
    """
    folder = f"{raw.rstrip('/')}/{feed}"
    here = location.parse(folder)
    selector = fs.FileSelector(here.in_store, allow_not_found=True)
    if not is_folder(folder):
        return []
    found = _infos(here.arrow(), selector, folder)
    entries = ((info.base_name, info.type == fs.FileType.Directory) for info in found)
    return strays_of(entries, sources)


def list_place(place: str) -> tuple[list[RawFile], list[Ignored]]:
    """A file or folder anywhere, as if it lay in the folder of a source. UsageError where nothing
    lies there.

    A `delivery=` folder in the place's own path stays a part of the paths: it is what orders
    deliveries.
    """
    here = location.parse(place)
    store, path = here.arrow(), here.in_store
    kept = from_delivery(path)
    try:
        info = store.get_file_info(path)
    except OSError as error:
        raise UsageError(f"{place} cannot be reached: {first_line(error)}", path=place) from error
    if info.type == fs.FileType.File:
        return [RawFile(kept or info.base_name, here.uri_of(path), info.size)], []
    if info.type != fs.FileType.Directory:
        raise UsageError(f"a file or folder must be there; nothing lies at {place}", path=place)
    found, ignored = list_raw(place)
    prefix = f"{kept}/" if kept else ""
    return [replace(file, path=prefix + file.path) for file in found], [
        replace(item, path=prefix + item.path) for item in ignored
    ]


def is_folder(uri: str) -> bool:
    """Whether a folder lies there; in an object store every prefix may be one."""
    here = location.parse(uri)
    return not here.is_local or here.arrow().get_file_info(here.path).type == fs.FileType.Directory


def _list_objects(raw: str, root: str) -> tuple[list[RawFile], list[Ignored]]:
    here = location.parse(root)
    store, path = here.arrow(), here.in_store
    selector = fs.FileSelector(path, recursive=True, allow_not_found=True)
    found = [info for info in _infos(store, selector, root) if info.type == fs.FileType.File]
    if not found:
        _check_root(store, raw)
    files: list[RawFile] = []
    ignored: list[Ignored] = []
    for info in found:
        name = info.path[len(path) :].lstrip("/")
        reason = why_ignored(name) or why_document(name)
        if reason:
            ignored.append(Ignored(name, reason))
        else:
            files.append(RawFile(name, here.uri_of(info.path), info.size))
    return files, ignored


def _infos(store: fs.FileSystem, selector: fs.FileSelector, root: str) -> list[fs.FileInfo]:
    try:
        return list(store.get_file_info(selector))
    except OSError as error:
        raise explain(error) or UsageError(
            f"{root} cannot be listed: {first_line(error)}", path=root
        ) from error


def _check_root(store: fs.FileSystem, raw: str) -> None:
    """Tells an empty source from a raw folder that is not there at all."""
    path = location.parse(raw).in_store
    selector = fs.FileSelector(path, recursive=False, allow_not_found=True)
    bucket_only = "/" not in path
    there = store.get_file_info(path).type == fs.FileType.Directory
    if not there or not (bucket_only or _infos(store, selector, raw)):
        raise UsageError(f"the raw folder must exist; nothing lies at {raw}", path=raw)
