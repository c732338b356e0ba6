"""The ledger as one process reads it: each feed's publications are read once, and read again only
after another commit.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from strata.lake.versions import Warehouse
from strata.ledger import publication as ledger
from strata.ledger.publication import Publication, TableState


@dataclass
class Book:
    """Every publication of a warehouse, feed by feed."""

    warehouse: Warehouse
    _read: dict[str, tuple[int, tuple[Publication, ...]]] = field(default_factory=dict, repr=False)
    """By feed: the version at which its ledger was read, and what it held."""

    def every(self, feed: str) -> tuple[Publication, ...]:
        """Every publication of the feed, oldest first."""
        version = ledger.version_of(self.warehouse, feed)
        held = self._read.get(feed)
        if held is not None and held[0] == version:
            return held[1]
        every = ledger.read_at(self.warehouse, feed, version)
        if version is not None:
            self._read[feed] = (version, every)
        return every

    def newest(self, feed: str) -> Publication | None:
        """What readers see of the feed; None while nothing is published."""
        return ledger.newest(self.every(feed))

    def line(self, feed: str) -> tuple[Publication, ...]:
        """The publications that the feed's newest one stands on, oldest first."""
        return ledger.lineage(self.every(feed))

    def state(self, table: str) -> TableState | None:
        """A table as its feed's newest publication shows it."""
        latest = self.newest(ledger.owner_of(table))
        return latest.state(table) if latest else None

    def publish(self, publication: Publication) -> Publication:
        """Publishes, reads back, and remembers what stands then."""
        feed = publication.feed
        before = self.every(feed)
        stands = ledger.publish(self.warehouse, publication)
        # Each commit of the ledger is one publication, and version 0 the first.
        self._read[feed] = (stands.publication - 1, (*before, stands))
        return stands
