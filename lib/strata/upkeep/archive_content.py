"""What an archive holds, by its log and the ledger; needs no Spark."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from strata.declare.contract import DAY, archive_name
from strata.lake.log import TableLog, statistics
from strata.lake.versions import Warehouse
from strata.ledger import publication as ledger
from strata.ledger.publication import Publication, TableState


@dataclass(frozen=True)
class Stretch:
    """One file of an archive."""

    first: str
    last: str
    rows: int
    bytes: int


@dataclass
class Moved:
    """What was done to one bronze table."""

    table: str
    days: list[date] = field(default_factory=list)
    rows: int = 0
    publication: int | None = None
    stretches: list[Stretch] = field(default_factory=list)
    """All that its archive holds now."""
    raw_bytes: float = 0.0
    """What the archived records took in raw files: their number by the mean size of a record."""

    @property
    def bytes(self) -> int:
        """Of the archive's files."""
        return sum(stretch.bytes for stretch in self.stretches)

    @property
    def ratio(self) -> float | None:
        """How many times smaller the archive is than the raw records; None while it is empty."""
        return self.raw_bytes / self.bytes if self.bytes else None

    @property
    def summary(self) -> str:
        """What was moved, in a few words, and how small the archive is."""
        moved = f"{self.table}: {self.rows:,} rows of {len(self.days)} days moved"
        if self.ratio is None:
            return moved
        return f"{moved}; the archive is {self.ratio:.2g} times smaller than the raw records"


def content(warehouse: Warehouse, every: tuple[Publication, ...], state: TableState) -> Moved:
    """What a table's archive holds, by its log and the ledger."""
    taken = ledger.files_taken(ledger.lineage(every)).values()
    own = [entry for entry in taken if entry.table == state.table]
    records = sum(entry.records for entry in own)
    mean = sum(entry.bytes for entry in own) / records if records else 0.0
    stretches = _stretches(warehouse, state)
    return Moved(state.table, stretches=stretches, raw_bytes=state.archived * mean)


def _stretches(warehouse: Warehouse, state: TableState) -> list[Stretch]:
    if state.archive_version is None:
        return []
    adds = TableLog(warehouse, archive_name(state.table)).snapshot(state.archive_version).adds
    return sorted(
        (_stretch(statistics(add), int(add["size"])) for add in adds.values()),
        key=lambda stretch: (stretch.first, stretch.last),
    )


def _stretch(told: dict[str, Any], size: int) -> Stretch:
    low, high = (told.get(key, {}).get(DAY.name, "") for key in ("minValues", "maxValues"))
    return Stretch(str(low), str(high), int(told.get("numRecords", 0)), size)
