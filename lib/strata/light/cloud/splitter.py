"""The splitter: an object of S3 to messages, moving vehicles apart from the others.

Nothing is held of an object but a block and two messages that fill up. Where a function's time
ends, a message to itself says at which byte and record to go on.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, cast

from botocore.exceptions import BotoCoreError, ClientError

from strata.errors import BadFile, ResourceMissing
from strata.fs.local import delivery_date, of_another_delivery
from strata.light import records
from strata.light.cloud.events import Arrival, continuation, parse_place
from strata.light.cloud.messages import File, Packer
from strata.light.cloud.queues import Outgoing, send_all
from strata.light.cloud.settings import Clients, backoff
from strata.light.cloud.store import read_all
from strata.light.look import look
from strata.light.quick import Quick
from strata.light.records import Batch
from strata.light.source import layouts, picker, quick_judge

CHUNK_BYTES = 100 << 20
"""The most that is asked of S3 at once: a connection that breaks costs no more."""
MARGIN_MS = 30_000
"""Time that is left for sending what has been read and the message to go on."""
_ATTEMPTS = 4


@dataclass
class Progress:
    """What one call has done."""

    records: int = 0
    moving: int = 0
    idle: int = 0
    folded: bool = False
    """Whether the same bytes had come under another name in the same delivery."""
    goes_on: bool = False


def split(clients: Clients, arrival: Arrival, time_left_ms: Callable[[], int]) -> Progress:
    """Sends the records of an object to the queues. BadFile where it cannot be read safely."""
    s3_object = _Object(clients, arrival)
    path = arrival.path("events")
    if arrival.seen is None:
        seen = look(s3_object.open_at, path, list(layouts().values()))
        identity = _taken_as(clients, seen.sha256, arrival)
        if not identity:
            return Progress(folded=True)
        arrival = replace(arrival, seen=replace(seen, sha256=identity), start=seen.start)
    progress, arrival = _send(clients, s3_object, arrival, time_left_ms)
    if progress.goes_on:
        send_all(clients, clients.settings.arrivals, [Outgoing(continuation(arrival))])
    else:
        _note_end(clients, arrival)
    return progress


def _send(
    clients: Clients, s3_object: _Object, arrival: Arrival, time_left_ms: Callable[[], int]
) -> tuple[Progress, Arrival]:
    seen, progress = arrival.seen, Progress()
    assert seen, "the look comes first"
    day = delivery_date(seen.path)
    file = File(seen.path, seen.sha256, seen.layout, day.isoformat() if day else None)
    packers = {kind: Packer(file, arrival.first_seen) for kind in ("moving", "idle")}
    pick, judge = picker(layouts()[seen.layout], seen.header), quick_judge(seen.layout, day)
    full: dict[str, list[Outgoing]] = {"moving": [], "idle": []}
    for batch in records.read(s3_object.open_at, seen, arrival.start, arrival.number):
        for number, fields, kind in _of_kinds(batch, pick, judge):
            full[kind] += map(Outgoing, packers[kind].add(number, fields))
            progress.records += 1
        _flush(clients, full, progress)
        arrival = replace(arrival, start=batch.end, number=batch.number + len(batch.records))
        if time_left_ms() < MARGIN_MS:
            progress.goes_on = True
            break
    for kind, packer in packers.items():
        full[kind] += map(Outgoing, packer.rest())
    _flush(clients, full, progress)
    return progress, arrival


def _flush(clients: Clients, full: dict[str, list[Outgoing]], progress: Progress) -> None:
    """Moving ones first."""
    progress.moving += send_all(clients, clients.settings.moving, full["moving"])
    progress.idle += send_all(clients, clients.settings.idle, full["idle"])
    full["moving"], full["idle"] = [], []


def _of_kinds(batch: Batch, pick: Any, judge: Quick) -> Iterator[tuple[int, Any, str]]:
    for place, fields in enumerate(batch.records):
        number = batch.number + place
        if place in batch.broken:
            yield number, batch.broken[place], "idle"
            continue
        row = list(pick(fields))
        yield number, row, "moving" if judge.is_moving(row) else "idle"


# --- which files were taken -----------------------------------------------------------------------


def _taken_as(clients: Clients, sha256: str, arrival: Arrival) -> str:
    """The identity under which an object's bytes are taken; empty where its delivery has them under
    another name. The rule is the batch path's: the same bytes are one file in each delivery."""
    day = delivery_date(arrival.path("events"))
    first = _claim(clients, sha256, arrival.place)
    if first == arrival.place:
        return sha256
    if delivery_date(parse_place(first).path("events")) == day:
        return ""
    own = of_another_delivery(sha256, day)
    return own if _claim(clients, own, arrival.place) == arrival.place else ""


