"""What one run on this machine counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Report:
    """What one run counted."""

    records: int = 0
    accepted: int = 0
    rejected: int = 0
    folded: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    folds: Counter[str] = field(default_factory=Counter)
    asked_twice: int = 0
    """Keys that the filter took for known."""
    were_single: int = 0
    """Records kept for their key that no other sound one had: mistakes of the filter, and records
    whose twin was rejected."""
    seconds: float = 0.0

    def counts(self) -> dict[str, Any]:
        """Everything, as JSON holds it."""
        rate = self.records / self.seconds if self.seconds else 0.0
        return {
            "records": self.records,
            "accepted": self.accepted,
            "rejected": self.rejected,
            "folded": self.folded,
            "reasons": dict(sorted(self.reasons.items())),
            "folds": dict(sorted(self.folds.items())),
            "filter_positives": self.asked_twice,
            "filter_false_positives": self.were_single,
            "seconds": round(self.seconds, 3),
            "records_per_second": round(rate),
        }

    def fold(self, reason: str, count: int) -> None:
        """Counts records that add nothing."""
        if count:
            self.folded += count
            self.folds[reason] += count
