"""What an expectation said of a candidate."""

from __future__ import annotations

from dataclasses import dataclass

from strata.declare.suite import Expectation


@dataclass(frozen=True)
class Outcome:
    """What one expectation said of one candidate."""

    expectation: Expectation
    success: bool
    unexpected: int | None = None
    """Rows that break a row or uniqueness expectation."""
    observed: str | None = None
    """What a table expectation saw; never told of a personal column."""
