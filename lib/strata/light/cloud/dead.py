"""Dead letters: what could not be done in three tries, with all that says why; and its way back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from strata.light.cloud.queues import Outgoing, send_all
from strata.light.cloud.settings import Clients

_TEXT = 800
_AT_ONCE = 10
_HIDDEN_S = 60


@dataclass(frozen=True)
class Letter:
    """One dead letter: what was to be done, and why it could not be."""

    body: str
    reason: str
    rule: str = "it must be done in three tries"
    file: str = ""
    record: str = ""
    first_seen: str = ""
    failed_at: str = ""
    queue: str = ""
    """Name of the queue that it came by."""
    attempt: int = 1

    @property
    def attributes(self) -> dict[str, str]:
        """Its metadata, as a message's attributes."""
        told = {
            "reason": self.reason,
            "rule": self.rule,
            "file": self.file,
            "record": self.record,
            "first_seen": self.first_seen,
            "failed_at": self.failed_at,
            "queue": self.queue,
            "attempt": str(self.attempt),
        }
        return {name: text[:_TEXT] for name, text in told.items() if text}


def send_letters(clients: Clients, letters: Sequence[Letter]) -> int:
    """Sends letters to the dead; returns how many."""
    messages = [Outgoing(letter.body, letter.attributes) for letter in letters]
    return send_all(clients, clients.settings.dead, messages)


@dataclass(frozen=True)
class Found:
    """A letter as it lies in the queue."""

    body: str
    attributes: Mapping[str, str]
    receipt: str


def letters(clients: Clients) -> Iterator[list[Found]]:
    """The letters that lie there, up to ten at a time; each is hidden from others for a minute, or
    until it is released."""
    while True:
        answer = clients.sqs.receive_message(
            QueueUrl=clients.settings.dead,
            MaxNumberOfMessages=_AT_ONCE,
            MessageAttributeNames=["All"],
            VisibilityTimeout=_HIDDEN_S,
            WaitTimeSeconds=1,
        )
        found = [_found(message) for message in answer.get("Messages", [])]
        if not found:
            return
        yield found


def _found(message: Mapping[str, Any]) -> Found:
    told = message.get("MessageAttributes", {})
    attributes = {name: value["StringValue"] for name, value in told.items()}
    return Found(message["Body"], attributes, message["ReceiptHandle"])


def redrive(
    clients: Clients, choose: Callable[[Mapping[str, str]], bool], queues: Mapping[str, str]
) -> tuple[int, int]:
    """Sends the chosen letters back to the queues that they came by, and takes them off; returns
    how many went back and how many stay.

    A letter is sent before it is taken off: a kill between the two sends it twice, which changes
    nothing. `queues` are URLs by name; a letter of another queue stays.
    """
    back, stay = 0, list[Found]()
    for group in letters(clients):
        chosen = [x for x in group if choose(x.attributes) and x.attributes.get("queue") in queues]
        for name in sorted({x.attributes["queue"] for x in chosen}):
            of_queue = [x for x in chosen if x.attributes["queue"] == name]
            send_all(clients, queues[name], [Outgoing(x.body) for x in of_queue])
            entries = [{"Id": str(n), "ReceiptHandle": x.receipt} for n, x in enumerate(of_queue)]
            clients.sqs.delete_message_batch(QueueUrl=clients.settings.dead, Entries=entries)
        back += len(chosen)
        stay += [letter for letter in group if letter not in chosen]
    release(clients, stay)
    return back, len(stay)


def release(clients: Clients, found: Sequence[Found]) -> None:
    """Shows letters that stay to others at once: the next command must not miss them."""
    for start in range(0, len(found), _AT_ONCE):
        entries = [
            {"Id": str(n), "ReceiptHandle": letter.receipt, "VisibilityTimeout": 0}
            for n, letter in enumerate(found[start : start + _AT_ONCE])
        ]
        # One whose time is over is seen anyway; SQS names it in its answer and fails nothing.
        clients.sqs.change_message_visibility_batch(QueueUrl=clients.settings.dead, Entries=entries)
