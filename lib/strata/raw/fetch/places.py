"""`--from SOURCE=PLACE`: raw files that lie elsewhere than in the raw folder.

A web address is downloaded into the folder of its source. A file, a folder or an S3 address is read
where it lies, as if it lay there.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from strata.declare.feed import Feed
from strata.errors import UsageError
from strata.fs import listing
from strata.fs.listing import Ignored, RawFile

if TYPE_CHECKING:
    from strata.raw.fetch.download import Say

_WEB = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_IN_PLACE = re.compile(r"(s3[an]?|gs|abfss|dbfs|file)://", re.IGNORECASE)


@dataclass(frozen=True)
class Place:
    """Where further files of a source lie."""

    feed: str
    source: str
    where: str

    @property
    def is_web(self) -> bool:
        """Whether it is downloaded; anything else is read where it lies."""
        return bool(_WEB.match(self.where)) and not _IN_PLACE.match(self.where)


def parse(texts: Sequence[str], chosen: Sequence[Feed]) -> tuple[Place, ...]:
    """`SOURCE=PLACE` or `FEED/SOURCE=PLACE`; UsageError where a feed that runs has no such
    source."""
    return tuple(_parse(text, chosen) for text in texts)


def _parse(text: str, chosen: Sequence[Feed]) -> Place:
    name, _, where = text.partition("=")
    feed_name, slash, source = name.rpartition("/")
    feeds = [feed for feed in chosen if feed.name == feed_name] if slash else list(chosen)
    if not where or len(feeds) != 1:
        raise UsageError(
            (
                "--from is SOURCE=PLACE, or FEED/SOURCE=PLACE where several feeds run; the feeds "
                "of this run are "
            )
            + f"{', '.join(feed.name for feed in chosen)}; got {name!r}"
        )
    known = [source.name for source in feeds[0].sources]
    if source not in known:
        raise UsageError(
            f"{feeds[0].name} has the sources {', '.join(known)}; --from names {source!r}"
        )
    return Place(feeds[0].name, source, where)


def download(places: Sequence[Place], raw: str, say: Say) -> tuple[Place, ...]:
    """Downloads what lies at web addresses into the raw folder; gives the places that are read
    where they lie.
    """
    web = [place for place in places if place.is_web]
    if web:
        _download(web, raw.rstrip("/") or "/", say)
    return tuple(place for place in places if not place.is_web)


def _download(places: Sequence[Place], raw: str, say: Say) -> None:
    from strata.raw.fetch.download import STATES, Download  # What few runs need takes a while.

    with tempfile.TemporaryDirectory(prefix="strata-") as scratch:
        for place in places:
            own = Path(scratch if "://" in raw else f"{raw}/{STATES}") / place.feed / place.source
            Download(place.where, raw, place.feed, place.source, own, say).fetch()


def list_source(
    raw: str, feed: str, source: str, places: Sequence[Place]
) -> tuple[list[RawFile], list[Ignored]]:
    """What lies in the source's folder and at its further places, and what was ignored there.

    The raw folder need not exist where every file of the feed lies elsewhere.
    """
    of_feed = [place for place in places if place.feed == feed]
    found, ignored = (
        ([], []) if of_feed and not listing.is_folder(raw) else listing.list_raw(raw, feed, source)
    )
    for place in (place for place in of_feed if place.source == source):
        more, passed_over = listing.list_place(place.where)
        there = {file.uri for file in found}
        found += [file for file in more if file.uri not in there]
        ignored += passed_over
    return sorted(found), sorted(ignored)
