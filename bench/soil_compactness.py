"""How compact clusters along the curve are, beside constrained k-means, which is the best that
anybody can draw, and beside sites put together by chance.

    python -m bench soil-compactness --warehouse warehouse --sites 10

Compact is a small root mean square of the sites' distances from the middle of their cluster, in
kilometres. Each country is cut into the same number of clusters, whose sizes differ by one at most.
Needs k-means-constrained, and a published warehouse of soil.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from strata.feeds.soil import draw
from strata.lake.versions import Warehouse
from strata.serve import duck
from strata.serve.published import Published

_MOST, _LEAST = 300, 30  # sites of a small country
_KM_A_DEGREE = 111.195
_TEXT = """
select r.country_code, c.country_name, s.lon_deg, s.lat_deg
from silver.soil_curve_ranks r join silver.soil_sites s using (site_id)
join silver.soil_site_countries c using (site_id)
order by r.country_code, r.curve_rank"""


def command(arguments: Sequence[str] | None = None) -> None:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m bench soil-compactness", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--warehouse", default="warehouse", help="with soil published")
    parser.add_argument("--sites", type=int, default=10, help="in a cluster (default: 10)")
    asked = parser.parse_args(arguments)
    main(asked.warehouse, asked.sites)


def main(warehouse: str, asked: int) -> None:
    """Prints each small country's three figures, and the ratios of their sums."""
    table = duck.query(Published(Warehouse(warehouse)), _TEXT).to_pylist()
    countries: dict[str, list[Any]] = {}
    for row in table:
        countries.setdefault(row["country_name"], []).append((row["lon_deg"], row["lat_deg"]))
    print(f"{'country':24} sites clusters   curve  k-means  chance   (km)")
    found = []
    for name, places in sorted(countries.items()):
        if _LEAST <= len(places) <= _MOST:
            many = draw.cluster_count(len(places), asked, 1)
            three = _figures(_plane(np.array(places)), many)
            found.append(three)
            shown = "  ".join(f"{figure:7.1f}" for figure in three)
            print(f"{name:24} {len(places):5} {many:8} {shown}")
    ratio = np.exp(np.log(np.array(found)).mean(axis=0))
    print(f"curve / k-means {ratio[0] / ratio[1]:.2f}, chance / k-means {ratio[2] / ratio[1]:.2f}"
          f" (geometric means over {len(found)} countries)")  # fmt: skip


def _plane(degrees: np.ndarray) -> np.ndarray:
    """Kilometres east and north in a plane that fits the country's middle."""
    shrink = math.cos(math.radians(float(degrees[:, 1].mean())))
    return degrees * [_KM_A_DEGREE * shrink, _KM_A_DEGREE]


def _figures(places: np.ndarray, many: int) -> tuple[float, float, float]:
    from k_means_constrained import KMeansConstrained

    size = len(places)
    row = np.repeat(
        np.arange(many), [b - a for a, b in (draw.bounds(size, many, j) for j in range(many))]
    )
    best = KMeansConstrained(
        many, size_min=size // many, size_max=-(-size // many), n_init=5, random_state=1
    ).fit_predict(places)
    chance = np.random.default_rng(1).permutation(row)
    return _spread(places, row), _spread(places, best), _spread(places, chance)


def _spread(places: np.ndarray, cluster: np.ndarray) -> float:
    squares = 0.0
    for number in np.unique(cluster):
        own = places[cluster == number]
        squares += float(((own - own.mean(axis=0)) ** 2).sum())
    return math.sqrt(squares / len(places))


if __name__ == "__main__":
    command()
