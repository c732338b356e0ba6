"""The clusters that the report shows are those that were drawn."""

from __future__ import annotations

import duckdb
import pytest
from strata.feeds.soil import draw
from strata.feeds.soil.charts import CHARTS

[CHART] = [chart for chart in CHARTS if chart.title.startswith("Clusters that were drawn")]
# country, method, asked, clusters, seed, depth rule, available sites
SLICES = [
    ("BE", "cluster", 10, 1, 7, "all", 43),
    ("DE", "cluster", 30, 3, -5, "0-30", 101),
    ("NL", "cluster_exact", 10, 1, 7, "all", 57),
    ("LU", "cluster_exact", 20, 1, 9, "all", 12),
    ("FR", "cluster", 9, 3, 1, "all", 9),
]


@pytest.fixture
def tables() -> duckdb.DuckDBPyConnection:
    """Every second site along the curve has no value under its country's depth rule."""
    made = duckdb.connect()
    made.execute("""
        create schema gold; create schema silver;
        create table gold.soil_country_stats (country_code text, method text, n_asked int,
          n_clusters_asked int, seed bigint, sampling_unit text, depth_rule text,
          n_available bigint, n_clusters bigint);
        create table silver.soil_curve_ranks (site_id text, country_code text, curve_rank bigint);
        create table silver.soil_sites (site_id text, lon_deg double, lat_deg double);
        create table silver.soil_measurements (site_id text, property text,
          upper_depth_cm double, lower_depth_cm double)""")
    for country, method, asked, clusters, seed, depth, n in SLICES:
        k = draw.cut(n, asked, clusters, method == "cluster_exact", f"{seed}|{country}").n_clusters
        row = (country, method, asked, clusters, seed, "site", depth, n, k)
        made.execute(f"insert into gold.soil_country_stats values ({', '.join('?' * 9)})", row)
        for place in range(2 * n):
            site, top = f"{country}{place}", 0.0 if place % 2 else 30.0
            told = "soc" if depth == "0-30" or place % 2 else "clay"
            made.execute("insert into silver.soil_curve_ranks values (?, ?, ?)",
                         (site, country, place + 1))  # fmt: skip
            made.execute("insert into silver.soil_sites values (?, ?, 0)", (site, float(place)))
            made.execute("insert into silver.soil_measurements values (?, ?, ?, ?)",
                         (site, told, top, top + 10))  # fmt: skip
    return made


def test_the_report_shows_the_drawn_clusters(tables: duckdb.DuckDBPyConnection) -> None:
    wanted = {
        (country, one.cluster + 1, place)
        for country, method, asked, clusters, seed, _, n in SLICES
        for one in draw.cut(
            n, asked, clusters, method == "cluster_exact", f"{seed}|{country}"
        ).drawn
        for place in range(one.first, one.end)
    }
    shown = tables.execute(CHART.points).fetchall()
    # Longitude is the place along the curve, of which every second one is available.
    found = {(chain[:2], int(chain[3:]), int(lon) // 2) for lon, _, _, chain in shown}
    assert len(shown) == len(wanted)
    assert found == wanted
