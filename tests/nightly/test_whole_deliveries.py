"""Every feed, every night: whole and partial deliveries in any order, each in a run of its own, give
what one run over all of them gives.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pyspark.sql import SparkSession
from strata.errors import GateFailed
from strata.lake.versions import Warehouse

from tests.faults.kill import run_here
from tests.faults.oracle import answers_of

pytestmark = [pytest.mark.spark, pytest.mark.nightly]

ALL, SOME = ("a", "b", "c", "d"), ("a", "b")
# What each delivery holds. The last whole one says in the same bytes what the first one said.
DELIVERIES = {
    "delivery=2024-01-01": ALL,
    "whole/delivery=2024-01-02": ("a", "b", "c"),
    "whole/delivery=2024-01-03": SOME,
    "delivery=2024-01-04": ("c",),
    "whole/delivery=2024-01-05": ("a", "d"),
    "whole/delivery=2024-01-06": ALL,
}
BOX = [[4.0, 49.0], [8.0, 49.0], [8.0, 52.0], [4.0, 52.0], [4.0, 49.0]]


def csv(header: str, *rows: str) -> str:
    return "\n".join([header, *rows]) + "\n"


def launches(names: tuple[str, ...]) -> dict[str, str]:
    flights = [
        {"id": f"{name}{n}", "name": name, "date_utc": f"2020-0{n}-01T00:00:00.000Z", "date_unix": None,
         "date_precision": "hour", "upcoming": False, "success": True,
         "cores": [{"core": name, "flight": n, "reused": n > 1, "landing_attempt": None, "landing_success": None}]}
        for name in names for n in (1, 2)
    ]  # fmt: skip
    return {"launches/x.json": json.dumps(flights)}


def commerce(names: tuple[str, ...]) -> dict[str, str]:
    return {
        "product_categories/x.csv": csv(
            "category_id,category_name,parent_category_id", *(f"c{n},Of {n}," for n in names)
        ),
        "products/x.csv": csv(
            "product_id,product_name,category_id,price", *(f"p{n},{n},c{n},2.00" for n in names)
        ),
        "customers/x.csv": csv("customer_id,country", *(f"k{n},BE" for n in names)),
        "orders/x.csv": csv(
            "order_id,customer_id,order_date,status",
            *(f"o{n},k{n},2023-12-01,shipped" for n in names),
        ),
        "order_items/x.csv": csv(
            "order_item_id,order_id,product_id,quantity,unit_price",
            *(f"{n}{line},o{n},p{n},{line},2.00" for n in names for line in (1, 2)),
        ),
    }


def fleet(names: tuple[str, ...]) -> dict[str, str]:
    vehicles: list[dict[str, Any]] = [
        {"vehicle_id": n, "max_speed": 90, "depot_lat": 50, "depot_lon": 5} for n in names
    ]
    fixes = csv(
        "vehicle_id,timestamp,lat,lon,speed_kmh,engine_status,fuel_level",
        *(f"{n},2023-12-31 00:0{m}:00,50.00{m},5,30,moving,50" for n in names for m in range(3)),
    )
    return {"vehicles/x.json": json.dumps(vehicles), "events/x.csv": fixes}


def residents(names: tuple[str, ...]) -> dict[str, str]:
    users = [
        {"email": f"{n}@example.org", "givenName": n, "address": {"postcode": "ZE1 0AE"}}
        for n in names
    ]
    postcodes = csv(
        "pcds,laua,doterm",
        "ZE1 0AE,S12000027,",
        *(f"ZE1 0A{'ABDE'['abcd'.index(n)]},S12000027," for n in names),
    )
    return {"users/x.json": json.dumps(users), "postcodes/x.csv": postcodes}


def soil(names: tuple[str, ...]) -> dict[str, str]:
    samples = csv(
        "lon,lat,site_id,soc_pct", *(f"5.{ord(n)},50.5,{n},{(n == 'a' and 2) or 3}" for n in names)
    )
    land = {"type": "Feature", "properties": {"name": "Belgium", "iso_n3": "056"},
            "geometry": {"type": "Polygon", "coordinates": [BOX]}}  # fmt: skip
    boundaries = {"type": "FeatureCollection", "features": [land]}
    return {"samples/x.csv": samples, "boundaries/x.json": json.dumps(boundaries)}


FEEDS = {f.__name__: f for f in (commerce, fleet, launches, residents, soil)}


def put(raw: Path, feed: str, folder: str) -> None:
    for name, text in FEEDS[feed](DELIVERIES[folder]).items():
        source, _, file = name.partition("/")
        if source == "events" and folder != next(iter(DELIVERIES)):
            continue  # Nothing of events ends: they come once.
        path = raw / feed / source / folder / file
        path.parent.mkdir(parents=True)
        path.write_text(text)


@pytest.mark.parametrize("feed", FEEDS)
def test_whole_deliveries_in_any_order_give_what_one_run_gives(
    spark: SparkSession, tmp_path: Path, feed: str
) -> None:
    at_once, in_parts = (Warehouse(str(tmp_path / name)) for name in ("at_once", "in_parts"))
    for folder in DELIVERIES:
        put(tmp_path / "raw", feed, folder)
    run_here(spark, feed, tmp_path / "raw", at_once)

    order = list(DELIVERIES)
    Random(f"7/{feed}").shuffle(order)
    for folder in order:
        put(tmp_path / "parts", feed, folder)
        # A delivery that no gate lets pass waits for the next one, as it would in life.
        with suppress(GateFailed):
            run_here(spark, feed, tmp_path / "parts", in_parts)

    assert answers_of(in_parts, feed) == answers_of(at_once, feed), order
