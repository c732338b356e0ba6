"""The soil feed: where soil was sampled, what was found there, in which country, and what that
amounts to.

Samples and sites arrive in several layouts, boundaries in one (`schemas/source/soil_*`); bronze
keeps them as they came. Silver gives each site one position, each measurement one unit and each
site one country; gold draws a sample of each country's sites and sums it up.
"""

from __future__ import annotations

import pyarrow.compute as pc

from strata.feeds.soil import (
    area_tables,
    countries,
    curve,
    measurements,
    plain,
    plain_places,
    plain_sites,
    plain_stats,
    sites,
    stats,
)
from strata.feeds.soil.params import Params
from strata.kit.arrow import constant
from strata.kit.table import Answer, Rows, Source, Table

__all__ = ["SOURCES", "TABLES", "Params"]

SOURCES = (
    Source("samples"),
    Source(
        "boundaries",
        needed="a map of the countries; samples/soil/boundaries holds Natural Earth's of Europe",
    ),
    Source("areas"),
)

TABLES = (
    Table(
        "silver.soil_sites",
        inputs=("bronze.soil_samples", "bronze.soil_sites"),
        transform=sites.soil_sites,
        plain=plain_sites.SITES,
        driving=("bronze.soil_samples", "bronze.soil_sites"),
        unique=sites.SITE_KEY,
        unique_from=50_000,
        group=("site_id",),
        add_group=sites.add_site_id,
        ends=("bronze.soil_sites", "bronze.soil_samples"),
        folds=sites.FOLDS,
    ),
    Table(
        "silver.soil_measurements",
        inputs=("bronze.soil_samples", "silver.soil_sites"),
        transform=measurements.soil_measurements,
        plain=plain.MEASUREMENTS,
        rows=Rows.ONE_TO_MANY,
        unique=sites.SITE_KEY,
        unique_from=50_000,
        group=("site_id",),
        # A measurement's id is a hash of its site, among others.
        group_from=("measurement_id",),
        add_group=sites.add_site_id,
        ends=("bronze.soil_samples",),
        folds=measurements.FOLDS,
    ),
    Table(
        "silver.soil_countries",
        inputs=("bronze.soil_boundaries",),
        transform=countries.soil_countries,
        ends=("bronze.soil_boundaries",),
        folds=countries.FOLDS,
    ),
    Table(
        "silver.soil_country_cells",
        inputs=("silver.soil_countries",),
        transform=countries.soil_country_cells,
        rows=Rows.ONE_TO_MANY,
    ),
    Table(
        "silver.soil_site_countries",
        inputs=("silver.soil_sites", "silver.soil_country_cells"),
        transform=countries.soil_site_countries,
        plain=plain_places.SITE_COUNTRIES,
        # A changed boundary may move any site: cells have no site_id, so they then recompute
        # the whole table.
        group=("site_id",),
    ),
    Table(
        "silver.soil_curve_ranks",
        inputs=("silver.soil_site_countries",),
        transform=curve.soil_curve_ranks,
        plain=plain_places.CURVE_RANKS,
        # A new site moves the ranks of all that follow it in its country.
        folds=curve.FOLDS,
    ),
    Table(
        "gold.soil_country_stats",
        inputs=(
            "silver.soil_site_countries",
            "silver.soil_measurements",
            "silver.soil_curve_ranks",
        ),
        transform=stats.soil_country_stats,
        plain=plain_stats.COUNTRY_STATS,
        rows=Rows.AGGREGATE,
        params=("samples", "seed", "method", "depth", "clusters"),
        slices=True,
        folds=stats.FOLDS,
    ),
    Table(
        "silver.soil_areas",
        inputs=("bronze.soil_areas",),
        transform=area_tables.soil_areas,
        ends=("bronze.soil_areas",),
        folds=area_tables.FOLDS,
    ),
    Table(
        "gold.soil_area_stats",
        inputs=(
            "silver.soil_areas",
            "silver.soil_sites",
            "silver.soil_measurements",
            "silver.soil_site_countries",
        ),
        transform=area_tables.soil_area_stats,
        rows=Rows.AGGREGATE,
        none_of_none=True,
        params=("samples", "seed", "method", "depth", "clusters"),
        slices=True,
    ),
)

ANSWERS = (
    Answer(
        "Sites that no country holds: in the sea, or with exchanged coordinates",
        "silver.soil_site_countries",
        columns=("site_id", "rule"),
        where=lambda table: pc.equal(table["rule"], constant("none")),
        limit=20,
    ),
    Answer("Soil organic carbon and clay in areas that clients submitted", "gold.soil_area_stats"),
    Answer("Soil organic carbon and clay by country", "gold.soil_country_stats"),
)
