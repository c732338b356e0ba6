"""What a user may ask of the soil feed."""

from __future__ import annotations

from dataclasses import dataclass, field

from strata.feeds.soil import draw
from strata.feeds.soil.draw import METHODS

# Depth rules, and the interval in centimetres of which each takes the layers; None takes all of
# them.
DEPTHS: dict[str, tuple[float, float] | None] = {"all": None, "0-30": (0.0, 30.0)}


@dataclass(frozen=True)
class Params:
    """What a user may ask of the soil feed."""

    samples: int = field(default=30, metadata={"help": "sites to draw in each country"})
    seed: int = field(default=7, metadata={"help": "seed of the draw"})
    method: str = field(
        default="random", metadata={"help": "how sites are drawn", "choices": METHODS}
    )
    depth: str = field(
        default="all", metadata={"help": "which depths count, in cm", "choices": tuple(DEPTHS)}
    )
    clusters: int = field(
        default=1,
        metadata={"help": "clusters to draw in each country, which share the sites; for cluster"},
    )

    def __post_init__(self) -> None:
        if not 1 <= self.samples <= 2**31 - 1:
            raise ValueError(f"samples must be in [1, 2147483647]; got {self.samples}")
        if not -(2**63) <= self.seed < 2**63:
            raise ValueError(f"seed must fit in 64 bits; got {self.seed}")
        if self.method not in METHODS:
            raise ValueError(f"method must be one of {', '.join(METHODS)}; got {self.method!r}")
        if self.depth not in DEPTHS:
            raise ValueError(f"depth must be one of {', '.join(DEPTHS)}; got {self.depth!r}")
        most = min(self.samples, 1000) if self.method == draw.CLUSTER else 1
        if not 1 <= self.clusters <= most:
            raise ValueError(
                f"clusters must be in [1, {most}] for method {self.method} and samples "
                f"{self.samples}; got {self.clusters}"
            )
