"""What the soil feed's contracts and suites do not tell of a valid row."""

from __future__ import annotations

from tests.mutants import Whole

VALID = {
    "silver.soil_measurements": ({"upper_depth_cm": 10.0, "lower_depth_cm": 20.0}, {"upper_depth_cm": None, "lower_depth_cm": None}),
    "gold.soil_country_stats": (
        {"n_asked": 30, "n_clusters_asked": 1, "n_available": 50, "n_drawn": 30, "n_clay": 1, "soc_mean_pct": 2.0, "soc_variance_pct2": 1.0,
         "soc_ci95_lower_pct": 1.0, "soc_ci95_upper_pct": 3.0},
        # One site with organic carbon: a mean without limits.
        {"n_asked": 30, "n_clusters_asked": 1, "n_available": 1, "n_drawn": 1, "n_clay": 1, "soc_mean_pct": 2.0, "soc_variance_pct2": None,
         "soc_ci95_lower_pct": None, "soc_ci95_upper_pct": None},
        # No site with organic carbon.
        {"n_asked": 30, "n_clusters_asked": 1, "n_available": 0, "n_drawn": 0, "n_clay": 0, "soc_mean_pct": None, "soc_variance_pct2": None,
         "soc_ci95_lower_pct": None, "soc_ci95_upper_pct": None, "clay_mean_fraction": None},
    ),
}  # fmt: skip

_RANK = {"site_id": "a", "country_code": "BE", "s2_cell": 1}
WHOLE = {
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
}
