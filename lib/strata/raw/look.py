"""A streaming look at a raw file before Spark sees it, in plain Python.

It reads the file once (twice where quotes stand inside unquoted fields, or where a source has
layouts of one format with different options) and notes its hash, kind, layout and exact number of
records, and where the file can be cut between records. It refuses, with BadFile, what cannot be
read safely: executors then read exactly what was counted, or the run stops.

`scanning` finds how a file is read, and `members` looks into archives.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from strata.declare.layout import Layout
from strata.declare.near import SURE, perhaps
from strata.errors import BadFile, UsageError
from strata.fs import files, listing
from strata.fs.files import Stat
from strata.fs.listing import RawFile
from strata.raw.fit import check_fit
from strata.raw.formats import kinds, opening
from strata.raw.formats.archive import Member
from strata.raw.formats.chunks import CHUNK_BYTES, Chunk, Scan
from strata.raw.formats.opening import Opener
from strata.raw.scanning import scan_file

WGS84 = "EPSG:4326"
"""The coordinate system of positions where a file names none."""


@dataclass(frozen=True)
class Look:
    """What is known of one raw file; small, and sent to every task that reads a part of it."""

    path: str  # relative to <raw>/<feed>/<source>; of a member, the archive's path and its own
    uri: str
    source: str
    layout: str  # its name; unique within the source
    table: str  # the bronze table it goes to
    # Of the file as it lies there; of a member, expanded. Where the same bytes came in another
    # delivery, of that hash and the day (`run.arrivals`).
    sha256: str
    bytes: int
    records: int  # data records, of which some may not parse
    header: tuple[str, ...]
    chunks: tuple[Chunk, ...]
    parser: str
    extra_fields: tuple[
        str, ...
    ]  # in the header, but not named by the layout; untold where the source is personal
    missing_fields: tuple[str, ...]  # named by the layout, not required, and not in the header
    delivery_date: date | None
    stored: Stat  # of the file at `uri`: the archive's, for a member
    is_gzip: bool = False
    blank_lines: int = 0
    notes: tuple[str, ...] = ()
    crs: str = ""  # the coordinate system of its positions, where the layout asks for it
    member: Member | None = None  # where it lies in the archive at `uri`
    # How often a text that is no value is taken as null, by column (`Scan.taken_as_null`).
    taken_as_null: tuple[tuple[str, int], ...] = ()
    dropped_fields: int = 0  # of a personal source: in the header, but not named by the layout


def look(file: RawFile, layouts: Sequence[Layout], chunk_bytes: int = CHUNK_BYTES) -> Look:
    """Looks at a file of a source that has these layouts.

    BadFile, with the file's path and the reason, where it cannot be read safely.
    """
    if not layouts:
        raise UsageError(f"a source has at least one layout; {file.path} has none to be read by")
    try:
        with Unchanged(file) as stored:
            return look_at(opening.of_file(file, stored_head(file), chunk_bytes), layouts, stored)
    except BadFile as error:
        raise name_file(file.path, error, hash_file(file)) from error.__cause__


def look_at(opener: Opener, layouts: Sequence[Layout], stored: Stat) -> Look:
    """Looks at what an opener gives: a file, or a member of the archive that is stored so."""
    file = opener.file
    delivered = listing.delivery_date(file.path)
    scan, hashing = scan_file(opener, layouts)
    if hashing.size != file.size:
        raise BadFile(f"the file changed while it was read; it had {file.size} bytes")
    check_fit(scan.header, scan.layout, scan.beside)
    extra = tuple(name for name in scan.header if name not in scan.layout.known)
    return Look(
        path=file.path,
        uri=file.uri,
        source=scan.layout.source,
        layout=scan.layout.name,
        table=scan.layout.table,
        sha256=hashing.sha256.hexdigest(),
        bytes=hashing.size,
        records=scan.records,
        header=scan.header,
        chunks=scan.chunks,
        parser=scan.parser,
        extra_fields=() if scan.layout.personal else extra,
        missing_fields=_missing_fields(scan),
        delivery_date=delivered,
        is_gzip=opener.is_gzip,
        blank_lines=scan.blank_lines,
        notes=(*scan.notes, *_crs_note(scan), *_near_note(_missing_fields(scan), extra)),
        crs=(scan.crs or WGS84) if scan.layout.crs else "",
        taken_as_null=scan.taken_as_null,
        dropped_fields=len(extra) if scan.layout.personal else 0,
        member=opener.member,
        stored=stored,
    )


def _crs_note(scan: Scan) -> tuple[str, ...]:
    # GeoJSON without a system is of WGS 84 by its standard: nothing need be told.
    if not scan.layout.crs or (scan.layout.format == "json" and not scan.crs):
        return ()
    return (
        (f"its positions are in {scan.crs}",)
        if scan.crs
        else ("it names no coordinate system: longitude and latitude of WGS 84 are taken",)
    )


def _near_note(missing: Collection[str], extra: Collection[str]) -> tuple[str, ...]:
    """What a field that is not read is perhaps: an optional one that the layout reads."""
    near = perhaps(missing, extra, SURE).removeprefix("; ")
    return (f"not read: {near}",) if near else ()


def _missing_fields(scan: Scan) -> tuple[str, ...]:
    """What a header could tell and does not; an empty JSON array has no header."""
    return tuple(
        field.name for field in scan.layout.fields if scan.header and field.name not in scan.header
    )


class Unchanged:
    """BadFile where the file is not what was listed, or changes within."""

    def __init__(self, file: RawFile) -> None:
        self._file = file

    def __enter__(self) -> Stat:
        self._before = files.stat_input(self._file.uri)
        if self._before.size != self._file.size:
            raise BadFile(
                f"the file changed since it was listed: {self._file.size} bytes then, "
                f"{self._before.size} now"
            )
        return self._before

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and files.stat_input(self._file.uri) != self._before:
            raise BadFile(f"the file changed while it was read; it had {self._before.size} bytes")


def stored_head(file: RawFile) -> bytes:
    """The first bytes of the file as it lies there, compressed or not."""
    with files.open_input(file.uri) as raw:
        return raw.read(kinds.HEAD_BYTES)


def name_file(path: str, error: BadFile, sha256: str) -> BadFile:
    """The same, with all that tells which file it is."""
    return BadFile(
        f"{path}: {error}", **{**error.facts, "path": path, "reason": str(error), "sha256": sha256}
    )


def hash_file(file: RawFile) -> str:
    """The hash by which a refused file is known again; empty where it cannot be read to its end."""
    try:
        return opening.of_file(file, b"", CHUNK_BYTES).hash()[0]
    except (BadFile, OSError):
        return ""
