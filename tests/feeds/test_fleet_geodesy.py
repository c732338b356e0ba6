"""Geodesics: published reference cases, and an independent implementation, where formulas break."""

from __future__ import annotations

from random import Random

import pandas as pd
import pytest
from geographiclib.geodesic import Geodesic
from strata.feeds.fleet.geodesy import lines

Ends = tuple[float, float, float, float]  # lon, lat, to_lon, to_lat


def measured(*ends: Ends) -> list[tuple[float, float]]:
    columns = [pd.Series(part, dtype="float64") for part in zip(*ends, strict=True)]
    found = lines(*columns)
    return list(zip(found["distance_m"].tolist(), found["bearing_deg"].tolist(), strict=True))


# C. F. F. Karney, Algorithms for geodesics (2013), tables 3 to 5, and GeographicLib's manual.
PUBLISHED = [
    ((-73.8, 40.6, -0.5, 51.6), 5_551_759.400, 51.198882845579),
    ((0.0, -30.12345, 0.00005, -30.12344), 4.944208, 77.04353354237),
    ((0.0, -30.0, 179.8, 29.9), 19_989_832.827610, 161.890524736),
]


@pytest.mark.parametrize(("ends", "metres", "bearing"), PUBLISHED)
def test_published_lines_are_found(ends: Ends, metres: float, bearing: float) -> None:
    [(found, first)] = measured(ends)
    assert found == pytest.approx(metres, abs=1e-3)
    assert first == pytest.approx(bearing, abs=1e-8)


def edges() -> list[Ends]:
    """Short and long lines, at poles, over the antimeridian, along the equator and nearly
    antipodal."""
    chance = Random(5)
    found: list[Ends] = []
    for _ in range(200):
        lon, lat = chance.uniform(-180, 180), chance.uniform(-90, 90)
        near = chance.choice((1e-7, 1e-5, 1e-3, 0.1))
        found += [
            (lon, lat, lon + chance.uniform(-near, near), lat * (1 - near)),
            (lon, lat, chance.uniform(-180, 180), chance.uniform(-90, 90)),
            (lon, 90 - near, chance.uniform(-180, 180), 90 - near * chance.random()),
            (180 - near, lat, near - 180, lat),
            (lon, 0.0, lon + chance.uniform(0, 180), 0.0),
            (lon, lat, lon + 180 - near * chance.random(), -lat + near * chance.random()),
        ]
    return found


def test_lines_are_those_of_geographiclib_to_a_micrometre() -> None:
    ends = [(a, b, (c + 180) % 360 - 180, max(-90.0, min(90.0, d))) for a, b, c, d in edges()]
    wrong = []
    for (lon, lat, to_lon, to_lat), (metres, bearing) in zip(ends, measured(*ends), strict=True):
        told = Geodesic.WGS84.Inverse(lat, lon, to_lat, to_lon)
        off = abs((bearing - told["azi1"] + 180) % 360 - 180)
        # A bearing is as sure as the place that a micrometre leaves open at that distance; nearly
        # antipodal lines turn about much more than their length says.
        if abs(metres - told["s12"]) > 1e-6 or off > 1e-6 + 1e-4 / max(told["s12"], 1e-6):
            wrong.append((lon, lat, to_lon, to_lat, metres, told["s12"], bearing, told["azi1"]))
    assert wrong == []


def test_a_missing_end_gives_no_line_and_no_length_no_bearing() -> None:
    nan = float("nan")
    found = measured((nan, 1.0, 2.0, 3.0), (1.0, 1.0, nan, 3.0), (4.0, 5.0, 4.0, 5.0))
    assert [tuple(None if v != v else v for v in line) for line in found] == [
        (None, None),
        (None, None),
        (0.0, None),
    ]
