"""How the sites of a country are drawn: one by one, or as clusters along a space-filling curve.

Whole numbers decide everything, so that a seed gives the same sample on any cluster of machines.
`n` is the number of a country's available sites, in the order of their rank along the curve.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np

RANDOM, CLUSTER, CLUSTER_EXACT = "random", "cluster", "cluster_exact"
METHODS = (RANDOM, CLUSTER, CLUSTER_EXACT)


class Stretch(NamedTuple):
    """One drawn cluster: the places from `first` to before `end` in the order of the curve."""

    cluster: int
    first: int
    end: int


class Cut(NamedTuple):
    """The clusters of a country, the drawn ones, and how likely a site was to be drawn."""

    n_clusters: int
    least_probability: float
    greatest_probability: float
    drawn: list[Stretch]


def cut(n: int, asked: int, clusters: int, exact: bool, draw: str) -> Cut:
    """Cuts `n` sites in a row into clusters, and draws `clusters` of them without replacement.

    `draw` is the text that the lots are hashed from. With `exact`, the one drawn cluster is grown
    or trimmed to `asked` sites; see `exactly`.
    """
    many = cluster_count(n, asked, clusters)
    numbers = _lots(draw, many, min(clusters, many))
    if not exact:
        share = len(numbers) / many
        return Cut(many, share, share, [Stretch(j, *bounds(n, many, j)) for j in numbers])
    windows = [exactly(n, asked, *bounds(n, many, j)) for j in range(many)]
    least, greatest = _covered(n, windows)
    return Cut(many, least, greatest, [Stretch(j, *windows[j]) for j in numbers])


def cluster_count(n: int, asked: int, clusters: int) -> int:
    """How many clusters bring their size nearest to the share of `asked` that each must give.

    The k from `clusters` to n that minimises |n / k - asked / clusters|; of two equally near ones
    the greater. Worked out in whole numbers.
    """
    below = max(1, n * clusters // asked)
    above = below + 1
    # above is as near: asked / clusters - n / above <= n / below - asked / clusters
    is_nearer = 2 * asked * below * above <= clusters * n * (below + above)
    return min(n, max(clusters, above if is_nearer else below))


def bounds(n: int, many: int, number: int) -> tuple[int, int]:
    """First place and end of one of `many` clusters; their sizes differ by one at most."""
    return number * n // many, (number + 1) * n // many


def exactly(n: int, asked: int, first: int, end: int) -> tuple[int, int]:
    """The cluster grown or trimmed to `asked` places, or to all where there are fewer.

    It grows or shrinks at both ends alike, by one more at its end where the number is odd. Where
    the curve begins or ends it grows at the other end alone.
    """
    size = min(asked, n)
    lacking = size - (end - first)
    start = first - lacking // 2 if lacking >= 0 else first + (-lacking) // 2
    start = min(max(0, start), n - size)
    return start, start + size


def _lots(draw: str, many: int, wanted: int) -> list[int]:
    """So many different numbers below `many`, in the order in which they come up.

    Each is SHA-256 of the text and a counter, modulo `many`; 256 bits make every number as likely
    as the next to within 1e-60.
    """
    found: dict[int, None] = {}
    turn = 0
    while len(found) < wanted:
        digest = hashlib.sha256(f"{draw}|{turn}".encode()).digest()
        found[int.from_bytes(digest, "big") % many] = None
        turn += 1
    return list(found)


def _covered(n: int, windows: list[tuple[int, int]]) -> tuple[float, float]:
    """The least and greatest share of the windows that hold a place."""
    steps = np.zeros(n + 1, dtype=np.int64)
    for first, end in windows:
        steps[first] += 1
        steps[end] -= 1
    counts = np.cumsum(steps)[:n]
    return int(counts.min()) / len(windows), int(counts.max()) / len(windows)
