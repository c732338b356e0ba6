"""What is known of vehicles: from Redis, from the table behind it where Redis is away.

A value in the cache is fresh for an hour and kept for two. In the second hour it is served as it is
while one asker, who holds its lock, reads it anew (stale while revalidate). What is not there is
read by whoever holds the lock of its bucket; the others wait for a moment, then read on their own.
"""

from __future__ import annotations

import json
import logging
import time
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from strata.light.cloud.settings import Clients
from strata.light.cloud.store import read_all
from strata.light.fixes import Vehicle

FRESH_S, KEPT_S = 3600, 7200
UNKNOWN_S = 60
"""How long a vehicle that nobody knows is taken for unknown without a look into the table."""
AWAY_S = 30
"""How long Redis is not asked after it did not answer."""
_LOCK_MS, _WAIT_S, _WAITS = 2000, 0.05, 4
_BUCKETS = 64
_LOG = logging.getLogger(__name__)
# Sets a value only where the one that was read still stands: metadata may have come since.
_SWAP = """
local old = redis.call('GET', KEYS[1])
if (old == false and ARGV[1] == '') or old == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
  return 1
end
return 0
"""


@dataclass
class Counts:
    """How the cache did."""

    hits: int = 0
    stale: int = 0
    misses: int = 0
    table_reads: int = 0
    away: int = 0


