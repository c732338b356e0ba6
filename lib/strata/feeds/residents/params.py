"""What a user may ask of the residents feed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True)
class Params:
    """What a user may ask of the residents feed."""

    as_of: str = field(
        default="",
        metadata={
            "help": "date YYYY-MM-DD on which people are counted; empty: the newest in the data"
        },
    )
    suppress_below: int = field(
        default=10, metadata={"help": "smallest number of people that is published"}
    )

    round_to: int = field(
        default=1,
        metadata={
            "help": "published numbers of people are multiples of this; 5 or 10 keeps two dates "
            "from telling of single persons, 1 leaves the numbers exact"
        },
    )

    def __post_init__(self) -> None:
        try:
            is_date = not self.as_of or date.fromisoformat(self.as_of).isoformat() == self.as_of
        except ValueError:
            is_date = False
        if not is_date:
            raise ValueError(f"as-of must be a date, YYYY-MM-DD, or empty; got {self.as_of!r}")
        if not 2 <= self.suppress_below <= 1_000_000:
            raise ValueError(f"suppress-below must be in [2, 1000000]; got {self.suppress_below}")
        if self.round_to < 1 or self.suppress_below % self.round_to:
            raise ValueError(
                "round-to must be a whole number that divides suppress-below, "
                f"{self.suppress_below}; got {self.round_to}"
            )
