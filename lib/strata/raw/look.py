"""A streaming look at a raw file before Spark sees it, in plain Python.

It reads the file once (twice where quotes stand inside unquoted fields, or where a source has
layouts of one format with different options) and notes its hash, kind, layout and exact number of
records, and where the file can be cut between records. It refuses, with BadFile, what cannot be
read safely: executors then read exactly what was counted, or the run stops.

Each member of an archive is looked at as if it were a file; an archive that is not sound is refused
whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import PurePosixPath

from strata.declare.layout import Layout
from strata.errors import BadFile, UsageError
from strata.fs import files
from strata.fs.files import Ignored, RawFile
from strata.raw.fit import check_fit
from strata.raw.formats import (
    archive,
    csv,
    flatgeobuf,
    geojson,
    json_records,
    kinds,
    opening,
    overpass,
    vector,
)
from strata.raw.formats.archive import Archives, Damaged, Member
from strata.raw.formats.chunks import CHUNK_BYTES, Chunk, Scan
from strata.raw.formats.opening import Hashing, Opener

VECTOR = "vector"
"""The format of a layout of features: FlatGeobuf, GeoPackage, Shapefile, GeoJSON, GeoParquet, KML.
"""

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
    is_gzip: bool = False
    blank_lines: int = 0
    notes: tuple[str, ...] = ()
    crs: str = ""  # the coordinate system of its positions, where the layout asks for it
    member: Member | None = None  # where it lies in the archive at `uri`
    stored_bytes: int = 0  # of the file at `uri`: the archive's, for a member
    dropped_fields: int = 0  # of a personal source: in the header, but not named by the layout


@dataclass(frozen=True)
class Found:
    """What one listed file holds: itself, or the members of an archive."""

    looks: tuple[Look, ...] = ()
    refused: tuple[tuple[RawFile, BadFile], ...] = ()
    ignored: tuple[Ignored, ...] = ()


def look_all(file: RawFile, layouts: Sequence[Layout], chunk_bytes: int = CHUNK_BYTES) -> Found:
    """Looks at a file, or at every member of an archive, of a source that has these layouts;
    BadFile is kept, not raised.
    """
    try:
        kind = _archive_kind(file)
        if kind and not (kind == "zip" and _is_shapefile(file, layouts)):
            return _look_inside(file, kind, layouts, chunk_bytes)
        return Found(looks=(look(file, layouts, chunk_bytes),))
    except BadFile as error:
        return Found(
            refused=(
                (
                    file,
                    error if "path" in error.facts else _told(file.path, error, _hash_file(file)),
                ),
            )
        )


def look(file: RawFile, layouts: Sequence[Layout], chunk_bytes: int = CHUNK_BYTES) -> Look:
    """Looks at a file of a source that has these layouts.

    BadFile, with the file's path and the reason, where it cannot be read safely.
    """
    if not layouts:
        raise UsageError(f"a source has at least one layout; {file.path} has none to be read by")
    try:
        with _Unchanged(file):
            return _look_at(
                opening.of_file(file, _stored_head(file), chunk_bytes), layouts, file.size
            )
    except BadFile as error:
        raise _told(file.path, error, _hash_file(file)) from error.__cause__


def _look_at(opener: Opener, layouts: Sequence[Layout], stored_bytes: int) -> Look:
    file = opener.file
    delivered = files.delivery_date(file.path)
    scan, hashing = _scan(opener, layouts)
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
        notes=(*scan.notes, *_crs_note(scan)),
        crs=(scan.crs or WGS84) if scan.layout.crs else "",
        dropped_fields=len(extra) if scan.layout.personal else 0,
        member=opener.member,
        stored_bytes=stored_bytes,
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


def _missing_fields(scan: Scan) -> tuple[str, ...]:
    """What a header could tell and does not; an empty JSON array has no header."""
    return tuple(
        field.name for field in scan.layout.fields if scan.header and field.name not in scan.header
    )


class _Unchanged:
    """BadFile where the file is not what was listed, or changes within."""

    def __init__(self, file: RawFile) -> None:
        self._file = file

    def __enter__(self) -> None:
        self._before = files.stat_input(self._file.uri)
        if self._before.size != self._file.size:
            raise BadFile(
                f"the file changed since it was listed: {self._file.size} bytes then, "
                f"{self._before.size} now"
            )

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and files.stat_input(self._file.uri) != self._before:
            raise BadFile(f"the file changed while it was read; it had {self._before.size} bytes")


def _stored_head(file: RawFile) -> bytes:
    with files.open_input(file.uri) as raw:
        return raw.read(kinds.HEAD_BYTES)


def _told(path: str, error: BadFile, sha256: str) -> BadFile:
    """The same, with all that tells which file it is."""
    return BadFile(
        f"{path}: {error}", **{**error.facts, "path": path, "reason": str(error), "sha256": sha256}
    )


def _hash_file(file: RawFile) -> str:
    """The hash by which a refused file is known again; empty where it cannot be read to its end."""
    try:
        return opening.of_file(file, b"", CHUNK_BYTES).hash()[0]
    except (BadFile, OSError):
        return ""


# --- archives ---------------------------------------------------------------------------------


def _archive_kind(file: RawFile) -> str:
    """`zip`, `tar`, `tar.gz`, or empty for a file that is no archive of these."""
    head = _stored_head(file)
    if kinds.is_gzip(head):
        try:
            head = opening.of_file(file, head, CHUNK_BYTES).head()
        except BadFile:
            return ""  # the look tells what is wrong with it
        return "tar.gz" if kinds.kind_of(head) == kinds.TAR else ""
    return {kinds.ZIP: "zip", kinds.TAR: "tar"}.get(kinds.kind_of(head, file.path), "")


def _is_shapefile(file: RawFile, layouts: Sequence[Layout]) -> bool:
    """Whether a zip is one Shapefile, whose parts are one file of features."""
    if not any(layout.format == VECTOR for layout in layouts):
        return False
    return any(member.path.lower().endswith(".shp") for member in archive.members(file.uri, "zip"))


def _look_inside(file: RawFile, kind: str, layouts: Sequence[Layout], chunk_bytes: int) -> Found:
    """Members that fit a layout are taken; the others are ignored, or refused where they should
    have fitted.
    """
    if not layouts:
        raise UsageError(f"a source has at least one layout; {file.path} has none to be read by")
    looks: list[Look] = []
    refused: list[tuple[RawFile, BadFile]] = []
    ignored: list[Ignored] = []
    with _Unchanged(file), Archives() as archives:
        for member in archive.members(file.uri, kind):
            opener = opening.of_member(archives, file, member, chunk_bytes)
            reason = files.why_ignored(member.path)
            try:
                if reason:
                    ignored.append(Ignored(opener.file.path, reason))
                    _check_whole(opener)
                else:
                    looks.append(_look_member(opener, layouts, file.size))
            except Damaged:
                raise
            except BadFile as error:
                refused.append((opener.file, _told(opener.file.path, error, _check_whole(opener))))
    looked = len(refused) + len(looks)
    refused, unfit = _sort_out(looks, refused)
    if not looks and not refused:
        raise BadFile(
            f"some member of an archive must fit a layout; none of the {looked} does"
            + _nearest(unfit),
            members=looked,
        )
    ignored += [Ignored(path, error.facts["reason"]) for path, error in unfit]
    return Found(tuple(looks), tuple(refused), tuple(sorted(ignored)))


def _look_member(opener: Opener, layouts: Sequence[Layout], stored_bytes: int) -> Look:
    if kinds.is_archive(opener.head(), opener.file.path):
        raise Damaged(f"an archive holds no other archive; {opener.file.path} is one: unpack it")
    return _look_at(opener, layouts, stored_bytes)


def _check_whole(opener: Opener) -> str:
    """Reads a member that is not taken to its end, for damage anywhere spoils the archive; tells
    its hash.
    """
    assert opener.member, "only members come here"
    sha256, size = opener.hash()
    archive.check_read(size, opener.member)
    return sha256


def _sort_out(
    looks: Sequence[Look], refused: Sequence[tuple[RawFile, BadFile]]
) -> tuple[list[tuple[RawFile, BadFile]], list[tuple[str, BadFile]]]:
    """Which members are data that cannot be read, and which were never meant as such: licences,
    guides, lists.

    Data are what fits a layout up to some record, and what lies in one folder with data under the
    same ending.
    """
    data = [
        (file, error)
        for file, error in refused
        if error.facts.get("began") and not error.facts.keys() & {"nearest", "kind"}
    ]
    places = {_place(seen.path) for seen in looks} | {_place(file.path) for file, _ in data}
    beside = [(file, error) for file, error in refused if _place(file.path) in places]
    unfit = [(file.path, error) for file, error in refused if _place(file.path) not in places]
    return beside, unfit


def _place(path: str) -> tuple[str, str]:
    return str(PurePosixPath(path).parent), PurePosixPath(path).suffix.lower()


def _nearest(unfit: Sequence[tuple[str, BadFile]]) -> str:
    told = [item for item in unfit if "nearest" in item[1].facts] or list(unfit)
    return f"; of {told[0][0]}, {told[0][1].reason}" if told else ""


# --- one file ---------------------------------------------------------------------------------


def _scan(opener: Opener, layouts: Sequence[Layout]) -> tuple[Scan, Hashing]:
    if opener.file.path.lower().endswith(".gz") and not opener.is_gzip:
        raise BadFile("a file named .gz is gzip; this one is not")
    head = opener.head()
    format_ = _format(head, opener.file.path, layouts)
    if format_ in vector.KINDS:
        return _scan_vector(opener, _of(layouts, VECTOR), format_)
    if format_ == "csv":
        return _scan_as_csv(opener, _of(layouts, "csv"), head)
    if format_ == "overpass":
        return opener.scan(partial(overpass.scan, layouts=_of(layouts, "overpass")))
    if format_ == "flatgeobuf":
        of_features = _of(layouts, "flatgeobuf", VECTOR)
        return opener.scan(partial(flatgeobuf.scan, layouts=of_features), is_text=False)
    plain, features = _of(layouts, "json"), _of(layouts, VECTOR)
    scan, hashing = _scan_json(opener, [*plain, *geojson.as_json(features)])
    if scan.layout.name in {layout.name for layout in features}:
        scan = replace(scan, parser=geojson.PARSER + scan.parser)
    return scan, hashing


def _of(layouts: Sequence[Layout], *formats: str) -> list[Layout]:
    return [layout for layout in layouts if layout.format in formats]


# What each kind of file of features is, by its first bytes.
_FEATURES = {
    kinds.GEOPACKAGE: vector.GEOPACKAGE,
    kinds.KML: vector.KML,
    kinds.PARQUET: vector.GEOPARQUET,
    kinds.ZIP: vector.SHAPEFILE,
    "flatgeobuf": "flatgeobuf",
    "json": "json",
}
_WORDS = {VECTOR: "features (FlatGeobuf, GeoPackage, Shapefile, GeoJSON, GeoParquet, KML)"}


def _format(head: bytes, name: str, layouts: Sequence[Layout]) -> str:
    """The format by the first bytes, whatever the name says; it must be one of the layouts'."""
    if not head:
        raise BadFile("the file is empty: not even a header")
    known = {layout.format for layout in layouts}
    kind = kinds.kind_of(head, name)
    if kind == "json" and "overpass" in known and overpass.is_answer(head):
        return "overpass"
    if kind in ("flatgeobuf", "json") and kind in known:
        return kind
    if VECTOR in known and kind in _FEATURES:
        return _FEATURES[kind]
    if kind in ("text", "json") and "csv" in known:
        return "csv"
    is_blank = not head.removeprefix(kinds.BOM).strip()
    if (kind == "json" or is_blank) and "json" in known:
        return "json"
    wanted = " or ".join(sorted(_WORDS.get(format_, format_) for format_ in known))
    if kind == "text":
        kind = "text that is not JSON"
    raise BadFile(f"a file of this source is {wanted}; this one is {kind}", kind=kind)


