"""Fixes and rejected records in DynamoDB.

An item is one record's claim: the key of a fix is its vehicle and `instant#delivery#file#number`,
so that a batch write, which can ask no condition, is right in any order and however often it is
made. The claims of one vehicle and instant lie together, in the order by which one of them stands;
who reads settles them.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Any

from botocore.exceptions import ClientError

from strata.light.cloud.settings import Clients, backoff
from strata.light.fixes import Fix
from strata.light.order import UNDATED, Settled, Told, settle

MOST_ITEMS = 25
"""Of one batch write; DynamoDB refuses more, and its emulators may not."""
MOST_KEYS = 100
_ATTEMPTS = 8
_NUMBERS = ("lat_deg", "lon_deg", "speed_kmh", "fuel_level_pct")
_RETRIED = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "RequestLimitExceeded",
        "InternalServerError",
        "ServiceUnavailable",
    }
)

Key = tuple[str, ...]
"""Table, and the parts of an item's key, as text."""


@dataclass(frozen=True)
class Write:
    """One item to put, or the key of one to delete."""

    table: str
    key: Mapping[str, Any]
    item: Mapping[str, Any] | None = None

    @property
    def identity(self) -> Key:
        """What no batch may hold twice."""
        return self.table, *map(str, self.key.values())

    @property
    def request(self) -> dict[str, Any]:
        """As DynamoDB takes it."""
        if self.item is None:
            return {"DeleteRequest": {"Key": dict(self.key)}}
        return {"PutRequest": {"Item": {**self.key, **self.item}}}


# --- items ----------------------------------------------------------------------------------------


def decimal(value: float) -> Decimal:
    """A number as DynamoDB takes it: the shortest text that is this float and no other."""
    return Decimal(repr(value))


def fix_key(told: Told) -> dict[str, str]:
    """The key of a fix: it sorts by instant, then by the order in which one of them stands."""
    day = told.delivered_on.isoformat()
    claim = f"{instant(told.fix.fixed_at)}#{day}#{told.sha256}#{told.number:012d}"
    return {"vehicle_id": told.fix.vehicle_id, "claim": claim}


def instant(at: dt.datetime) -> str:
    """An instant of a key: of one width, so that texts sort as instants do."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond:06d}Z"


def fix_write(table: str, told: Told, more: Mapping[str, Any]) -> Write:
    """A sound record; `more` is what else is kept of it. What is not told is left out."""
    values = {name: getattr(told.fix, name) for name in _NUMBERS}
    item = {name: decimal(value) for name, value in values.items() if value is not None}
    if told.fix.engine_status is not None:
        item["engine_status"] = told.fix.engine_status  # type: ignore[assignment]
    return Write(table, fix_key(told), {**item, **more})


def told_of(item: Mapping[str, Any]) -> Told:
    """The record of an item of the table of fixes."""
    at, day, sha256, number = item["claim"].split("#")
    lat, lon, speed, fuel = (float(item[n]) if n in item else None for n in _NUMBERS)
    at_instant = dt.datetime.fromisoformat(at[:-1] + "+00:00")
    values: Any = (item["vehicle_id"], at_instant, lat, lon, speed, item.get("engine_status"), fuel)
    return Told(dt.date.fromisoformat(day), sha256, int(number), Fix(*values))


def reject_key(sha256: str, number: int) -> dict[str, Any]:
    """The key of a rejected record."""
    return {"file_sha256": sha256, "record_number": number}


def expiry(days: int) -> int:
    """When an item may go, in seconds of Unix time."""
    return int(time.time()) + days * 86_400


# --- reading --------------------------------------------------------------------------------------


def claims(clients: Clients, vehicle: str, prefix: str = "") -> Iterator[Mapping[str, Any]]:
    """A vehicle's items whose claims begin so, in their order; read consistently."""
    condition, names = "vehicle_id = :v", {":v": vehicle}
    if prefix:
        condition, names = f"{condition} AND begins_with(claim, :p)", {**names, ":p": prefix}
    query = {
        "TableName": clients.settings.fixes,
        "KeyConditionExpression": condition,
        "ExpressionAttributeValues": names,
        "ConsistentRead": True,
    }
    yield from pages(clients.dynamodb.query, query)


