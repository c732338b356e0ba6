"""Records on their way: packed into messages by bytes, each with all that a judge needs.

A message holds the records of one file and one kind, moving or idle. SQS takes ten messages and
256 KiB a request, so ten full messages are one request.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from strata.errors import BadFile

MOST_BYTES = 25_000
"""Of one message's body; ten of them, with their attributes, fit into a request."""
KEPT_TEXT = 4_000
"""Characters that are kept of a record that does not parse."""

Row = tuple[int, "Sequence[str] | str"]
"""A record's number, and its `FIELDS`; or the text of one that does not parse."""


@dataclass(frozen=True)
class File:
    """The file of a record."""

    path: str
    sha256: str
    layout: str
    delivered_on: str | None

    @property
    def day(self) -> dt.date | None:
        """The date of its delivery."""
        return dt.date.fromisoformat(self.delivered_on) if self.delivered_on else None


@dataclass(frozen=True)
class Message:
    """Records of one file."""

    file: File
    first_seen: str
    rows: Sequence[Row]
    again: bool = False
    """Whether they were judged before, by what was known then."""

    @property
    def body(self) -> str:
        """The message as text."""
        told = {
            "file": asdict(self.file),
            "first_seen": self.first_seen,
            "again": self.again,
            "rows": [list(row) for row in self.rows],
        }
        return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def read_message(body: str) -> Message:
    """The message of a text. BadFile where it is none."""
    try:
        told = json.loads(body)
        rows = [(int(number), fields) for number, fields in told["rows"]]
        file = File(**told["file"])
        return Message(file, told["first_seen"], rows, bool(told["again"]))
    except (ValueError, TypeError, KeyError) as error:
        raise BadFile(
            f"a message must hold records of a file; this one does not: {error!r}"
        ) from None


@dataclass
class Packer:
    """Gathers records of one file into full messages."""

    file: File
    first_seen: str
    again: bool = False
    _rows: list[Row] = field(default_factory=list)
    _bytes: int = 0

    def add(self, number: int, fields: Sequence[str] | str) -> Iterator[str]:
        """Takes a record; gives the body of a message that is full."""
        told: Any = fields[:KEPT_TEXT] if isinstance(fields, str) else fields
        size = len(json.dumps((number, told), ensure_ascii=False).encode())
        if self._rows and self._bytes + size > MOST_BYTES:
            yield from self.rest()
        self._rows.append((number, told))
        self._bytes += size

    def rest(self) -> Iterator[str]:
        """The body of what is left, if anything is."""
        if self._rows:
            yield Message(self.file, self.first_seen, self._rows, self.again).body
            self._rows, self._bytes = [], 0
