"""What the soil feed's contracts and suites do not tell of a valid row."""

from __future__ import annotations

from tests.mutants import Whole

_FIGURES = (
    {"n_asked": 30, "n_clusters_asked": 1, "n_available": 50, "n_drawn": 30, "n_clay": 1, "soc_mean_pct": 2.0, "soc_variance_pct2": 1.0,
     "soc_ci95_lower_pct": 1.0, "soc_ci95_upper_pct": 3.0},
    # One site with organic carbon: a mean without limits.
    {"n_asked": 30, "n_clusters_asked": 1, "n_available": 1, "n_drawn": 1, "n_clay": 1, "soc_mean_pct": 2.0, "soc_variance_pct2": None,
     "soc_ci95_lower_pct": None, "soc_ci95_upper_pct": None},
    # No site with organic carbon.
    {"n_asked": 30, "n_clusters_asked": 1, "n_available": 0, "n_drawn": 0, "n_clay": 0, "soc_mean_pct": None, "soc_variance_pct2": None,
     "soc_ci95_lower_pct": None, "soc_ci95_upper_pct": None, "clay_mean_fraction": None},
)  # fmt: skip
VALID = {
    "silver.soil_measurements": ({"property": "soc", "value": 2.0, "upper_depth_cm": 10.0, "lower_depth_cm": 20.0}, {"property": "soc", "value": 2.0, "upper_depth_cm": None, "lower_depth_cm": None}),
    "gold.soil_country_stats": _FIGURES,
    "gold.soil_area_stats": tuple(row | {"n_sites": 60, "area_km2": 1.0} for row in _FIGURES),
    "silver.soil_areas": ({"area_km2": 1.0},),
}  # fmt: skip

_CELL = {"cell_id": 1, "country_id": "BE", "country_name": "Belgium", "is_whole": True}
_RANK = {"site_id": "a", "country_code": "BE", "s2_cell": 1}
_LAYER = {
    "site_id": "a",
    "property": "clay",
    "value": 0.2,
    "upper_depth_cm": 0.0,
    "lower_depth_cm": 20.0,
    "_file_sha256": "f",
    "_record_number": 1,
}
WHOLE = {
    ("silver.soil_country_cells", "a country must have one row a cell"): Whole(
        [{**_CELL, "is_touching": True}, {**_CELL, "is_touching": True}]
    ),
    (
        "silver.soil_sites",
        "one place should be one site: a record without the site's id makes another one there",
    ): Whole(
        [
            {
                "site_id": site,
                "source": "points",
                "lon_deg": 5.0,
                "lat_deg": 50.0,
                "position_error_m": 0.0,
            }
            for site in ("points:A", "at:5.0000000,50.0000000")
        ]
    ),
    (
        "silver.soil_site_countries",
        "a country with sites should have a code: without it they are in no statistics of "
        "countries",
    ): Whole(
        [
            {
                "site_id": "a",
                "rule": "inside",
                "country_id": "name:X",
                "country_code": None,
                "s2_cell": 1,
            }
        ]
    ),
    ("silver.soil_measurements", "the layers of one profile should not overlap"): Whole(
        [
            {**_LAYER, "measurement_id": "1"},
            {
                **_LAYER,
                "measurement_id": "2",
                "_record_number": 2,
                "upper_depth_cm": 10.0,
                "lower_depth_cm": 30.0,
            },
        ]
    ),
    (
        "silver.soil_measurements",
        "carbon and clay of one sample should not add up to more than 100 %",
    ): Whole(
        [
            {**_LAYER, "measurement_id": "1", "property": "soc", "value": 30.0},
            {**_LAYER, "measurement_id": "2", "value": 0.8},
        ]
    ),
    ("silver.soil_curve_ranks", "a rank must belong to one site of a country"): Whole(
        [{**_RANK, "curve_rank": 1}, {**_RANK, "site_id": "b", "curve_rank": 1}]
    ),
    ("silver.soil_curve_ranks", "a site must have one rank"): Whole(
        [{**_RANK, "curve_rank": 1}, {**_RANK, "curve_rank": 2}]
    ),
    (
        "gold.soil_country_stats",
        "no more sites must be drawn than were asked for, but where whole clusters are drawn",
    ): Whole([{**VALID["gold.soil_country_stats"][0], "method": "random", "n_asked": 10}]),
    (
        "gold.soil_area_stats",
        "no more sites must be drawn than were asked for, but where whole clusters are drawn",
    ): Whole([{**VALID["gold.soil_area_stats"][0], "method": "random", "n_asked": 10}]),
}
