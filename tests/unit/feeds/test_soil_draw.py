"""How sites are drawn, in whole numbers: against brute force, and over many seeds."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import pytest
from strata.feeds.soil import draw

# n, asked, clusters
SIZES = [
    (n, asked, clusters)
    for n in (1, 2, 3, 7, 10, 23, 40, 100)
    for asked in (1, 2, 3, 5, 10, 30, 99)
    for clusters in (1, 2, 5)
    if clusters <= asked
]


@pytest.mark.parametrize(("n", "asked", "clusters"), SIZES)
def test_the_number_of_clusters_is_the_nearest(n: int, asked: int, clusters: int) -> None:
    def miss(k: int) -> Fraction:
        return abs(Fraction(n, k) - Fraction(asked, clusters))

    possible = range(min(n, clusters), n + 1)
    assert draw.cluster_count(n, asked, clusters) == max(
        k for k in possible if miss(k) == min(map(miss, possible))
    )


@pytest.mark.parametrize(("n", "many"), [(1, 1), (10, 3), (10, 10), (23, 4), (100, 7)])
def test_clusters_share_the_row_and_differ_by_one_at_most(n: int, many: int) -> None:
    ends = [draw.bounds(n, many, j) for j in range(many)]
    assert [place for first, end in ends for place in range(first, end)] == list(range(n))
    sizes = {end - first for first, end in ends}
    assert max(sizes) - min(sizes) <= 1


EXACTLY = {
    "trimmed at both ends": ((20, 4, 5, 12), (6, 10)),
    "trimmed by one: the end goes": ((20, 6, 5, 12), (5, 11)),
    "grown at both ends": ((20, 6, 8, 12), (7, 13)),
    "grown by one: the end comes": ((20, 5, 8, 12), (8, 13)),
    "grown at the row's beginning": ((20, 8, 0, 4), (0, 8)),
    "grown at the row's end": ((20, 8, 16, 20), (12, 20)),
    "all there are": ((5, 30, 0, 5), (0, 5)),
}


@pytest.mark.parametrize(("given", "window"), EXACTLY.values(), ids=list(EXACTLY))
def test_a_cluster_is_grown_or_trimmed_to_the_number_asked(
    given: tuple[int, int, int, int], window: tuple[int, int]
) -> None:
    assert draw.exactly(*given) == window


@pytest.mark.parametrize(
    ("n", "asked", "clusters", "exact"),
    [(40, 10, 1, False), (41, 10, 2, False), (43, 10, 1, True), (7, 5, 1, True)],
)
def test_sites_are_drawn_as_often_as_their_probability_says(
    n: int, asked: int, clusters: int, exact: bool
) -> None:
    seeds = 4_000
    drawn: Counter[int] = Counter()
    for seed in range(seeds):
        cut = draw.cut(n, asked, clusters, exact, f"{seed}|BE")
        places = [p for one in cut.drawn for p in range(one.first, one.end)]
        assert len(places) == len(set(places))
        assert not exact or len(places) == min(asked, n)
        drawn.update(places)
    shares = [drawn[place] / seeds for place in range(n)]
    # Four standard errors of a share of 4,000 draws are at most 0.032.
    assert cut.least_probability == pytest.approx(min(shares), abs=0.032)
    assert cut.greatest_probability == pytest.approx(max(shares), abs=0.032)
    if not exact:
        assert cut.least_probability == cut.greatest_probability


def test_the_same_text_draws_the_same_and_another_draws_others() -> None:
    first = [draw.cut(1000, 10, 5, False, f"{seed}|BE").drawn for seed in range(20)]
    again = [draw.cut(1000, 10, 5, False, f"{seed}|BE").drawn for seed in range(20)]
    assert first == again
    assert len({tuple(drawn) for drawn in first}) == 20
