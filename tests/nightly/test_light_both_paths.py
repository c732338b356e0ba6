"""The same raw files by both paths: the same fixes, the same rejected records and reasons, the same
vehicle days, record by record."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from strata.cli.light import fixes_of, rejected_of
from strata.light.cloud.reconcile import Comparison, compare
from strata.light.days import vehicle_days
from strata.serve.published import Published

from tests.samples import Samples
from tests.unit.light.cloud.world import RedisServer, World
from tests.unit.light.cloud.world import world as make_world

pytestmark = [pytest.mark.nightly, pytest.mark.samples("fleet")]
SAMPLES = Path(__file__).parents[2] / "samples" / "fleet"


@pytest.fixture(scope="module")
def both(
    samples: Samples, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[World, Published]]:
    """The samples in the tables of the serverless path, and in a published warehouse."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    with pytest.MonkeyPatch.context() as patch, make_world(server.url, patch) as world:
        for source in ("vehicles", "events"):
            for path in sorted((SAMPLES / source).rglob("*.*")):
                key = f"fleet/{source}/{path.relative_to(SAMPLES / source)}"
                notice = world.put(key, path.read_bytes())
                if source == "events":
                    world.arrive(notice)
                else:
                    world.load(key, json.loads(path.read_text()))
        world.drain()
        yield world, Published(samples.warehouse)
    server.stop()


def compared(both: tuple[World, Published]) -> Comparison:
    world, published = both
    return compare(world.clients, fixes_of(published), rejected_of(published))


def test_both_paths_have_the_same_fixes_and_rejected_records(both: tuple[World, Published]) -> None:
    found = compared(both)
    assert found.differences == []
    assert found.fixes > 5000
    assert found.same > found.fixes


def test_both_paths_have_the_same_vehicle_days(both: tuple[World, Published]) -> None:
    world, published = both
    here: dict[Any, Any] = {}
    stand = [s.stands.fix for s in world.settled() if s.stands]
    vehicles = world.vehicles.find(fix.vehicle_id for fix in stand)
    for name, fixes in groupby(stand, key=lambda fix: fix.vehicle_id):
        for day in vehicle_days(fixes, vehicles[name]):
            here[name, day.day_date] = asdict(day)
    there = {
        (row["vehicle_id"], row["day_date"]): {
            name: row[name] for name in next(iter(here.values()))
        }
        for row in published.table("gold.fleet_vehicle_days").to_arrow().to_pylist()
    }
    assert here.keys() == there.keys()
    assert {key: (here[key], there[key]) for key in here if here[key] != there[key]} == {}


def test_a_changed_a_lost_and_an_added_record_are_told(both: tuple[World, Published]) -> None:
    world, _ = both
    items = world.clients.dynamodb.scan(TableName="fixes", Limit=3)["Items"]
    changed, lost, moved = items
    table = {"TableName": "fixes"}
    world.clients.dynamodb.put_item(
        Item={**changed, "speed_kmh": changed["speed_kmh"] + 1}, **table
    )
    world.clients.dynamodb.delete_item(Key={n: lost[n] for n in ("vehicle_id", "claim")}, **table)
    world.clients.dynamodb.put_item(Item={**moved, "vehicle_id": "nobody"}, **table)
    reject = world.clients.dynamodb.scan(TableName="rejected", Limit=1)["Items"][0]
    world.clients.dynamodb.put_item(TableName="rejected", Item={**reject, "reasons": ["another"]})
    found = compared(both)
    assert found.counts == {"values differ": 1, "only in the warehouse": 1, "only in the table": 1,
                            "reasons differ": 1}  # fmt: skip
    told = {d["difference"]: d for d in found.differences}
    assert told["only in the warehouse"]["record"] == int(lost["claim"].split("#")[3])
    assert told["only in the table"]["vehicle_id"] == "nobody"
