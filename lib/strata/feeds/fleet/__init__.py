"""The fleet feed: GPS fixes of vehicles, and what they did by day, by place and by trip.

Raw files are events as CSV and vehicles' metadata as JSON, in any order of files; silver has each
vehicle and instant once. docs/FLEET.md tells the rules.
"""

from __future__ import annotations

from strata.feeds.fleet import cells, days, fixes, plain, plain_vehicles, trips, vehicles
from strata.feeds.fleet.params import Params
from strata.feeds.fleet.values import INSTANT_SQL
from strata.kit.table import Answer, Reference, Rows, Source, Table

__all__ = ["ANSWERS", "SOURCES", "TABLES", "Params"]

SOURCES = (
    Source("events", day=f"cast({INSTANT_SQL} as date)", day_column="silver.fleet_fixes.fix_date"),
    Source("vehicles", needed="what is known of each vehicle; samples/fleet/vehicles shows how"),
)

_FIXES = ("silver.fleet_fixes",)

TABLES = (
    Table(
        "silver.fleet_vehicles",
        inputs=("bronze.fleet_vehicles",),
        transform=vehicles.fleet_vehicles,
        group=("vehicle_id",),
        ends=("bronze.fleet_vehicles",),
        folds=vehicles.FOLDS,
        plain=plain_vehicles.VEHICLES,
    ),
    Table(
        "silver.fleet_fixes",
        inputs=("bronze.fleet_events", "silver.fleet_vehicles"),
        transform=fixes.fleet_fixes,
        rejects_alone=True,
        # A day of its own: its fixes, and the steps between them, need no other day.
        group=("fix_date",),
        add_group=fixes.add_fix_date,
        group_from=("fixed_at",),
        via={
            "silver.fleet_vehicles": Reference(
                ("vehicle_id",), fixes.OF_VEHICLES, where="is_current"
            )
        },
        params=("day_zone", "not_after", "cell_resolution"),
        folds=fixes.FOLDS,
        plain=plain.FIXES,
    ),
    Table(
        "gold.fleet_vehicle_days",
        inputs=_FIXES,
        transform=days.fleet_vehicle_days,
        rows=Rows.AGGREGATE,
        group=("day_date",),
        params=("day_zone", "gap_minutes"),
        plain=days.PLAIN_DAYS,
    ),
    Table(
        "gold.fleet_depot_distances",
        inputs=_FIXES,
        transform=days.fleet_depot_distances,
        rows=Rows.AGGREGATE,
        group=("day_date",),
        params=("day_zone", "gap_minutes", "depot_radius_m"),
        plain=days.PLAIN_DEPOTS,
    ),
    Table(
        "gold.fleet_cells",
        inputs=_FIXES,
        transform=cells.fleet_cells,
        rows=Rows.AGGREGATE,
        group=("fix_date",),
        group_from=("hour_at",),
        plain=cells.PLAIN_CELLS,
    ),
    Table(
        "gold.fleet_trips",
        inputs=_FIXES,
        transform=trips.fleet_trips,
        rows=Rows.AGGREGATE,
        group=("day_date",),
        group_from=("vehicle_id", "started_at"),
        params=("day_zone", "stop_minutes"),
        folds=trips.FOLDS,
        plain=trips.PLAIN_TRIPS,
    ),
)

ANSWERS = (
    Answer(
        "The vehicles that drove farthest in a day",
        "gold.fleet_vehicle_days",
        (
            "vehicle_id",
            "day_date",
            "distance_km",
            "moving_s",
            "idle_s",
            "top_speed_kmh",
            "fuel_used_pct",
            "jumps",
        ),
        order=(
            ("distance_km", "descending"),
            ("vehicle_id", "ascending"),
            ("day_date", "ascending"),
        ),
        limit=10,
    ),
    Answer(
        "How far from their depots vehicles were",
        "gold.fleet_depot_distances",
        ("vehicle_id", "day_date", "least_m", "mean_m", "greatest_m", "away_s", "astray_fixes"),
        order=(
            ("greatest_m", "descending"),
            ("vehicle_id", "ascending"),
            ("day_date", "ascending"),
        ),
        limit=10,
    ),
    Answer(
        "The longest trips",
        "gold.fleet_trips",
        ("vehicle_id", "started_at", "ended_at", "distance_km", "duration_s", "moving_fixes"),
        order=(
            ("distance_km", "descending"),
            ("vehicle_id", "ascending"),
            ("started_at", "ascending"),
        ),
        limit=10,
    ),
    Answer(
        "The busiest cells and hours",
        "gold.fleet_cells",
        ("h3_cell", "hour_at", "fixes", "vehicles", "mean_speed_kmh"),
        order=(("fixes", "descending"), ("h3_cell", "ascending"), ("hour_at", "ascending")),
        limit=10,
    ),
)
