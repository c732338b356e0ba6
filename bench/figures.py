"""What the benchmarks tell of one way: medians over the rounds, and the machine they were taken on."""

from __future__ import annotations

import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Figure:
    """One way's medians over its rounds; of memory the most that a round took."""

    seconds: float
    """By the clock."""
    cpu: float
    """CPU seconds of all its processes."""
    gib: float
    """Of all its processes, as far as the benchmark adds them up; 0 where it does not watch it."""
    rounds: int

    @classmethod
    def of(cls, told: Sequence[Mapping[str, float]], memory: str = "gib") -> Figure:
        """Of rounds that each tell `seconds`, `cpu` and, under the name given, their memory."""
        return cls(
            statistics.median(row["seconds"] for row in told),
            statistics.median(row["cpu"] for row in told),
            max(row.get(memory, 0.0) for row in told),
            len(told),
        )


def machine() -> str:
    """The cores, memory and load of this machine, in one line."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores ({_model()}), {memory:.0f} GiB, load {os.getloadavg()[0]:.1f}"


def _model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return "unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown"