def _claim(clients: Clients, identity: str, place: str) -> str:
    """The place that has this identity: this one, if no other has it. A second try of the same
    object has it too: what it writes again is the same."""
    now = dt.datetime.now(dt.timezone.utc).isoformat()
    try:
        clients.dynamodb.put_item(
            TableName=clients.settings.files,
            Item={"sha256": identity, "place": place, "begun_at": now},
            ConditionExpression="attribute_not_exists(sha256) OR place = :place",
            ExpressionAttributeValues={":place": place},
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        (held,) = read_all(clients, clients.settings.files, [{"sha256": identity}])
        return str(held["place"])
    return place


def _note_end(clients: Clients, arrival: Arrival) -> None:
    assert arrival.seen
    clients.dynamodb.update_item(
        TableName=clients.settings.files,
        Key={"sha256": arrival.seen.sha256},
        UpdateExpression="SET records = :n, ended_at = :t",
        ExpressionAttributeValues={
            ":n": arrival.number - 1,
            ":t": dt.datetime.now(dt.timezone.utc).isoformat(),
        },
    )


# --- the object -----------------------------------------------------------------------------------


class _Object:
    """An object's bytes, asked for in chunks; a broken connection goes on where it broke."""

    def __init__(self, clients: Clients, arrival: Arrival) -> None:
        self._clients = clients
        self._asked = {"Bucket": arrival.bucket, "Key": arrival.key}
        if arrival.version:
            self._asked["VersionId"] = arrival.version
        try:
            head = clients.s3.head_object(**self._asked)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey", "NoSuchVersion"):
                raise BadFile(f"{arrival.place} is gone", path=arrival.key) from None
            raise
        self.size, self._etag = head["ContentLength"], head["ETag"]
        self._place = arrival.place

    @contextmanager
    def open_at(self, start: int) -> Iterator[BinaryIO]:
        """Its bytes from this one on."""
        yield cast(BinaryIO, _Stream(self, start))

    def body(self, start: int) -> Any:
        """The stream of the chunk that begins here."""
        end = min(start + CHUNK_BYTES, self.size) - 1
        try:
            answer = self._clients.s3.get_object(
                **self._asked, Range=f"bytes={start}-{end}", IfMatch=self._etag
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "PreconditionFailed":
                raise BadFile(f"{self._place} changed while it was read") from None
            raise
        return answer["Body"]

    def wait(self, attempt: int, error: Exception) -> None:
        """Waits before the connection is made again."""
        if attempt + 1 >= _ATTEMPTS:
            raise ResourceMissing(f"{self._place} could not be read in {_ATTEMPTS} tries: {error}")
        self._clients.sleep(backoff(attempt))


class _Stream:
    def __init__(self, of: _Object, start: int) -> None:
        self._of, self._at, self._left = of, start, 0
        self._body: Any = None

    def read(self, size: int = -1) -> bytes:
        """The next bytes, of one chunk at most."""
        if self._at >= self._of.size:
            return b""
        for attempt in range(_ATTEMPTS):
            try:
                if not self._left:
                    self._body = self._of.body(self._at)
                    self._left = min(CHUNK_BYTES, self._of.size - self._at)
                data: bytes = self._body.read(min(size if size >= 0 else CHUNK_BYTES, self._left))
                if data:
                    self._at += len(data)
                    self._left -= len(data)
                    return data
                raise OSError("the connection ended early")
            except (BotoCoreError, OSError) as error:
                self._left = 0
                self._of.wait(attempt, error)
        return b""
