"""The launches feed: every flight of a rocket, the cores it flew on, and how often and how soon a
core flew again.

Flights arrive as JSON in the layouts of the SpaceX API (`schemas/source/launches_*`); bronze keeps
them as they came. Silver has each flight once, and each core of it; gold tells how often a core was
reused, after how many days, and how the landings went.
"""

from __future__ import annotations

import pyarrow.compute as pc

from strata.feeds.launches import core_flights, flights, reuse, years
from strata.kit.arrow import constant
from strata.kit.table import Answer, Rows, Source, Table

__all__ = ["ANSWERS", "SOURCES", "TABLES"]

SOURCES = (Source("launches"),)

TABLES = (
    Table(
        "silver.launches_flights",
        inputs=("bronze.launches_launches",),
        transform=flights.launches_flights,
        group=("flight_id",),
        add_group=flights.add_flight_id,
        ends=("bronze.launches_launches",),
        folds=flights.FOLDS,
    ),
    Table(
        "silver.launches_core_flights",
        inputs=("silver.launches_flights",),
        transform=core_flights.launches_core_flights,
        rows=Rows.ONE_TO_MANY,
        group=("flight_id",),
        folds=core_flights.FOLDS,
    ),
    Table(
        "gold.launches_core_reuse",
        inputs=("silver.launches_core_flights",),
        transform=reuse.launches_core_reuse,
        rows=Rows.AGGREGATE,
        group=("core_id",),
        folds=reuse.REUSE_FOLDS,
    ),
    Table(
        "gold.launches_core_turnarounds",
        inputs=("silver.launches_core_flights",),
        transform=reuse.launches_core_turnarounds,
        group=("core_id",),
        folds=reuse.TURNAROUND_FOLDS,
    ),
    Table(
        "gold.launches_turnaround_years",
        inputs=("gold.launches_core_turnarounds",),
        transform=years.launches_turnaround_years,
        rows=Rows.AGGREGATE,
        group=("launch_year",),
    ),
    Table(
        "gold.launches_landing_years",
        inputs=("silver.launches_core_flights",),
        transform=years.launches_landing_years,
        rows=Rows.AGGREGATE,
        plain=years.PLAIN_LANDINGS,
        group=("launch_year",),
        folds=years.LANDING_FOLDS,
    ),
)

_TURNAROUND = (
    "core_id",
    "previous_launch_at",
    "launch_at",
    "turnaround_rule",
    "least_turnaround_days",
    "turnaround_days",
)
_SOONEST = (
    ("turnaround_days", "ascending"),
    ("core_id", "ascending"),
    ("launch_at", "ascending"),
)

# docs/sql holds the first two as SQL.
ANSWERS = (
    Answer(
        "The core that was reused most often",
        "gold.launches_core_reuse",
        ("core_id", "reuse_count", "flights", "first_launch_at", "last_launch_at"),
        where=lambda table: pc.equal(table["reuse_count"], pc.max(table["reuse_count"])),
    ),
    Answer(
        "Cores reused in less than 50 days since their previous launch, for certain",
        "gold.launches_core_turnarounds",
        _TURNAROUND,
        where=lambda table: pc.less(table["turnaround_days"], constant(50)),
        order=_SOONEST,
        limit=50,
    ),
    Answer(
        "Cores that may have been reused in less than 50 days: their dates are too coarse to tell",
        "gold.launches_core_turnarounds",
        _TURNAROUND,
        where=lambda table: pc.and_kleene(
            pc.less(table["least_turnaround_days"], constant(50)),
            pc.greater_equal(table["turnaround_days"], constant(50)),
        ),
        order=_SOONEST,
        limit=50,
    ),
    Answer("Turnarounds by year", "gold.launches_turnaround_years"),
    Answer("Landings by year", "gold.launches_landing_years"),
)
