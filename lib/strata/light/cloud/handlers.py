"""The functions that AWS calls; each reads its event, does its work by the modules beside it, and
prints its figures.

| handler          | called by                        | does                                     |
| ---------------- | -------------------------------- | ---------------------------------------- |
| `split_events`   | S3's notices, by a queue         | an object of events to messages          |
| `judge`          | the queues of moving and of idle | records judged and written               |
| `load_vehicles`  | S3's notices, by a queue         | an object of metadata to table and cache |
| `fetch_vehicles` | a schedule                       | the metadata API to an object            |
"""

from __future__ import annotations

import datetime as dt
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from functools import cache
from typing import Any

from strata.errors import BadFile
from strata.light.cloud import api, consumer, loader, splitter
from strata.light.cloud.dead import Letter, send_letters
from strata.light.cloud.events import Arrival, arrivals
from strata.light.cloud.metadata import Vehicles
from strata.light.cloud.metrics import embedded
from strata.light.cloud.settings import Clients, Settings

Event = Mapping[str, Any]


@cache
def clients() -> Clients:
    """What this process calls."""
    return Clients(Settings.from_environment(), time.sleep)


@cache
def vehicles() -> Vehicles:
    """What this process knows of vehicles."""
    return Vehicles(clients())


def split_events(event: Event, context: Any) -> dict[str, Any]:
    """Objects of events to messages."""
    left = context.get_remaining_time_in_millis

    def do(arrival: Arrival) -> None:
        progress = asdict(splitter.split(clients(), arrival, left))
        print(embedded("split_events", {name: int(value) for name, value in progress.items()}))

    return _each(event, do)


def load_vehicles(event: Event, _: Any) -> dict[str, Any]:
    """Objects of metadata to the table and the cache."""

    def do(arrival: Arrival) -> None:
        loaded = asdict(loader.load(clients(), arrival, vehicles()))
        print(embedded("load_vehicles", {name: int(value) for name, value in loaded.items()}))

    return _each(event, do)


def judge(event: Event, _: Any) -> dict[str, Any]:
    """Records judged and written."""
    outcome = consumer.consume(clients(), event, vehicles())
    wrong = outcome.confirmed["new"]
    counts = {
        "accepted": outcome.accepted,
        "rejected": outcome.rejected,
        "dead": outcome.dead,
        "failed_messages": len(outcome.failed),
        "told_again": outcome.told_again,
        "filter_false_positives": wrong,
        "oldest_wait_ms": _oldest_ms(event),
    }
    print(embedded("judge", counts, {"oldest_wait_ms": "Milliseconds"}))
    return outcome.response


def fetch_vehicles(event: Event, _: Any) -> dict[str, str]:
    """The metadata API to an object."""
    today = dt.datetime.now(dt.timezone.utc).date()
    url, bucket = os.environ["STRATA_FLEET_API"], os.environ["STRATA_FLEET_RAW"]
    return {"key": api.fetch(clients(), url, bucket, today)}


def _oldest_ms(event: Event) -> float:
    sent = [int(r["attributes"].get("SentTimestamp", time.time() * 1000)) for r in event["Records"]]
    return max(0.0, round(time.time() * 1000 - min(sent)))


def _each(event: Event, do: Callable[[Arrival], None]) -> dict[str, Any]:
    """Does each object of an event; of SQS, answers for each message on its own."""
    if not any("messageId" in record for record in event.get("Records", ())):
        for arrival in arrivals(event):
            do(arrival)
        return {"batchItemFailures": []}
    failed = [record["messageId"] for record in event["Records"] if not _do_message(record, do)]
    return {"batchItemFailures": [{"itemIdentifier": name} for name in failed]}


def _do_message(record: Mapping[str, Any], do: Callable[[Arrival], None]) -> bool:
    attempt = int(record["attributes"]["ApproximateReceiveCount"])
    try:
        for arrival in _of_message(record["body"]):
            do(arrival)
    except BadFile as error:
        # A second look would find the same.
        return _bury(record, str(error), attempt)
    except Exception as error:
        print(json.dumps({"level": "ERROR", "message": repr(error), "attempt": attempt}))
        return attempt >= consumer.TRIES and _bury(record, repr(error), attempt)
    return True


def _of_message(body: str) -> Iterator[Arrival]:
    try:
        event = json.loads(body)
    except ValueError:
        raise BadFile("a message of an arrival must be JSON; this one is not") from None
    if not isinstance(event, dict):
        raise BadFile("a message of an arrival must be an object; this one is none")
    yield from arrivals(event)


def _bury(record: Mapping[str, Any], reason: str, attempt: int) -> bool:
    queue = record.get("eventSourceARN", "").rpartition(":")[2]
    now = dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds")
    first = str(record["attributes"].get("SentTimestamp", ""))
    rule = "a file must be one that can be read safely"
    path = str(error_path(record["body"]))
    letter = Letter(record["body"], reason, rule, path, "", first, now, queue, attempt)
    send_letters(clients(), [letter])
    return True


def error_path(body: str) -> str:
    """The object that a message names, as far as it names one."""
    try:
        return next(iter(arrivals(json.loads(body)))).place
    except Exception:
        return ""
