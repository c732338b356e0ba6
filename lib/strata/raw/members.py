"""A look at what one listed file holds: itself, or the members of an archive.

Each member of an archive is looked at as if it were a file; an archive that is not sound is refused
whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from strata.declare.layout import Layout
from strata.errors import BadFile, UsageError
from strata.fs import listing
from strata.fs.files import Stat
from strata.fs.listing import Ignored, RawFile
from strata.raw.formats import archive, kinds, opening
from strata.raw.formats.archive import Archives, Damaged
from strata.raw.formats.chunks import CHUNK_BYTES
from strata.raw.formats.opening import Opener
from strata.raw.look import Look, Unchanged, hash_file, look, look_at, name_file, stored_head
from strata.raw.scanning import VECTOR


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
        if listing.is_note(file.path) and not _is_data(error):
            reason = "its name says that it is a note beside data, and no layout fits it"
            return Found(ignored=(Ignored(file.path, reason),))
        named = error if "path" in error.facts else name_file(file.path, error, hash_file(file))
        return Found(refused=((file, named),))


def _archive_kind(file: RawFile) -> str:
    """`zip`, `tar`, `tar.gz`, or empty for a file that is no archive of these."""
    head = stored_head(file)
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
    with Unchanged(file) as stored, Archives() as archives:
        for member in archive.members(file.uri, kind):
            opener = opening.of_member(archives, file, member, chunk_bytes)
            reason = listing.why_ignored(member.path)
            try:
                if reason:
                    ignored.append(Ignored(opener.file.path, reason))
                    _check_whole(opener)
                else:
                    looks.append(_look_member(opener, layouts, stored))
            except Damaged:
                raise
            except BadFile as error:
                refused.append(
                    (opener.file, name_file(opener.file.path, error, _check_whole(opener)))
                )
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


def _look_member(opener: Opener, layouts: Sequence[Layout], stored: Stat) -> Look:
    if kinds.is_archive(opener.head(), opener.file.path):
        raise Damaged(f"an archive holds no other archive; {opener.file.path} is one: unpack it")
    return look_at(opener, layouts, stored)


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
    data = [(file, error) for file, error in refused if _is_data(error)]
    places = {_place(seen.path) for seen in looks} | {_place(file.path) for file, _ in data}
    beside = [(file, error) for file, error in refused if _place(file.path) in places]
    unfit = [(file.path, error) for file, error in refused if _place(file.path) not in places]
    return beside, unfit


def _is_data(error: BadFile) -> bool:
    """Whether what was refused fits a layout up to some record."""
    return bool(error.facts.get("began")) and not error.facts.keys() & {"nearest", "kind"}


def _place(path: str) -> tuple[str, str]:
    return str(PurePosixPath(path).parent), PurePosixPath(path).suffix.lower()


def _nearest(unfit: Sequence[tuple[str, BadFile]]) -> str:
    near = [item for item in unfit if "nearest" in item[1].facts] or list(unfit)
    return f"; of {near[0][0]}, {near[0][1].reason}" if near else ""
