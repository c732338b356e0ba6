"""What the table of fixes says against what the batch path has published, record by record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from strata.light.cloud import store
from strata.light.cloud.settings import Clients
from strata.light.fixes import instant_text
from strata.light.order import CONFLICT, Told

VALUES = ("lat_deg", "lon_deg", "speed_kmh", "engine_status", "fuel_level_pct")
METRES = 1e-6
"""Within which distances are the same: both paths call PROJ, on machines that may differ."""
_SHOWN = 100


@dataclass
class Comparison:
    """How two paths agree."""

    fixes: int = 0
    same: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    """Differences by kind."""
    differences: list[dict[str, Any]] = field(default_factory=list)
    """The first hundred of them, each with the record that it is of."""

    def add(self, kind: str, **facts: Any) -> None:
        """Notes one difference."""
        self.counts[kind] += 1
        if len(self.differences) < _SHOWN:
            self.differences.append({"difference": kind, **facts})


def compare(
    clients: Clients,
    fixes: Iterable[Mapping[str, Any]],
    rejected: Iterable[tuple[str, int, tuple[str, ...]]],
) -> Comparison:
    """Compares published rows of `silver.fleet_fixes`, and its rejected rows, each with its file,
    number and reasons, with the tables of fixes and of rejected records."""
    found = Comparison()
    published = {(row["vehicle_id"], row["fixed_at"]): row for row in fixes}
    in_conflict: set[tuple[str, int]] = set()
    for settled, item in _standing(clients):
        in_conflict |= {(told.sha256, told.number) for told in settled.in_conflict}
        if settled.stands:
            _compare_fix(found, settled, item, published)
    for (vehicle, at), row in published.items():
        record = {"file": row["_file_sha256"], "record": row["_record_number"]}
        found.add("only in the warehouse", vehicle_id=vehicle, fixed_at=instant_text(at), **record)
    _compare_rejected(found, dict(_rejected(clients, in_conflict)), rejected)
    return found


def _standing(clients: Clients) -> Iterator[tuple[Any, dict[str, Mapping[str, Any]]]]:
    """What is settled of each vehicle's instants, with the items by their claims."""
    items = store.pages(
        clients.dynamodb.scan, {"TableName": clients.settings.fixes, "ConsistentRead": True}
    )
    for _, of_vehicle in groupby(items, key=lambda item: item["vehicle_id"]):
        # Items of one vehicle come together and in order; a vehicle's are few enough to hold.
        held = {item["claim"]: item for item in of_vehicle}
        for settled in store.settled(held.values()):
            yield settled, held


def _compare_fix(
    found: Comparison,
    settled: Any,
    held: Mapping[str, Mapping[str, Any]],
    published: dict[Any, Any],
) -> None:
    told: Told = settled.stands
    fix = told.fix
    where = {"vehicle_id": fix.vehicle_id, "fixed_at": instant_text(fix.fixed_at),
             "file": told.sha256, "record": told.number}  # fmt: skip
    found.fixes += 1
    row = published.pop((fix.vehicle_id, fix.fixed_at), None)
    if row is None:
        found.add("only in the table", **where)
        return
    differ = {n: (getattr(fix, n), row[n]) for n in VALUES if getattr(fix, n) != row[n]}
    if settled.versions != row["versions"]:
        differ["versions"] = (settled.versions, row["versions"])
    metres = float(held[store.fix_key(told)["claim"]]["distance_from_depot_m"])
    if abs(metres - row["distance_from_depot_m"]) > METRES:
        differ["distance_from_depot_m"] = (metres, row["distance_from_depot_m"])
    if differ:
        found.add("values differ", **where, values={n: list(v) for n, v in differ.items()})
    else:
        found.same += 1


def _rejected(
    clients: Clients, in_conflict: set[tuple[str, int]]
) -> Iterator[tuple[tuple[str, int], tuple[str, ...]]]:
    query = {"TableName": clients.settings.rejected, "ConsistentRead": True}
    for item in store.pages(clients.dynamodb.scan, query):
        yield (item["file_sha256"], int(item["record_number"])), tuple(item["reasons"])
    for record in in_conflict:
        yield record, (CONFLICT,)


def _compare_rejected(
    found: Comparison,
    here: dict[tuple[str, int], tuple[str, ...]],
    there: Iterable[tuple[str, int, tuple[str, ...]]],
) -> None:
    for sha256, number, reasons in there:
        own = here.pop((sha256, number), None)
        if own is None:
            found.add(
                "rejected only in the warehouse", file=sha256, record=number, reasons=list(reasons)
            )
        elif set(own) != set(reasons):
            found.add(
                "reasons differ", file=sha256, record=number, reasons=[list(own), list(reasons)]
            )
        else:
            found.same += 1
    for (sha256, number), reasons in here.items():
        found.add("rejected only in the table", file=sha256, record=number, reasons=list(reasons))
