"""The soil feed's answers, worked out again without Spark, Sedona or any code of the library.

Reads the raw files with `csv` and `json`; positions by pyproj, polygons by shapely, distances by
GeographicLib (in pyproj), statistics by `fractions` and scipy. Countries are known by name here, so
that no table of codes is shared.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
from collections import defaultdict
from fractions import Fraction
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import pyproj
import s2sphere
import shapely
from scipy import stats
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

TOUCH_DEG = 1e-9
COAST_M = 5000.0
GEOD = pyproj.Geod(ellps="WGS84")


class Layer(NamedTuple):
    """One value of one property at one depth; depths are None where they are not told."""

    site_id: str
    property: str
    upper: float | None
    lower: float | None
    value: float


class Found(NamedTuple):
    """The country of a position, and how it was found."""

    country: str | None
    rule: str
    distance_m: float | None


# --- what the files tell -------------------------------------------------------------------------


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def position(lon: float, lat: float) -> tuple[float, float]:
    return float(f"{lon:.7f}"), float(f"{lat:.7f}")


@cache
def to_wgs84(epsg: str) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(f"EPSG:{epsg}", "EPSG:4326", always_xy=True)


def limesoda_position(record: dict[str, str]) -> tuple[float, float]:
    return position(*to_wgs84(record["epsg"]).transform(float(record["x"]), float(record["y"])))


def limesoda_id(record: dict[str, str]) -> str:
    return "at:{:.7f},{:.7f}".format(*limesoda_position(record))


def read_sites(samples: Path) -> dict[str, tuple[float, float]]:
    """Position of each site by its id."""
    isis = read_csv(samples / "isis_europe_sites.csv")
    sites = {
        f"isis:{r['SOURCEID']}": position(float(r["LONWGS84"]), float(r["LATWGS84"])) for r in isis
    }
    limesoda = read_csv(samples / "limesoda_europe_soc_clay.csv")
    return sites | {limesoda_id(r): limesoda_position(r) for r in limesoda}


def read_layers(samples: Path) -> list[Layer]:
    """Every value that the rules let through; equal records once."""
    found: dict[tuple[object, ...], Layer] = {}
    for record in read_csv(samples / "isis_europe_horizons.csv"):
        upper, lower = (
            float(record[name]) if record[name] else None for name in ("UHDICM", "LHDICM")
        )
        if upper is not None and lower is not None and not 0 <= upper < lower:
            continue
        site = f"isis:{record['SOURCEID']}"
        if record["ORCDRC"]:
            layer = Layer(site, "soc", upper, lower, float(record["ORCDRC"]) / 10)
            found[layer] = layer
        if record["CLYPPT"]:
            layer = Layer(site, "clay", upper, lower, float(record["CLYPPT"]) / 100)
            found[layer] = layer
    for record in read_csv(samples / "limesoda_europe_soc_clay.csv"):
        for name, field, divisor in (("soc", "SOC_target", 1), ("clay", "Clay_target", 100)):
            layer = Layer(limesoda_id(record), name, None, None, float(record[field]) / divisor)
            found[(record["dataset"], layer)] = layer
    return list(found.values())


# --- countries -----------------------------------------------------------------------------------


@cache
def read_countries(boundaries: Path) -> dict[str, BaseGeometry]:
    features = json.loads(boundaries.read_text(encoding="utf-8"))["features"]
    return {f["properties"]["name"]: shapely.make_valid(shape(f["geometry"])) for f in features}


def find_country(
    lon: float, lat: float, countries: dict[str, BaseGeometry], key: dict[str, str] | None = None
) -> Found:
    """By brute force over whole polygons; `key` gives the order among several holders (default:
    their names).
    """
    turns = [lon] + ([lon - 360 if lon > 0 else lon + 360] if abs(lon) > 179 else [])
    boxes = [
        shapely.box(x - TOUCH_DEG, lat - TOUCH_DEG, x + TOUCH_DEG, lat + TOUCH_DEG) for x in turns
    ]
    order = (key or {}).get
    holders = sorted(
        (name for name, area in countries.items() if any(area.intersects(b) for b in boxes)),
        key=lambda n: order(n, n),
    )
    if holders:
        return Found(holders[0], "inside" if len(holders) == 1 else "border", None)
    near = [
        (round(distance, 3), order(name, name), name)
        for name, area in countries.items()
        for x in turns
        if (distance := distance_m(x, lat, area)) is not None and round(distance, 3) <= COAST_M
    ]
    if not near:
        return Found(None, "none", None)
    distance, _, name = min(near)
    return Found(name, "coast", distance)


def distance_m(lon: float, lat: float, area: BaseGeometry) -> float | None:
    """Geodesic distance to an area that does not hold the point; None when it is surely beyond the
    coast's reach.

    Every edge nearby is cut into steps of about a metre, and the least geodesic distance to a step
    is taken.
    """
    reach_lat = 0.05
    reach_lon = min(
        180.0, reach_lat / max(math.cos(math.radians(min(89.9, abs(lat) + reach_lat))), 1e-3)
    )
    nearby = shapely.box(lon - reach_lon, lat - reach_lat, lon + reach_lon, lat + reach_lat)
    edges = shapely.intersection(shapely.boundary(area), nearby)
    if edges.is_empty:
        return None
    # The nearest place in a plane of the right proportions is near enough to search around it step
    # by step.
    shrink = math.cos(math.radians(lat))
    scaled = shapely.transform(edges, lambda xy: xy * [shrink, 1.0])
    point = shapely.Point(lon * shrink, lat)
    rough = shapely.distance(point, scaled)
    around = shapely.intersection(
        shapely.segmentize(scaled, 1e-5), shapely.buffer(point, rough * 1.01 + 1e-6)
    )
    places = shapely.get_coordinates(around) / [shrink, 1.0]
    return min(GEOD.inv(lon, lat, x, y)[2] for x, y in places)


# --- statistics ----------------------------------------------------------------------------------


def site_value(layers: list[Layer], depth: str) -> Fraction | None:
    """Thickness-weighted mean of the layers of one property of one site, exactly."""
    replicates: dict[tuple[float | None, float | None], list[Fraction]] = defaultdict(list)
    for layer in layers:
        replicates[layer.upper, layer.lower].append(Fraction(layer.value))
    weighed = []
    for (upper, lower), values in replicates.items():
        mean = sum(values) / len(values)
        if upper is None or lower is None:
            weighed.append((None, mean))
        elif depth == "all":
            weighed.append((Fraction(lower) - Fraction(upper), mean))
        else:
            top, bottom = (Fraction(edge) for edge in depth.split("-"))
            weighed.append((min(Fraction(lower), bottom) - max(Fraction(upper), top), mean))
    if depth != "all":
        weighed = [(weight, mean) for weight, mean in weighed if weight is not None and weight > 0]
    elif any(weight is None for weight, _ in weighed):
        weighed = [(Fraction(1), mean) for _, mean in weighed]
    if not weighed:
        return None
    return sum(w * m for w, m in weighed) / sum(w for w, _ in weighed)


def lot(seed: int, site_id: str) -> tuple[str, str]:
    return hashlib.sha256(f"{seed}|{site_id}".encode()).hexdigest(), site_id


def country_stats(
    site_country: dict[str, str | None], layers: list[Layer], asked: int, seed: int, depth: str
) -> dict[str, dict[str, float | int | None]]:
    """The figures of each country that has a site, by its name."""
    value = values_by_site(layers, depth)
    countries = sorted({name for name in site_country.values() if name is not None})
    return {
        name: _figures(
            [site for site, country in site_country.items() if country == name], asked, seed, value
        )
        for name in countries
    }


def values_by_site(layers: list[Layer], depth: str):  # type: ignore[no-untyped-def]
    """A function of a site and a property to its value, or None."""
    by_site: dict[tuple[str, str], list[Layer]] = defaultdict(list)
    for layer in layers:
        by_site[layer.site_id, layer.property].append(layer)
    return partial(_value, by_site, depth)


def _value(
    by_site: dict[tuple[str, str], list[Layer]], depth: str, site: str, name: str
) -> Fraction | None:
    return site_value(by_site.get((site, name), []), depth)


def _figures(sites: list[str], asked: int, seed: int, value) -> dict[str, float | int | None]:  # type: ignore[no-untyped-def]
    available = sorted(
        (site for site in sites if value(site, "soc") is not None), key=partial(lot, seed)
    )
    drawn = available[:asked]
    soc = [value(site, "soc") for site in drawn]
    clay = [c for c in (value(site, "clay") for site in drawn) if c is not None]
    mean = sum(soc) / len(soc) if soc else None
    variance = sum((v - mean) ** 2 for v in soc) / (len(soc) - 1) if len(soc) > 1 else None
    half = None
    if variance is not None:
        correction = 1 - Fraction(len(drawn), len(available))
        half = float(stats.t.ppf(0.975, len(soc) - 1)) * math.sqrt(variance / len(soc) * correction)
    return {
        "sites": len(sites),
        "n_available": len(available),
        "n_drawn": len(drawn),
        "soc_mean_pct": None if mean is None else float(mean),
        "soc_variance_pct2": None if variance is None else float(variance),
        "soc_ci95_lower_pct": None if half is None else float(mean) - half,
        "soc_ci95_upper_pct": None if half is None else float(mean) + half,
        "n_clay": len(clay),
        "clay_mean_fraction": float(sum(clay) / len(clay)) if clay else None,
    }


# --- clusters ------------------------------------------------------------------------------------


def curve_place(lon: float, lat: float) -> int:
    """The S2 cell of level 30, unsigned, by another library."""
    return int(s2sphere.CellId.from_lat_lng(s2sphere.LatLng.from_degrees(lat, lon)).id())


class Clusters(NamedTuple):
    """What a draw of clusters must give for one country."""

    n_clusters: int
    sites: list[list[str]]
    probabilities: set[Fraction]


def draw_clusters(
    row: list[str], asked: int, wanted: int, exact: bool, seed: int, country_code: str
) -> Clusters:
    """`row` holds the available sites in the order of the curve."""
    n = len(row)
    many = max(
        range(min(n, wanted), n + 1),
        key=lambda k: (-abs(Fraction(n, k) - Fraction(asked, wanted)), k),
    )
    windows = [(j * n // many, (j + 1) * n // many) for j in range(many)]
    if exact:
        windows = [grow_or_trim(n, asked, *window) for window in windows]
    lots: list[int] = []
    turn = 0
    while len(lots) < min(wanted, many):
        text = f"{seed}|{country_code}|{turn}"
        lot_ = int(hashlib.sha256(text.encode()).hexdigest(), 16) % many
        lots += [lot_] if lot_ not in lots else []
        turn += 1
    held = [sum(first <= place < end for first, end in windows) for place in range(n)]
    return Clusters(
        many,
        [row[slice(*windows[j])] for j in lots],
        {Fraction(h * min(wanted, many), many) for h in held},
    )


def grow_or_trim(n: int, asked: int, first: int, end: int) -> tuple[int, int]:
    """Step by step: the end, then the beginning, and so on; whichever side has room."""
    at_end = True
    while end - first != min(asked, n):
        step = 1 if end - first < asked else -1
        if step > 0 and (end == n or (first > 0 and not at_end)):
            first -= 1
        elif step > 0 or at_end:
            end += step
        else:
            first += 1
        at_end = not at_end
    return first, end


def cluster_limits(
    values: list[list[Fraction]], n_clusters: int, mean: Fraction
) -> tuple[float, float]:
    """Ratio to size, by the textbook's letters: f = c / k, m the mean size."""
    c = len(values)
    m = Fraction(sum(map(len, values)), c)
    between = sum((len(own) * (sum(own) / len(own) - mean)) ** 2 for own in values) / (c - 1)
    error = math.sqrt((1 - Fraction(c, n_clusters)) / (c * m * m) * between)
    half = float(stats.t.ppf(0.975, c - 1)) * error
    return float(mean) - half, float(mean) + half