def _scan_vector(opener: Opener, layouts: Sequence[Layout], kind: str) -> tuple[Scan, Hashing]:
    # Features of what is compressed, or is text, are not found in the middle of it.
    is_whole = opener.is_gzip or opener.member or kind == vector.KML
    share = 1 << 62 if is_whole else opener.chunk_bytes
    return opener.scan(
        lambda blocks, _, planner: vector.scan(blocks, kind, layouts, share), is_text=False
    )


def _scan_as_csv(opener: Opener, layouts: Sequence[Layout], head: bytes) -> tuple[Scan, Hashing]:
    try:
        return _scan_csv(opener, layouts)
    except BadFile as error:
        if kinds.kind_of(head) == "json":
            raise BadFile(
                f"{error}; it looks like JSON, for which this source has no layout", **error.facts
            ) from None
        raise


def _scan_csv(opener: Opener, layouts: Sequence[Layout]) -> tuple[Scan, Hashing]:
    try:
        return opener.scan(lambda blocks, base, planner: csv.scan(blocks, base, layouts, planner))
    except csv.StrayQuote:
        return opener.scan(
            lambda blocks, base, planner: csv.scan(blocks, base, layouts, planner, csv.PYTHON)
        )


def _scan_json(opener: Opener, layouts: Sequence[Layout]) -> tuple[Scan, Hashing]:
    """Layouts that seek their records at a path come first: without one, any object is a record."""
    refusals: list[BadFile] = []
    for path in sorted({layout.options.get("records", "") for layout in layouts}, reverse=True):
        group = [layout for layout in layouts if layout.options.get("records", "") == path]
        try:
            return opener.scan(partial(json_records.scan, layouts=group, path=path))
        except Damaged:
            raise
        except BadFile as error:
            refusals.append(error)
    # What knows a layout that is near says more than what finds no record at all.
    near = [error for error in refusals if "nearest" in error.facts]
    refusals = near or refusals
    if len(refusals) == 1:
        raise refusals[0]
    began = any(error.facts.get("began") for error in refusals)
    raise BadFile("; or ".join(str(error) for error in refusals), refusals=refusals, began=began)
