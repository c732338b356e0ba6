"""Sending to SQS: ten messages and 256 KiB a request, and what was not taken again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from strata.errors import BadFile, ResourceMissing
from strata.light.cloud.settings import Clients, backoff

MOST_MESSAGES = 10
MOST_BYTES = 262_144
_ATTEMPTS = 6


@dataclass(frozen=True)
class Outgoing:
    """One message to be sent."""

    body: str
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes, as SQS counts them."""
        told = (f"{name}{text}String" for name, text in self.attributes.items())
        return len(self.body.encode()) + sum(len(text.encode()) for text in told)


def send_all(clients: Clients, queue: str, messages: Iterable[Outgoing]) -> int:
    """Sends messages; returns how many. ResourceMissing if some are not taken after six tries,
    BadFile for one that is larger than SQS takes."""
    sent = 0
    for group in _grouped(messages):
        _send(clients, queue, group)
        sent += len(group)
    return sent


def _grouped(messages: Iterable[Outgoing]) -> Iterator[list[Outgoing]]:
    group: list[Outgoing] = []
    size = 0
    for message in messages:
        if message.size > MOST_BYTES:
            raise BadFile(f"a message has at most {MOST_BYTES} bytes; this one has {message.size}")
        if group and (len(group) == MOST_MESSAGES or size + message.size > MOST_BYTES):
            yield group
            group, size = [], 0
        group.append(message)
        size += message.size
    if group:
        yield group


def _send(clients: Clients, queue: str, group: list[Outgoing]) -> None:
    left = {str(place): message for place, message in enumerate(group)}
    for attempt in range(_ATTEMPTS):
        answer = clients.sqs.send_message_batch(
            QueueUrl=queue, Entries=[_entry(name, message) for name, message in left.items()]
        )
        for taken in answer.get("Successful", []):
            told = hashlib.md5(left[taken["Id"]].body.encode(), usedforsecurity=False).hexdigest()
            if taken["MD5OfMessageBody"] == told:
                left.pop(taken["Id"])
        if not left:
            return
        clients.sleep(backoff(attempt))
    raise ResourceMissing(f"{len(left)} messages were not taken by {queue} in {_ATTEMPTS} tries")


def _entry(name: str, message: Outgoing) -> dict[str, Any]:
    attributes = {
        key: {"DataType": "String", "StringValue": text}
        for key, text in message.attributes.items()
        if text
    }
    return {"Id": name, "MessageBody": message.body, "MessageAttributes": attributes}
