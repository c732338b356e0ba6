"""The loader: a file of metadata to the table of vehicles and the cache; what it changes is judged
again.

One call at a time: it reads what is known of a vehicle, adds a day, and writes it back.
"""

from __future__ import annotations

import datetime as dt
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from strata.fs.local import delivery_date
from strata.light.cloud import store
from strata.light.cloud.events import Arrival
from strata.light.cloud.messages import File, Packer
from strata.light.cloud.metadata import Vehicles, vehicle_of
from strata.light.cloud.queues import Outgoing, send_all
from strata.light.cloud.settings import Clients
from strata.light.fixes import Vehicle
from strata.light.order import UNDATED
from strata.light.source import quick_judge
from strata.light.vehicles import State, newest, states

_GROUP = 1000


@dataclass
class Loaded:
    """What one file of metadata has done."""

    records: int = 0
    changed: int = 0
    """Vehicles that are known otherwise than before."""
    judged_again: int = 0
    """Records that were sent to be judged again."""
    cached: bool = True


def load(clients: Clients, arrival: Arrival, vehicles: Vehicles) -> Loaded:
    """Takes one file of metadata. BadFile where it is none."""
    path = arrival.path("vehicles")
    day = delivery_date(path) or UNDATED
    asked = {"Bucket": arrival.bucket, "Key": arrival.key}
    if arrival.version:
        asked["VersionId"] = arrival.version
    body = clients.s3.get_object(**asked)["Body"]
    text = io.TextIOWrapper(io.BufferedReader(body), encoding="utf-8-sig")
    loaded, told = Loaded(), dict[str, list[State]]()
    new: set[str] = set()
    changed: dict[str, Vehicle | None] = {}
    for name, state in states(iter(lambda: text.read(1 << 16), ""), path):
        loaded.records += 1
        told.setdefault(name, []).append(state)
        if len(told) >= _GROUP:
            _merge(clients, day, told, changed, new)
            told = {}
    _merge(clients, day, told, changed, new)
    loaded.changed = len(changed)
    loaded.cached = vehicles.put_new(changed)
    loaded.judged_again = judge_again(clients, changed.keys(), new)
    return loaded


def _merge(
    clients: Clients,
    day: dt.date,
    told: Mapping[str, Sequence[State]],
    changed: dict[str, Vehicle | None],
    new: set[str],
) -> None:
    table = clients.settings.vehicles
    items = store.read_all(clients, table, [{"vehicle_id": name} for name in told])
    held = {item["vehicle_id"]: item for item in items}
    writes = []
    for name, said in told.items():
        before = held.get(name)
        days = json.loads(before["days"]) if before else {}
        for state in said:
            kept = list(state)
            days[day.isoformat()] = kept if days.get(day.isoformat(), kept) == kept else None
        item: dict[str, Any] = {"days": json.dumps(days)}
        state_now = newest({dt.date.fromisoformat(d): s for d, s in days.items()})
        if state_now:
            names = ("max_speed_kmh", "depot_lat_deg", "depot_lon_deg")
            item |= {n: store.decimal(v) for n, v in zip(names, state_now[:3], strict=True)}
        writes.append(store.Write(table, {"vehicle_id": name}, item))
        was, now = before and vehicle_of(before), vehicle_of(item)
        if before is None or was != now:
            changed[name] = now
        if was is None:
            new.add(name)
    failed = store.write_all(clients, writes)
    if failed:
        raise TimeoutError(
            f"{len(failed)} vehicles were not written: {next(iter(failed.values()))}"
        )


# --- judging again --------------------------------------------------------------------------------


def judge_again(clients: Clients, changed: Any, new: set[str]) -> int:
    """Sends what was judged by what was known before to be judged again; returns how many records.

    Of a vehicle that nobody knew no fix stands, so only its rejected records are looked at.
    """
    names = set(changed)
    found = list(_rejected_of(clients, names))
    for name in sorted(names - new):
        found += [(item, *item["claim"].split("#")[2:]) for item in store.claims(clients, name)]
    packers: dict[tuple[File, str], Packer] = {}
    full: dict[str, list[Outgoing]] = {"moving": [], "idle": []}
    for item, sha256, number in found:
        day = item["delivered_on"]
        file = File(
            item["file"], sha256, item["layout"], None if day == store.UNDATED_TEXT else day
        )
        row: Any = store.record_of(item)
        kind = "moving" if quick_judge(file.layout, file.day).is_moving(row) else "idle"
        packer = packers.setdefault((file, kind), Packer(file, item["first_seen"], again=True))
        full[kind] += map(Outgoing, packer.add(int(number), row))
    for (_, kind), packer in packers.items():
        full[kind] += map(Outgoing, packer.rest())
    send_all(clients, clients.settings.moving, full["moving"])
    send_all(clients, clients.settings.idle, full["idle"])
    return len(found)


def _rejected_of(clients: Clients, names: set[str]) -> Iterator[tuple[Mapping[str, Any], str, str]]:
    """Rejected records of these vehicles, by the index of those that name one."""
    if not names:
        return
    query = {"TableName": clients.settings.rejected, "IndexName": "by_vehicle"}
    for item in store.pages(clients.dynamodb.scan, query):
        if item["vehicle_id"] in names:
            yield item, item["file_sha256"], str(item["record_number"])
