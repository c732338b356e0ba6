"""Statistics of the published sites in areas that clients submit.

Needs no Spark: it works on published tables as Arrow. The rules of a site's value, of the draw and
of the figures are those of `gold.soil_country_stats`, an area taking the place of a country; each
area stands for itself, so areas that overlap each get their sites.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely

from strata.feeds.soil import draw
from strata.feeds.soil.areas import Area
from strata.feeds.soil.figures import summarise
from strata.feeds.soil.measurements import CLAY, SOC
from strata.feeds.soil.params import DEPTHS, Params
from strata.kit.grid import TOUCH_DEG

SITES_SQL = """
select s.site_id, s.lon_deg, s.lat_deg, c.s2_cell
from silver.soil_sites s join silver.soil_site_countries c using (site_id)
order by s.site_id
"""
OLDER_SITES_SQL = """
select s.site_id, s.lon_deg, s.lat_deg, coalesce(r.s2_cell, -1) as s2_cell
from silver.soil_sites s left join silver.soil_curve_ranks r using (site_id)
order by s.site_id
"""
"""The same of publications from before the cell stood beside the country: sites in no country then
come last along the curve."""
CELLS_SQL = "select * from silver.soil_site_countries limit 0"
"""Has a column `s2_cell` where `SITES_SQL` can be asked."""
LAYERS_SQL = """
select site_id, property, upper_depth_cm, lower_depth_cm, list(value order by value) as layer_values
from silver.soil_measurements
group by site_id, property, upper_depth_cm, lower_depth_cm
"""
"""One row per layer, its replicates in order, since the sum of floating-point numbers depends on
it."""


@dataclass(frozen=True)
class Sites:
    """Published sites with their values, each as an array."""

    ids: Sequence[str]
    lon_deg: np.ndarray
    lat_deg: np.ndarray
    s2_cell: Sequence[int]
    values: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """By property, then by site: `soc` in %, `clay` as a fraction."""


# --- sites ----------------------------------------------------------------------------------------


def sites_of(
    rows: Mapping[str, Sequence[Any]], layers: Sequence[Mapping[str, Any]], depth: str
) -> Sites:
    """The sites of `SITES_SQL`, column by column, with the values that the layers of `LAYERS_SQL`
    give under a depth rule.
    """
    return Sites(
        rows["site_id"],
        np.asarray(rows["lon_deg"], dtype=float),
        np.asarray(rows["lat_deg"], dtype=float),
        rows["s2_cell"],
        _site_values(layers, DEPTHS[depth]),
    )


def _site_values(
    layers: Sequence[Mapping[str, Any]], interval: tuple[float, float] | None
) -> dict[str, dict[str, float]]:
    """Means of the layers of each property and site by their weights; by equal weights where a
    layer has none.
    """
    found: dict[str, dict[str, list[tuple[Any, ...]]]] = {SOC: {}, CLAY: {}}
    for layer in layers:
        upper, lower = layer["upper_depth_cm"], layer["lower_depth_cm"]
        weight = _weight_cm(upper, lower, interval)
        if (weight is None and interval is None) or (weight is not None and weight > 0):
            values = layer["layer_values"]
            mean = _sum(values) / len(values)
            # As Spark sorts a struct: what is not told comes first.
            order = tuple(
                (value is not None, value or 0.0) for value in (upper, lower, weight, mean)
            )
            own = found[layer["property"]].setdefault(layer["site_id"], [])
            own.append((order, weight, mean))
    return {
        name: {site: _weighted_mean(sorted(own)) for site, own in of.items()}
        for name, of in found.items()
    }


def _weight_cm(
    upper: float | None, lower: float | None, interval: tuple[float, float] | None
) -> float | None:
    if upper is None or lower is None:
        return None
    if interval is None:
        return lower - upper
    return max(min(lower, interval[1]) - max(upper, interval[0]), 0.0)


def _weighted_mean(layers: Sequence[tuple[Any, float | None, float]]) -> float:
    is_weighed = all(weight is not None for _, weight, _ in layers)
    weights = [weight if is_weighed and weight is not None else 1.0 for _, weight, _ in layers]
    products = [mean * weight for (_, _, mean), weight in zip(layers, weights, strict=True)]
    return _sum(products) / _sum(weights)


def _sum(values: Sequence[float]) -> float:
    """One after the other, as Spark adds them up: `sum` of later Pythons is more exact."""
    total = 0.0
    for value in values:
        total += value
    return total


# --- statistics -----------------------------------------------------------------------------------


def statistics(area: Area, sites: Sites, params: Params) -> dict[str, Any]:
    """What `gold.soil_country_stats` has of a country, of the sites in an area; of a refused area,
    the reason alone.
    """
    told: dict[str, Any] = {
        "area": area.name, "area_km2": area.km2, "repaired": area.repaired or None,
        "refused": area.refused or None,
    }  # fmt: skip
    if area.shape is None:
        return told
    inside = np.flatnonzero(holds(area.shape, sites.lon_deg, sites.lat_deg))
    soc, clay = sites.values[SOC], sites.values[CLAY]
    available = [index for index in inside.tolist() if sites.ids[index] in soc]
    drawn, chosen = _draw(area.name, available, sites, params)
    ids = [(cluster, sites.ids[index]) for cluster, index in drawn]
    n_clusters = chosen.n_clusters if chosen else None
    with_clay = [clay[site] for _, site in ids if site in clay]
    mean, variance, lower, upper, clay_mean, rule = summarise(
        [(cluster, soc[site]) for cluster, site in ids], with_clay, len(available), n_clusters
    )
    share = min(1.0, params.samples / len(available)) if available else None
    return told | {
        "n_sites": len(inside),
        "n_available": len(available),
        "n_drawn": len(drawn),
        "n_clusters": n_clusters,
        "inclusion_probability_least": chosen.least_probability if chosen else share,
        "inclusion_probability_greatest": chosen.greatest_probability if chosen else share,
        "soc_mean_pct": mean,
        "soc_variance_pct2": variance,
        "soc_ci95_lower_pct": lower,
        "soc_ci95_upper_pct": upper,
        "soc_ci95_rule": rule,
        "n_clay": len(with_clay),
        "clay_mean_fraction": clay_mean,
    }


def holds(shape: shapely.Geometry, lon_deg: np.ndarray, lat_deg: np.ndarray) -> np.ndarray:
    """Whether the area holds each position, its edge included."""
    west, south, east, north = shapely.bounds(shape)
    near = np.flatnonzero(
        (lon_deg >= west - TOUCH_DEG)
        & (lon_deg <= east + TOUCH_DEG)
        & (lat_deg >= south - TOUCH_DEG)
        & (lat_deg <= north + TOUCH_DEG)
    )
    shapely.prepare(shape)
    lon, lat = lon_deg[near], lat_deg[near]
    touches = shapely.box(lon - TOUCH_DEG, lat - TOUCH_DEG, lon + TOUCH_DEG, lat + TOUCH_DEG)
    found = np.zeros(len(lon_deg), dtype=bool)
    found[near] = shapely.intersects(shape, touches)
    return found


def _draw(
    name: str, available: Sequence[int], sites: Sites, params: Params
) -> tuple[list[tuple[int | None, int]], draw.Cut | None]:
    """The drawn sites, each with its cluster, and how the row was cut; the area's name stands where
    a country's code does.
    """
    if params.method == draw.RANDOM:
        lot = sorted(available, key=lambda index: _lot(params.seed, sites.ids[index]))
        return [(None, index) for index in lot[: params.samples]], None
    if not available:
        return [], None
    row = sorted(available, key=lambda index: _along_curve(sites.s2_cell[index], sites.ids[index]))
    exact = params.method == draw.CLUSTER_EXACT
    chosen = draw.cut(len(row), params.samples, params.clusters, exact, f"{params.seed}|{name}")
    return [
        (stretch.cluster, index)
        for stretch in chosen.drawn
        for index in row[stretch.first : stretch.end]
    ], chosen


def _lot(seed: int, site_id: str) -> tuple[str, str]:
    return hashlib.sha256(f"{seed}|{site_id}".encode()).hexdigest(), site_id


def _along_curve(s2_cell: int, site_id: str) -> tuple[int, str]:
    """S2 cells as unsigned numbers."""
    return s2_cell % 2**64, site_id
