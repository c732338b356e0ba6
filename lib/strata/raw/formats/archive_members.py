"""What is in an archive: its members, in order; what could harm whoever reads it is refused whole.

A bomb, a name that leads out of it, a link, a password, one name twice, a cut or damaged end.
"""

from __future__ import annotations

import gzip
import re
import stat
import tarfile
import zipfile
from pathlib import PurePosixPath
from typing import BinaryIO, cast

from strata.fs import files
from strata.raw.formats.archive_streams import (
    MAX_BYTES,
    NONSENSE,
    Bounded,
    Capped,
    Damaged,
    Member,
    check_size,
    telling_damage,
    unsound,
)

MAX_MEMBERS = 10_000  # a sound release holds hundreds
_ZIP_HEADER_BYTES = 30  # before a member's name
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_ENCRYPTED = 0x1 | 0x40
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DRIVE = re.compile(r"[A-Za-z]:")


def members(uri: str, kind: str) -> list[Member]:
    """Every file in the archive, in the order in which they lie there. BadFile where it is refused
    whole.
    """
    try:
        with telling_damage(), files.open_input(uri) as raw:
            found = _zip_members(raw) if kind == "zip" else _tar_members(raw, kind)
    except NONSENSE as error:
        raise unsound(error) from None
    paths: set[str] = set()
    for member in found:
        if member.path in paths:
            raise Damaged(f"a name stands once in an archive; {member.path} stands more than once")
        paths.add(member.path)
    if not found:
        raise Damaged("an archive holds some file; this one holds none")
    return found


def _check_name(name: str, is_folder: bool) -> None:
    plain = name.replace("\\", "/")
    if plain.startswith("/") or _DRIVE.match(plain):
        raise Damaged(f"names in an archive are relative; found {name!r}")
    if ".." in plain.split("/"):
        raise Damaged(f"names in an archive do not lead out of it; found {name!r}")
    if _CONTROL.search(name) or not (is_folder or PurePosixPath(name).name):
        raise Damaged(f"names in an archive are names of files; found {name!r}")


def _check_count(count: int) -> None:
    if count > MAX_MEMBERS:
        raise Damaged(
            f"an archive has at most {MAX_MEMBERS} members; this one has more", members=count
        )


# --- zip --------------------------------------------------------------------------------------


def _zip_members(raw: BinaryIO) -> list[Member]:
    with zipfile.ZipFile(cast(BinaryIO, Bounded(raw))) as archive:
        entries = archive.infolist()
    _check_count(len(entries))
    for entry in entries:
        _check_zip_entry(entry)
    _check_overlap(entries)
    check_size(
        sum(entry.file_size for entry in entries), sum(entry.compress_size for entry in entries)
    )
    return [
        Member(entry.filename, entry.file_size, "zip")
        for entry in entries
        if not entry.filename.endswith("/")
    ]


def _check_zip_entry(entry: zipfile.ZipInfo) -> None:
    _check_name(entry.orig_filename, entry.filename.endswith("/"))
    mode = entry.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise Damaged(
            f"an archive holds files and folders, no links or devices; {entry.filename} is one"
        )
    if entry.flag_bits & _ENCRYPTED:
        raise Damaged(f"an archive is read without a password; {entry.filename} is encrypted")
    if entry.compress_type not in _METHODS:
        raise Damaged(
            f"a zip's members are stored or deflated; {entry.filename} uses method "
            f"{entry.compress_type}: pack it again"
        )
    check_size(entry.file_size, entry.compress_size)


def _check_overlap(entries: list[zipfile.ZipInfo]) -> None:
    """Members that share their bytes make a bomb of any ratio (D. Fifield, "A better zip bomb",
    2019).
    """
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset < end:
            raise Damaged(
                f"members of an archive lie one after the other; {entry.filename} lies within "
                "another"
            )
        end = (
            entry.header_offset + _ZIP_HEADER_BYTES + len(entry.orig_filename) + entry.compress_size
        )


# --- tar --------------------------------------------------------------------------------------


def _tar_members(raw: BinaryIO, kind: str) -> list[Member]:
    if kind == "tar":
        return _walk_tar(raw, kind)
    stream = cast(BinaryIO, Capped(gzip.GzipFile(fileobj=raw), raw.tell))
    found = _walk_tar(stream, kind)
    while stream.read(1 << 20):  # to the end: its CRC stands there
        pass
    return found


def _walk_tar(stream: BinaryIO, kind: str) -> list[Member]:
    found: list[Member] = []
    end = total = 0
    with tarfile.open(fileobj=cast(BinaryIO, Bounded(stream)), mode="r:") as archive:
        for count, entry in enumerate(archive, 1):
            _check_count(count)
            _check_tar_entry(entry)
            total += entry.size
            end = entry.offset_data
            if entry.isreg():
                end += -(-entry.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
                found.append(Member(entry.name, entry.size, kind, entry.offset_data))
    check_size(total, MAX_BYTES)
    # Python's reader takes a damaged header for the end of the archive; only zeros are.
    stream.seek(end)
    if stream.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise Damaged(
            "an archive must be sound to its last byte; this one is cut off or damaged at "
            f"byte {end}",
            offset=end,
        )
    return found


def _check_tar_entry(entry: tarfile.TarInfo) -> None:
    _check_name(entry.name, entry.isdir())
    if not (entry.isreg() or entry.isdir()) or entry.issparse():
        raise Damaged(
            f"an archive holds files and folders, no links or devices; {entry.name} is one"
        )
