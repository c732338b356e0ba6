"""A hundred thousand records in the queues at once: moving ones are judged before the idle ones that
came first, and nothing is lost."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from strata.light.cloud import consumer, splitter
from strata.light.cloud.events import Arrival
from strata.light.cloud.messages import read_message

from tests.unit.light.cloud.world import HEADER, RedisServer, World
from tests.unit.light.cloud.world import world as make_world

pytestmark = pytest.mark.nightly
RECORDS, MOVING_EVERY = 100_000, 50
CAR = {"max_speed": 100, "depot_lat": 1, "depot_lon": 2}


@pytest.fixture
def world(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    with make_world(server.url, monkeypatch) as made:
        yield made
    server.stop()


def row(number: int) -> str:
    status, speed = ("moving", 50) if number % MOVING_EVERY == 0 else ("idle", 0)
    minute, second = number // 1000 // 60, number // 1000 % 60
    return f"v{number % 1000},2026-10-01 06:{minute:02d}:{second:02d},1,2,{speed},{status},60\n"


def test_moving_ones_pass_a_long_queue_of_idle_ones(world: World, capsys: Any) -> None:
    world.load("fleet/vehicles/delivery=2026-10-01/m.json", {f"v{n}": CAR for n in range(1000)})
    key = "fleet/events/delivery=2026-10-02/a.csv"
    world.put(key, HEADER + "".join(map(row, range(RECORDS))))
    progress = splitter.split(world.clients, Arrival("raw", key), lambda: 900_000)
    assert progress.records == RECORDS

    two, one = _two_queues(world), _one_queue(progress.moving + progress.idle)
    assert two.keys() == one.keys()
    with capsys.disabled():
        print(
            f"\n{RECORDS:,} records, one in {MOVING_EVERY} moving; calls until a moving one is judged"
        )
        for name, calls in (("two queues", two), ("one queue", one)):
            waits = sorted(calls.values())
            print(f"  {name}: median {statistics.median(waits):.0f}, last {waits[-1]}")
    assert max(two.values()) < statistics.median(one.values())
    assert len(world.fixes()) == RECORDS


def _two_queues(world: World) -> dict[int, int]:
    """By a moving record's number, at which call it was judged. One consumer asks both queues in
    turns, as Lambda gives each its share."""
    found: dict[int, int] = {}
    calls = count(1)
    queues = [world.settings.moving, world.settings.idle]
    while queues:
        for queue in list(queues):
            event = world.receive(queue)
            if not event["Records"]:
                queues.remove(queue)
                continue
            outcome = consumer.consume(world.clients, event, world.vehicles)
            assert outcome.failed == []
            call = next(calls)
            for record in event["Records"]:
                world.clients.sqs.delete_message(
                    QueueUrl=queue, ReceiptHandle=record["receiptHandle"]
                )
                if queue == world.settings.moving:
                    found |= {number: call for number, _ in read_message(record["body"]).rows}
    return found


def _one_queue(messages: int) -> dict[int, int]:
    """The same if the records had stood in one queue in their order, as many to a call."""
    a_call = RECORDS / (messages / 10)
    return {n + 1: int(n // a_call) + 1 for n in range(0, RECORDS, MOVING_EVERY)}