def pages(
    ask: Callable[..., Mapping[str, Any]], query: dict[str, Any]
) -> Iterator[Mapping[str, Any]]:
    """The items of every page of a query or scan."""
    while True:
        answer = ask(**query)
        yield from answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return
        query = {**query, "ExclusiveStartKey": answer["LastEvaluatedKey"]}


def settled(items: Iterable[Mapping[str, Any]]) -> Iterator[Settled]:
    """What stands at each instant; the items of a vehicle in their order."""
    told = map(told_of, items)
    for _, same in groupby(told, key=lambda one: (one.fix.vehicle_id, one.fix.fixed_at)):
        yield settle(list(same))


# --- writing --------------------------------------------------------------------------------------


def write_all(clients: Clients, writes: Iterable[Write]) -> dict[Key, str]:
    """Writes items, of one key the last; returns why some were not written, by their keys."""
    # A batch with one key twice is refused whole.
    left = list({write.identity: write for write in writes}.values())
    failed: dict[Key, str] = {}
    for start in range(0, len(left), MOST_ITEMS):
        failed |= _write(clients, left[start : start + MOST_ITEMS])
    return failed


def _write(clients: Clients, group: Sequence[Write]) -> dict[Key, str]:
    try:
        unwritten = _write_batch(clients, group)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationException":
            return {write.identity: str(error) for write in group}
        if len(group) == 1:
            return {group[0].identity: str(error)}
        # One item that DynamoDB does not take must not keep its neighbours out.
        failed: dict[Key, str] = {}
        for write in group:
            failed |= _write(clients, [write])
        return failed
    return dict.fromkeys(unwritten, f"it was not written in {_ATTEMPTS} tries")


def _write_batch(clients: Clients, group: Sequence[Write]) -> list[Key]:
    """Writes a batch; what DynamoDB leaves over is tried again. Returns what is left at last."""
    left = list(group)
    for attempt in range(_ATTEMPTS):
        if not 0 < len(left) <= MOST_ITEMS:
            raise ValueError(f"a batch write has 1 to {MOST_ITEMS} items; this one has {len(left)}")
        asked: dict[str, list[dict[str, Any]]] = {}
        for write in left:
            asked.setdefault(write.table, []).append(write.request)
        unprocessed = _ask(clients, asked)
        left = [write for write in left if write.request in unprocessed.get(write.table, ())]
        if not left:
            return []
        clients.sleep(backoff(attempt))
    return [write.identity for write in left]


def _ask(clients: Clients, asked: dict[str, list[dict[str, Any]]]) -> Mapping[str, Any]:
    try:
        answer = clients.dynamodb.batch_write_item(RequestItems=asked)
    except ClientError as error:
        if error.response["Error"]["Code"] in _RETRIED:
            return asked
        raise
    unprocessed: Mapping[str, Any] = answer.get("UnprocessedItems", {})
    return unprocessed


def read_all(
    clients: Clients, table: str, keys: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """The items of these keys that there are; read consistently."""
    found: list[Mapping[str, Any]] = []
    for start in range(0, len(keys), MOST_KEYS):
        asked: Any = {
            table: {"Keys": list(keys[start : start + MOST_KEYS]), "ConsistentRead": True}
        }
        for attempt in range(_ATTEMPTS):
            answer = clients.dynamodb.batch_get_item(RequestItems=asked)
            found += answer["Responses"].get(table, [])
            asked = answer.get("UnprocessedKeys")
            if not asked:
                break
            clients.sleep(backoff(attempt))
        else:
            raise TimeoutError(f"items of {table} were not read in {_ATTEMPTS} tries")
    return found


def record_of(item: Mapping[str, Any]) -> list[str] | str:
    """The record that an item keeps, to be judged again."""
    found: list[str] | str = json.loads(item["record"])
    return found


UNDATED_TEXT = UNDATED.isoformat()
