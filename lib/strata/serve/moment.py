"""Which publication is meant by `--at`: a number, numbers by feed, or a time."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone

from strata.errors import UsageError
from strata.ledger import publication as ledger
from strata.ledger.publication import Publication

_NUMBER = re.compile(r"[0-9]{1,9}")
_BY_FEED = re.compile(r"([a-z0-9]+)=([0-9]{1,9})")


@dataclass(frozen=True)
class Moment:
    """An older state of the warehouse; exactly one of the three is given."""

    number: int | None = None
    """A publication of each feed that is read."""
    by_feed: Mapping[str, int] = field(default_factory=dict)
    """A publication of each named feed; the others stay at their newest."""
    time: datetime | None = None
    """With its zone: each feed's newest publication that stood then."""


def parse(text: str | int | datetime | None, feed_names: Sequence[str]) -> Moment | None:
    """`3`, `soil=3,launches=1`, `2026-11-01`, `2026-11-01T12:00Z` or a datetime; None is now.

    A time without a zone is UTC. UsageError for anything else.
    """
    if text is None:
        return None
    if isinstance(text, datetime):
        return Moment(time=_with_zone(text))
    text = str(text).strip()
    if _NUMBER.fullmatch(text):
        return Moment(number=int(text))
    pairs = [_BY_FEED.fullmatch(part.strip()) for part in text.split(",")]
    if all(pairs):
        found = {pair[1]: int(pair[2]) for pair in pairs if pair}
        unknown = sorted(found.keys() - set(feed_names))
        if unknown or len(found) < len(pairs):
            raise UsageError(f"--at names each feed once, of {', '.join(feed_names)}; got {text!r}")
        return Moment(by_feed=found)
    try:
        # Python 3.10 does not read the Z.
        return Moment(time=_with_zone(datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", text))))
    except ValueError:
        raise UsageError(
            "--at is a publication's number, FEED=NUMBER, or a time such as 2026-11-01T12:00Z; "
            f"got {text!r}"
        ) from None


def choose(moment: Moment | None, feed: str, every: tuple[Publication, ...]) -> Publication | None:
    """The publication of a feed that stood at the moment; None where there was none.

    UsageError where the moment names a publication that is not there, or has ended.
    """
    wanted = None if moment is None else moment.by_feed.get(feed, moment.number)
    if wanted is not None and moment is not None:
        if moment.number is not None and wanted > len(every):
            return None
        found: Publication | None = ledger.find(every, feed, wanted)
    elif moment is not None and moment.time is not None:
        limit = moment.time
        found = ledger.newest(tuple(p for p in every if _published(p) <= limit))
    else:
        return ledger.newest(every)
    if found is not None and found.publication <= ledger.ended(every):
        if moment is not None and moment.number is not None:
            return None
        raise UsageError(
            f"a publication is read while it is kept; publication {found.publication} of {feed} "
            "has ended: `strata publications` lists those that are kept"
        )
    return found


def _published(publication: Publication) -> datetime:
    stamped = publication.published_at
    return _with_zone(stamped) if stamped else datetime.max.replace(tzinfo=timezone.utc)


def _with_zone(time: datetime) -> datetime:
    return time if time.tzinfo else time.replace(tzinfo=timezone.utc)