@dataclass
class Vehicles:
    """Looks up vehicles in bulk."""

    clients: Clients
    now: Callable[[], float] = time.time
    counts: Counts = field(default_factory=Counts)
    _away_until: float = 0.0
    _own: dict[str, tuple[float, Vehicle | None]] = field(default_factory=dict)

    def find(self, names: Iterable[str]) -> dict[str, Vehicle]:
        """The vehicles of these ids that are known."""
        wanted = sorted({name for name in names if name})
        found = self._from_redis(wanted)
        if found is None:
            self.counts.away += 1
            found = self._without_redis(wanted)
        return {name: vehicle for name, vehicle in found.items() if vehicle}

    # --- with Redis ---------------------------------------------------------------------------

    def _from_redis(self, names: Sequence[str]) -> dict[str, Vehicle | None] | None:
        """None where Redis does not answer."""
        cache = self.clients.redis
        if cache is None or self.now() < self._away_until or not names:
            return None
        try:
            held = dict(zip(names, cache.mget([key_of(name) for name in names]), strict=True))
            fresh, stale, missing = self._sorted_out(held)
            if stale:
                self._revalidate(stale, held)
            if missing:
                fresh |= self._fill(missing)
            return fresh
        except _errors() as error:
            self._away_until = self.now() + AWAY_S
            _LOG.warning("Redis does not answer, the table is asked for %s s: %s", AWAY_S, error)
            return None

    def _sorted_out(
        self, held: Mapping[str, bytes | None]
    ) -> tuple[dict[str, Vehicle | None], list[str], list[str]]:
        known: dict[str, Vehicle | None] = {}
        stale, missing, now = [], [], self.now()
        for name, value in held.items():
            if value is None:
                missing.append(name)
                continue
            until, state = json.loads(value)
            known[name] = Vehicle(*state) if state else None
            if until < now:
                stale.append(name)
        self.counts.hits += len(known) - len(stale)
        self.counts.stale += len(stale)
        self.counts.misses += len(missing)
        return known, stale, missing

    def _revalidate(self, stale: Sequence[str], held: Mapping[str, bytes | None]) -> None:
        for bucket, names in _buckets(stale).items():
            if self._lock(bucket):
                self._put(self._from_table(names), held)

    def _fill(self, missing: Sequence[str]) -> dict[str, Vehicle | None]:
        found: dict[str, Vehicle | None] = {}
        waiting: list[str] = []
        for bucket, names in _buckets(missing).items():
            if self._lock(bucket):
                read = self._from_table(names)
                self._put(read, {})
                found |= read
            else:
                waiting += names
        for _ in range(_WAITS if waiting else 0):
            self.clients.sleep(_WAIT_S)
            values = self.clients.redis.mget([key_of(name) for name in waiting])
            there = {n: v for n, v in zip(waiting, values, strict=True) if v is not None}
            found |= {n: Vehicle(*s) if (s := json.loads(v)[1]) else None for n, v in there.items()}
            waiting = [name for name in waiting if name not in there]
            if not waiting:
                break
        # Whoever held the lock may have died: nobody waits for longer.
        return found | self._from_table(waiting)

    def _lock(self, bucket: int) -> bool:
        return bool(self.clients.redis.set(f"fleet:lock:{bucket}", 1, nx=True, px=_LOCK_MS))

    def _put(self, read: Mapping[str, Vehicle | None], held: Mapping[str, bytes | None]) -> None:
        swap = self.clients.redis.register_script(_SWAP)
        pipe = self.clients.redis.pipeline(transaction=False)
        for name, vehicle in read.items():
            kept = KEPT_S if vehicle else UNKNOWN_S
            values = [held.get(name) or "", self._value(vehicle), kept]
            swap(keys=[key_of(name)], args=values, client=pipe)
        pipe.execute()

    def _value(self, vehicle: Vehicle | None) -> str:
        state = vehicle and [vehicle.max_speed_kmh, vehicle.depot_lat_deg, vehicle.depot_lon_deg]
        return json.dumps([int(self.now()) + FRESH_S, state])

    def put_new(self, changed: Mapping[str, Vehicle | None]) -> bool:
        """Puts what a new file of metadata has changed over what is cached; whether Redis took it.

        Written, not deleted: a reader that had read the table before could otherwise fill the old
        state in again.
        """
        if self.clients.redis is None:
            return False
        try:
            pipe = self.clients.redis.pipeline(transaction=False)
            for name, vehicle in changed.items():
                kept = KEPT_S if vehicle else UNKNOWN_S
                pipe.set(key_of(name), self._value(vehicle), ex=kept)
            pipe.execute()
        except _errors() as error:
            _LOG.warning("Redis does not answer; it may serve old metadata for an hour: %s", error)
            return False
        return True

    # --- the table ----------------------------------------------------------------------------

    def _without_redis(self, names: Sequence[str]) -> dict[str, Vehicle | None]:
        """From what this process has read within a minute, else from the table."""
        now = self.now()
        known = {n: held[1] for n in names if (held := self._own.get(n)) and held[0] > now}
        missing = [name for name in names if name not in known]
        read = self._from_table(missing)
        if len(self._own) > 100_000:
            self._own.clear()
        self._own |= {name: (now + UNKNOWN_S, vehicle) for name, vehicle in read.items()}
        return known | read

    def _from_table(self, names: Sequence[str]) -> dict[str, Vehicle | None]:
        if not names:
            return {}
        self.counts.table_reads += len(names)
        keys = [{"vehicle_id": name} for name in names]
        items = read_all(self.clients, self.clients.settings.vehicles, keys)
        known = {item["vehicle_id"]: vehicle_of(item) for item in items}
        return {name: known.get(name) for name in names}


def vehicle_of(item: Mapping[str, Any]) -> Vehicle | None:
    """The vehicle of an item; None where no sound record of it agrees with its day's others."""
    names = ("max_speed_kmh", "depot_lat_deg", "depot_lon_deg")
    return Vehicle(*[float(item[name]) for name in names]) if names[0] in item else None


def key_of(name: str) -> str:
    """The key of a vehicle in the cache."""
    return f"fleet:vehicle:{name}"


def _buckets(names: Iterable[str]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for name in names:
        found.setdefault(zlib.crc32(name.encode()) % _BUCKETS, []).append(name)
    return found


def _errors() -> tuple[type[Exception], ...]:
    import redis

    return (redis.RedisError, OSError)
