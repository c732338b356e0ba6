"""Vehicles by a real Redis: bulk, fresh for an hour, one reader of the table, and without Redis."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

from strata.light.cloud import metadata, told
from strata.light.cloud.metadata import Vehicles, key_of
from strata.light.cloud.settings import Clients
from strata.light.fixes import Vehicle

from tests.unit.light.cloud.world import RedisServer, World

NAMES = [f"v{n}" for n in range(300)]
STATE = {"max_speed": 100, "depot_lat": 1, "depot_lon": 2}
METADATA = "fleet/vehicles/delivery=2026-10-01/metadata_api.json"


@dataclass
class Clock:
    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def test_the_table_is_asked_once_an_hour_and_a_stale_answer_is_served_meanwhile(
    world: World,
) -> None:
    world.load(METADATA, dict.fromkeys(NAMES, STATE))
    world.clients.redis.flushall()
    clock = Clock()
    vehicles = Vehicles(world.clients, clock)
    counts = vehicles.counts
    assert vehicles.find([*NAMES, "ghost", ""]).keys() == set(NAMES)
    assert (counts.misses, counts.table_reads, counts.hits) == (301, 301, 0)
    vehicles.find([*NAMES, "ghost"])
    assert (counts.hits, counts.table_reads) == (301, 301)
    assert 0 < world.clients.redis.ttl(key_of("ghost")) <= 60
    assert 7100 < world.clients.redis.ttl(key_of("v1")) <= 7200
    # The locks of the first reading are over by then.
    for key in world.clients.redis.keys("fleet:lock:*"):
        world.clients.redis.delete(key)
    clock.now += 3700
    assert len(vehicles.find(NAMES)) == 300
    assert (counts.stale, counts.table_reads) == (300, 601)
    vehicles.find(NAMES)
    assert (counts.stale, counts.table_reads) == (300, 601)


def test_of_many_that_miss_at_once_one_reads_the_table(world: World) -> None:
    world.load(METADATA, dict.fromkeys(NAMES, STATE))
    world.clients.redis.flushall()
    wait = threading.Event().wait
    askers = [Vehicles(replace_sleep(world.clients, lambda s: wait(s))) for _ in range(8)]
    found: list[int] = []
    ready = threading.Barrier(8)

    def ask(vehicles: Vehicles) -> None:
        ready.wait()
        found.append(len(vehicles.find(NAMES)))

    threads = [threading.Thread(target=ask, args=(asker,)) for asker in askers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert found == [300] * 8
    reads = sum(asker.counts.table_reads for asker in askers)
    # Without the locks it would be 2,400; a slow holder lets others read after 0.2 s.
    assert 300 <= reads < 2400


def replace_sleep(clients: Clients, sleep: object) -> Clients:
    made = replace(clients, sleep=sleep)  # type: ignore[arg-type]
    made.__dict__["dynamodb"] = clients.dynamodb
    return made


def test_new_metadata_replace_what_is_cached_and_a_late_reader_does_not_bring_the_old_back(
    world: World,
) -> None:
    world.load(METADATA, {"v1": STATE})
    vehicles = world.vehicles
    assert vehicles.find(["v1"]) == {"v1": Vehicle(100.0, 1.0, 2.0)}
    held = {"v1": world.clients.redis.get(key_of("v1"))}
    old = {"v1": Vehicle(100.0, 1.0, 2.0)}
    world.load("fleet/vehicles/delivery=2026-10-02/m.json", {"v1": {**STATE, "max_speed": 80}})
    # Somebody read the table before the new file, and fills the cache after it.
    vehicles._put(old, held)
    vehicles._put(old, {})
    assert vehicles.find(["v1"]) == {"v1": Vehicle(80.0, 1.0, 2.0)}


def test_without_redis_the_table_answers_and_redis_is_left_alone_for_a_while(
    world: World, redis_server: RedisServer
) -> None:
    world.load(METADATA, dict.fromkeys(NAMES, STATE))
    clock = Clock()
    vehicles = Vehicles(world.clients, clock)
    redis_server.stop()
    try:
        assert len(vehicles.find(NAMES)) == 300
        assert len(vehicles.find(NAMES)) == 300
        assert (vehicles.counts.away, vehicles.counts.table_reads) == (2, 300)
        assert told.told_before(world.clients, [("2026-10-01", "k")]) is None
        assert not vehicles.put_new({"v1": None})
    finally:
        redis_server.start()
    clock.now += metadata.AWAY_S
    assert len(vehicles.find(NAMES)) == 300
    assert vehicles.counts.away == 2


def test_the_filter_knows_what_it_was_told_of_that_day_and_nothing_else(world: World) -> None:
    keys = [("2026-10-01", f"v#{n}") for n in range(2000)]
    first = told.told_before(world.clients, keys)
    assert first is not None
    assert sum(first) == 0
    assert told.told_before(world.clients, keys) == [True] * 2000
    # Another day has a filter of its own.
    assert told.told_before(world.clients, [("2026-10-02", "v#1")]) == [False]
    assert 0 < world.clients.redis.ttl("fleet:told:2026-10-01") <= told.KEPT_S
