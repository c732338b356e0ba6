"""From an object in S3 to the table: moving first, each vehicle and instant once, nothing lost."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from strata.light.cloud import handlers, splitter
from strata.light.cloud.dead import redrive
from strata.light.cloud.messages import read_message
from strata.light.order import CONFLICT

from tests.unit.light.cloud.world import HEADER, Context, World, notice

CAR = {"max_speed": 100, "depot_lat": 1, "depot_lon": 2}
DAY = "fleet/events/delivery=2026-10-02"
METADATA = "fleet/vehicles/delivery=2026-10-01/metadata_api.json"


def row(second: int, speed: Any = 50, status: str = "moving", vehicle: str = "v") -> str:
    return f"{vehicle},2026-10-01 06:00:{second:02d},1,2,{speed},{status},60\n"


def test_records_come_out_of_the_queues_as_the_batch_path_has_them(world: World) -> None:
    world.load(METADATA, {"v": CAR})
    rows = [row(1), row(2, 50, "idle"), row(3, 101), row(4), row(4, 51), row(5), row(5), "v,1\n"]
    world.arrive(world.put(f"{DAY}/a b+c.csv", HEADER + "".join(rows)))
    world.pump(world.settings.arrivals, handlers.split_events)
    queued = {
        name: [n for r in world.receive(getattr(world.settings, name))["Records"] for n, _ in read_message(r["body"]).rows]
        for name in ("moving", "idle")
    }  # fmt: skip
    assert queued == {"moving": [1, 3, 4, 5, 6, 7], "idle": [2, 8]}


def test_a_file_is_judged_settled_and_counted(world: World, capsys: Any) -> None:
    world.load(METADATA, {"v": CAR})
    rows = [row(1), row(2, 50, "idle"), row(3, 101), row(4), row(4, 51), row(5), row(5), "v,1\n"]
    world.arrive(world.put(f"{DAY}/a.csv", HEADER + "".join(rows)))
    world.drain()
    assert world.fixes() == [
        ("v", "06:00:01", 50.0, 1),
        ("v", "06:00:02", 50.0, 1),
        ("v", "06:00:05", 50.0, 1),
    ]
    assert [(int(i["record_number"]), i["reasons"]) for i in world.rejected()] == [
        (3, ["speed must not exceed the vehicle's own maximum"]),
        (8, ["the record does not parse by its layout"]),
    ]
    conflicts = [told.number for s in world.settled() for told in s.in_conflict]
    assert conflicts == [4, 5]
    assert world.dead() == []
    figures = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    judged = [f for f in figures if f["Function"] == "judge"]
    assert sum(f["accepted"] for f in judged) == 6
    names = {
        m["Name"] for f in judged for d in f["_aws"]["CloudWatchMetrics"] for m in d["Metrics"]
    }
    assert "oldest_wait_ms" in names


def test_fixes_and_rejected_records_expire_after_the_days_that_were_set(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRATA_FLEET_RETENTION_DAYS", "30")
    handlers.clients.cache_clear()
    world.load(METADATA, {"v": CAR})
    before = int(time.time())
    world.arrive(world.put(f"{DAY}/a.csv", HEADER + row(1) + row(2, 101) + "v,1\n"))
    world.drain()
    after = int(time.time())
    scan = world.clients.dynamodb.scan
    kept = [item for name in ("fixes", "rejected") for item in scan(TableName=name)["Items"]]
    assert len(kept) == 3
    # TTL counts in seconds of Unix time; DynamoDB expires nothing whose number is in milliseconds.
    until = [int(item["expires_at"]) - 30 * 24 * 60 * 60 for item in kept]
    assert all(before <= written <= after for written in until)
    # What is known of vehicles and files does not expire.
    known = [item for name in ("vehicles", "files") for item in scan(TableName=name)["Items"]]
    assert len(known) == 2
    assert not any("expires_at" in item for item in known)


def test_whatever_comes_late_twice_or_in_any_order_gives_the_same_table(world: World) -> None:
    world.load(METADATA, {"v": CAR})
    first = HEADER + row(1) + row(2, 40) + row(3)
    later = HEADER + row(2, 45)
    notices = [
        world.put("fleet/events/delivery=2026-10-03/late.csv", later),
        world.put(f"{DAY}/a.csv", first),
        world.put(f"{DAY}/b.csv", HEADER + row(3)),
        # The same bytes under another name are the same file.
        world.put(f"{DAY}/again.csv", first),
    ]
    expected = [("v", "06:00:01", 50.0, 1), ("v", "06:00:02", 45.0, 2), ("v", "06:00:03", 50.0, 1)]
    world.arrive(*notices, *reversed(notices))
    world.drain()
    assert world.fixes() == expected
    numbers = [(len(s.superseded), len(s.repeated)) for s in world.settled()]
    assert numbers == [(0, 0), (1, 0), (0, 1)]
    files = world.clients.dynamodb.scan(TableName="files")["Items"]
    assert sorted(int(f["records"]) for f in files) == [1, 1, 3]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
def test_a_delivery_that_goes_back_to_earlier_bytes_counts(
    world: World, order: tuple[int, ...]
) -> None:
    """The same bytes are one file in each delivery, as in the batch path."""
    world.load(METADATA, {"v": CAR})
    told = HEADER + row(1, 40) + row(2)
    notices = [
        world.put(f"fleet/events/delivery=2026-10-0{day}/a.csv", content)
        for day, content in ((2, told), (3, HEADER + row(1, 45)), (4, told))
    ]
    again = world.put("fleet/events/delivery=2026-10-04/again.csv", told)
    world.arrive(*(notices[n] for n in order), again, *notices)
    world.drain()
    assert world.fixes() == [("v", "06:00:01", 40.0, 2), ("v", "06:00:02", 50.0, 1)]
    assert [s.stands.delivered_on.day for s in world.settled() if s.stands] == [4, 4]
    assert len(world.clients.dynamodb.scan(TableName="files")["Items"]) == 3


def test_a_fix_waits_for_its_vehicle_and_is_judged_again_when_the_vehicle_changes(
    world: World,
) -> None:
    world.arrive(world.put(f"{DAY}/a.csv", HEADER + row(1) + row(2, 90)))
    world.drain()
    assert (world.fixes(), len(world.rejected())) == ([], 2)
    world.load(METADATA, {"v": CAR})
    world.drain()
    assert world.fixes() == [("v", "06:00:01", 50.0, 1), ("v", "06:00:02", 90.0, 1)]
    assert world.rejected() == []
    # A slower vehicle: the second fix is too fast now, and out.
    world.load("fleet/vehicles/delivery=2026-10-05/m.json", {"v": {**CAR, "max_speed": 80}})
    world.drain()
    assert world.fixes() == [("v", "06:00:01", 50.0, 1)]
    assert [i["reasons"] for i in world.rejected()] == [
        ["speed must not exceed the vehicle's own maximum"]
    ]
    # An older delivery that comes late changes nothing.
    world.load("fleet/vehicles/delivery=2026-10-03/m.json", {"v": {**CAR, "max_speed": 10}})
    world.drain()
    assert world.fixes() == [("v", "06:00:01", 50.0, 1)]


def test_the_splitter_goes_on_at_the_byte_where_its_time_ended(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Small blocks, so that a small file takes several.
    monkeypatch.setattr(splitter.records, "BLOCK_BYTES", 120)
    world.load(METADATA, {"v": CAR})
    world.arrive(world.put(f"{DAY}/a.csv", HEADER + "".join(row(n) for n in range(40))))
    calls = 0
    while world.pump(world.settings.arrivals, handlers.split_events, context=Context(looks=3)):
        calls += 1
        assert calls < 60
    world.drain()
    assert len(world.fixes()) == 40
    assert {s.stands.number for s in world.settled() if s.stands} == set(range(1, 41))


EVENTBRIDGE = {
    "detail-type": "Object Created",
    "time": "2026-10-02T00:00:00Z",
    "detail": {"bucket": {"name": "raw"}, "object": {"key": f"{DAY}/a+b.csv"}},
}


@pytest.mark.parametrize(
    ("event", "key"),
    [
        (notice(f"{DAY}/a b.csv"), f"{DAY}/a b.csv"),
        (EVENTBRIDGE, f"{DAY}/a+b.csv"),
        ({"Event": "s3:TestEvent", "Bucket": "raw"}, None),
        ({"Records": [{**notice("x")["Records"][0], "eventName": "ObjectRemoved:Delete"}]}, None),
    ],
)
def test_each_shape_of_event_names_its_object(world: World, event: Any, key: str | None) -> None:
    if key:
        world.put(key, HEADER + row(1))
    assert handlers.split_events(event, Context()) == {"batchItemFailures": []}
    queued = [read_message(r["body"]) for r in world.receive(world.settings.moving)["Records"]]
    assert [m.file.path for m in queued] == ([key.removeprefix("fleet/events/")] if key else [])


def test_a_poison_file_is_a_dead_letter_with_its_reason_and_comes_back_by_one_command(
    world: World,
) -> None:
    world.load(METADATA, {"v": CAR})
    world.arrive(
        world.put(f"{DAY}/bad.csv", "a,b\n1,2\n"), world.put(f"{DAY}/good.csv", HEADER + row(1))
    )
    world.drain()
    assert len(world.fixes()) == 1
    (letter,) = world.dead()
    assert letter["file"] == f"s3://raw/{DAY}/bad.csv"
    assert "its fields must be those of a known layout" in letter["reason"]
    assert (letter["queue"], letter["attempt"]) == ("arrivals", "1")
    world.put(f"{DAY}/bad.csv", HEADER + row(2))
    queues = {"arrivals": world.settings.arrivals}
    assert redrive(world.clients, lambda told: "bad.csv" in told["file"], queues) == (1, 0)
    world.drain()
    assert (len(world.fixes()), world.dead()) == (2, [])


def test_the_words_are_those_of_the_batch_path() -> None:
    from strata.kit import history
    from strata.light import order

    assert (order.SUPERSEDED, order.REPEATED) == (history.SUPERSEDED, history.REPEATED)
    assert history.conflict_of("vehicle and instant") == CONFLICT
