"""Which of several sound records of one vehicle and instant stands: the order of the batch path.

The newest delivery counts. Of its records equal ones are one, the least by file and record number;
records that differ are all rejected. The words are those of `strata.kit.history`, which needs
Spark; a test holds them together.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from strata.light.fixes import Fix

SUPERSEDED = "superseded by a later delivery"
REPEATED = "same as another record"
CONFLICT = (
    "the records of its vehicle and instant differ, and no order is stated: "
    "put each delivery in a folder delivery=YYYY-MM-DD"
)
UNDATED = dt.date.min
"""The delivery of a file that tells none: before all others."""


class Told(NamedTuple):
    """A sound record, and where it stands."""

    delivered_on: dt.date
    sha256: str
    number: int
    fix: Fix


@dataclass(frozen=True)
class Settled:
    """What became of the records of one vehicle and instant."""

    stands: Told | None
    versions: int
    """How many different things were said."""
    superseded: tuple[Told, ...]
    repeated: tuple[Told, ...]
    in_conflict: tuple[Told, ...]


def settle(records: Sequence[Told]) -> Settled:
    """Settles the records of one vehicle and instant, in whatever order they came."""
    newest = max(record.delivered_on for record in records)
    latest = sorted(record for record in records if record.delivered_on == newest)
    old = tuple(record for record in records if record.delivered_on != newest)
    versions = len({record.fix.content for record in records})
    if any(record.fix.content != latest[0].fix.content for record in latest):
        return Settled(None, versions, old, (), tuple(latest))
    return Settled(latest[0], versions, old, tuple(latest[1:]), ())
