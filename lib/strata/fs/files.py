"""Opens, writes, moves and removes single files, on local disks and in object stores alike.

A name is taken exactly as it stands. Nothing here globs, percent-decodes or normalises.
"""

from __future__ import annotations

import gzip
import io
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from pyarrow import fs

from strata.errors import BadFile
from strata.fs import location
from strata.fs.local import local_path
from strata.fs.trouble import first_line


@dataclass(frozen=True)
class Stat:
    """What tells that a file is still the one that was looked at."""

    size: int
    changed_at_ns: int | None  # None where the store does not say


# --- opening ----------------------------------------------------------------------------------


def open_input(uri: str) -> BinaryIO:
    """A seekable stream of the file's bytes, as they lie in the store. BadFile if it is gone."""
    store, path = _store(uri)
    try:
        return cast(BinaryIO, store.open_input_file(path))
    except OSError as error:
        raise BadFile(f"{uri} cannot be opened: {first_line(error)}", uri=uri) from error


def stat_input(uri: str) -> Stat:
    """The file's size and time of change now. BadFile if it is gone."""
    store, path = _store(uri)
    try:
        info = store.get_file_info(path)
    except OSError as error:
        raise BadFile(f"{uri} cannot be reached: {first_line(error)}", uri=uri) from error
    if info.type != fs.FileType.File:
        raise BadFile(f"{uri} is gone", uri=uri)
    return Stat(info.size, info.mtime_ns)


def signs(uri: str) -> tuple[int, ...]:
    """By what a file is known for unchanged without reading it: its size, its times of change in
    nanoseconds, where it lies on the disk.

    On a local disk the second time is the inode's, which no program can set back; an object store
    tells one time twice. BadFile if it is gone, or if the store does not say.
    """
    if is_local(uri):
        try:
            told = os.stat(local_path(uri))
        except OSError as error:
            raise BadFile(f"{uri} is gone", uri=uri) from error
        return told.st_size, told.st_mtime_ns, told.st_ctime_ns, told.st_ino
    now = stat_input(uri)
    if now.changed_at_ns is None:
        raise BadFile(f"the store does not say when {uri} changed", uri=uri)
    return now.size, now.changed_at_ns, now.changed_at_ns


def read_blocks(stream: BinaryIO, block_bytes: int, limit: int | None = None) -> Iterator[bytes]:
    """The stream in blocks of at most `block_bytes`, up to `limit` bytes in all."""
    left = limit
    while left is None or left > 0:
        block = stream.read(block_bytes if left is None else min(block_bytes, left))
        if not block:
            return
        left = None if left is None else left - len(block)
        yield block


def range_blocks(
    uri: str, start: int, end: int, is_gzip: bool, block_bytes: int
) -> Iterator[bytes]:
    """The bytes [start, end) of the file's text, in blocks; offsets count decompressed bytes."""
    with open_input(uri) as raw:
        stream = cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if is_gzip else raw
        stream.seek(start, io.SEEK_SET)
        yield from read_blocks(stream, block_bytes, end - start)


# --- the engine's own small files -------------------------------------------------------------


def list_names(folder: str) -> list[str]:
    """Names of what lies directly in a folder, sorted; none where there is no such folder."""
    store, path = _store(folder)
    found = store.get_file_info(fs.FileSelector(path, recursive=False, allow_not_found=True))
    return sorted(info.base_name for info in found)


def walk(folder: str) -> dict[str, int]:
    """The size of every file below a folder, by its path there; empty where there is no such
    folder.
    """
    store, path = _store(folder)
    found = store.get_file_info(fs.FileSelector(path, recursive=True, allow_not_found=True))
    return {
        info.path[len(path) :].lstrip("/"): info.size
        for info in found
        if info.type == fs.FileType.File
    }


def remove(uri: str) -> None:
    """Removes a file; one that has gone already is no error."""
    store, path = _store(uri)
    with suppress(FileNotFoundError):
        store.delete_file(path)


def exists(uri: str) -> bool:
    """Whether a file lies there."""
    store, path = _store(uri)
    return store.get_file_info(path).type == fs.FileType.File


def write_bytes(uri: str, content: bytes) -> None:
    """Writes a small file, whole or not at all, making its folder where there is need. OSError if
    it cannot.
    """
    store, path = _store(uri)
    is_local = isinstance(store, fs.LocalFileSystem)
    if is_local:
        os.makedirs(os.path.dirname(path), exist_ok=True)
    target = f"{path}.{os.getpid()}.tmp" if is_local else path
    with store.open_output_stream(target) as stream:
        stream.write(content)
    if is_local:
        os.replace(target, path)


def is_local(uri: str) -> bool:
    """Whether it lies on a disk of this machine."""
    return location.parse(uri).is_local


def open_output(uri: str) -> Any:
    """A new file's stream, to be closed; its folder is made where there is need. OSError if it
    cannot be written."""
    store, path = _store(uri)
    if isinstance(store, fs.LocalFileSystem):
        os.makedirs(os.path.dirname(path), exist_ok=True)
    return store.open_output_stream(path)


def move(uri: str, target: str) -> None:
    """Gives a file another name beside it."""
    store, path = _store(uri)
    store.move(path, _store(target)[1])


def read_bytes(uri: str) -> bytes:
    """A small file whole. BadFile if it is gone."""
    with open_input(uri) as stream:
        return stream.read()


def put_file(local: str, uri: str) -> None:
    """Moves a file of this machine to its place, where it appears whole or not at all."""
    store, path = _store(uri)
    if isinstance(store, fs.LocalFileSystem):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(local, "rb") as stream:
            os.fsync(stream.fileno())
        os.replace(local, path)
        return
    with open(local, "rb") as source, store.open_output_stream(path) as sink:
        for block in read_blocks(cast(BinaryIO, source), 8 << 20):
            sink.write(block)
    os.unlink(local)


def _store(uri: str) -> tuple[fs.FileSystem, str]:
    here = location.parse(uri)
    return here.arrow(), here.in_store
