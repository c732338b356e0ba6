"""The consumer: records of messages judged and written, each message answered for on its own.

A message that failed comes again; at its third try what still fails is sent to the dead letters,
record by record, with the reason, and the rest of the message is done.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from strata.errors import BadFile
from strata.light import distance
from strata.light.cloud import store
from strata.light.cloud.dead import Letter, send_letters
from strata.light.cloud.messages import Message, Row, read_message
from strata.light.cloud.metadata import Vehicles
from strata.light.cloud.settings import Clients
from strata.light.cloud.store import Key, Write
from strata.light.cloud.told import told_before
from strata.light.fixes import Fix, Vehicle
from strata.light.order import CONFLICT, REPEATED, SUPERSEDED, UNDATED, Told, settle
from strata.light.records import UNPARSED
from strata.light.source import quick_judge

TRIES = 3
"""Of a message, the first included."""
_INDEXED_BYTES = 1024
"""A vehicle's id beyond this is not indexed among rejected records."""
_STANDS = "same record"
"""Of a fix that the table holds already."""


@dataclass
class Outcome:
    """What one call has done."""

    accepted: int = 0
    rejected: int = 0
    dead: int = 0
    told_again: int = 0
    """Instants that the filter took for told before."""
    confirmed: Counter[str] = field(default_factory=Counter)
    """How each stands to what the table and this call told before it: `new` is a mistake of the
    filter."""
    failed: list[str] = field(default_factory=list)
    """Ids of the messages that must come again."""
    oldest_ms: dict[str, int] = field(default_factory=dict)

    @property
    def response(self) -> dict[str, Any]:
        """What SQS asks for: the messages that failed, and no others."""
        return {"batchItemFailures": [{"itemIdentifier": name} for name in self.failed]}


@dataclass
class _Work:
    """One message, and what of it failed."""

    id: str
    attempt: int
    body: str
    queue: str
    message: Message | None = None
    writes: dict[Key, int] = field(default_factory=dict)
    """The number of the record of each write."""
    failures: dict[int | None, str] = field(default_factory=dict)
    """By a record's number, why it failed; None is the whole message."""


def consume(clients: Clients, event: Mapping[str, Any], vehicles: Vehicles) -> Outcome:
    """Judges and writes the records of up to ten messages of SQS."""
    outcome = Outcome()
    works = [_work_of(record) for record in event["Records"]]
    known = vehicles.find(
        fields[0]
        for work in works
        for _, fields in (work.message.rows if work.message else ())
        if not isinstance(fields, str)
    )
    writes: list[Write] = []
    for work in works:
        if work.message:
            writes += _judged(clients, work, work.message, known, outcome)
    writes = _without_told(clients, writes, outcome)
    failed = store.write_all(clients, writes)
    for work in works:
        for key, why in failed.items():
            if key in work.writes:
                work.failures[work.writes[key]] = why
        _answer(clients, work, outcome)
    return outcome


def _work_of(record: Mapping[str, Any]) -> _Work:
    attempt = int(record["attributes"]["ApproximateReceiveCount"])
    queue = record.get("eventSourceARN", "").rpartition(":")[2]
    work = _Work(record["messageId"], attempt, record["body"], queue)
    try:
        work.message = read_message(work.body)
    except BadFile as error:
        work.failures[None] = str(error)
    return work


# --- judging --------------------------------------------------------------------------------------


def _judged(
    clients: Clients, work: _Work, message: Message, known: Mapping[str, Vehicle], outcome: Outcome
) -> list[Write]:
    try:
        rows = [(number, fields) for number, fields in message.rows if not isinstance(fields, str)]
        judge = quick_judge(message.file.layout, message.file.day)
        sound, rejected = judge.judge_all([fields for _, fields in rows], known.get)
    except Exception as error:  # whatever is wrong with a message must not stop the others
        work.failures[None] = f"it cannot be judged: {error!r}"
        return []
    told = dict(sound.fixes())
    metres = distance.from_depots(sound.lat, sound.lon, [known[name] for name in sound.name])
    away = dict(zip(sound.place, metres, strict=True))
    writes: list[Write] = []
    for place, fix in told.items():
        writes += _accept(clients, work, message, rows[place], fix, away[place])
    for place, reasons in rejected:
        writes += _reject(clients, work, message, rows[place], reasons)
    broken = [row for row in message.rows if isinstance(row[1], str)]
    for row in broken:
        writes += _reject(clients, work, message, row, (UNPARSED,))
    outcome.accepted += len(told)
    outcome.rejected += len(rejected) + len(broken)
    return writes


def _kept(clients: Clients, message: Message, fields: Any) -> dict[str, Any]:
    """What is kept of every record, so that it can be judged again."""
    return {
        "file": message.file.path,
        "layout": message.file.layout,
        "delivered_on": message.file.delivered_on or store.UNDATED_TEXT,
        "record": json.dumps(fields, ensure_ascii=False, separators=(",", ":")),
        "first_seen": message.first_seen,
        "expires_at": store.expiry(clients.settings.retention_days),
    }


def _accept(
    clients: Clients, work: _Work, message: Message, row: Row, fix: Fix, metres: float
) -> list[Write]:
    number, fields = row
    settings = clients.settings
    told = Told(message.file.day or UNDATED, message.file.sha256, number, fix)
    more = {**_kept(clients, message, fields), "distance_from_depot_m": store.decimal(metres)}
    writes = [store.fix_write(settings.fixes, told, more)]
    if message.again:
        writes.append(Write(settings.rejected, store.reject_key(told.sha256, number)))
    work.writes |= {write.identity: number for write in writes}
    return writes


def _reject(
    clients: Clients, work: _Work, message: Message, row: Row, reasons: Sequence[str]
) -> list[Write]:
    number, fields = row
    settings, sha256 = clients.settings, message.file.sha256
    item = {**_kept(clients, message, fields), "reasons": list(reasons)}
    name = fields[0] if not isinstance(fields, str) else ""
    if 0 < len(name.encode()) <= _INDEXED_BYTES:
        item["vehicle_id"] = name
    writes = [Write(settings.rejected, store.reject_key(sha256, number), item)]
    if message.again and name:
        at = quick_judge(message.file.layout, message.file.day).instant(fields[1])
        if at is not None:
            fix = Fix(name, at, 0.0, 0.0, 0.0, None, None)
            told = Told(message.file.day or UNDATED, sha256, number, fix)
            writes.append(Write(settings.fixes, store.fix_key(told)))
    work.writes |= {write.identity: number for write in writes}
    return writes


# --- what was told before ------------------------------------------------------------------------


def _without_told(clients: Clients, writes: list[Write], outcome: Outcome) -> list[Write]:
    """Without the fixes that stand in the table already, as they come when a message comes twice.

    The filter says which may; the table says which do, and how the others stand to what was told.
    """
    fixes = [w for w in writes if w.table == clients.settings.fixes and w.item is not None]
    keys = [(w.key["claim"][:10], f"{w.key['vehicle_id']}#{w.key['claim'][:27]}") for w in fixes]
    before = told_before(clients, keys)
    if before is None:
        return writes
    known: set[Key] = set()
    earlier: dict[tuple[str, str], list[Write]] = defaultdict(list)
    for write, key, is_told in zip(fixes, keys, before, strict=True):
        if is_told:
            outcome.told_again += 1
            said = _confirm(clients, write, earlier[key])
            outcome.confirmed[said] += 1
            if said == _STANDS:
                known.add(write.identity)
        earlier[key].append(write)
    return [write for write in writes if write.identity not in known]


def _confirm(clients: Clients, write: Write, earlier: Sequence[Write]) -> str:
    """How a fix stands to what the table and earlier writes of this call, which are not in the
    table yet, have for its vehicle and instant, by the batch's order."""
    items = list(store.claims(clients, write.key["vehicle_id"], write.key["claim"][:27]))
    if any(item["claim"] == write.key["claim"] for item in items):
        return _STANDS
    told = [store.told_of(item) for item in (*items, *map(_item, earlier))]
    if not told:
        return "new"
    own = store.told_of(_item(write))
    settled = settle([*told, own])
    if own in settled.superseded:
        return SUPERSEDED
    if own in settled.in_conflict:
        return CONFLICT
    return REPEATED if own in settled.repeated or settled.repeated else "supersedes"


def _item(write: Write) -> Mapping[str, Any]:
    return {**write.key, **(write.item or {})}


# --- answering ------------------------------------------------------------------------------------


def _answer(clients: Clients, work: _Work, outcome: Outcome) -> None:
    if not work.failures:
        return
    if work.attempt < TRIES:
        outcome.failed.append(work.id)
        return
    try:
        outcome.dead += send_letters(clients, _letters(work))
    except Exception:  # then SQS itself moves the message, without the reason
        outcome.failed.append(work.id)


def _letters(work: _Work) -> list[Letter]:
    whole = work.failures.get(None)
    now = dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds")
    if whole is not None or work.message is None:
        return [
            Letter(work.body, whole or "", queue=work.queue, attempt=work.attempt, failed_at=now)
        ]
    message = work.message
    rows = dict(message.rows)
    return [
        Letter(
            Message(message.file, message.first_seen, [(number, rows[number])], message.again).body,
            why,
            file=message.file.path,
            record=str(number),
            first_seen=message.first_seen,
            queue=work.queue,
            attempt=work.attempt,
            failed_at=now,
        )
        for number, why in work.failures.items()
        if number is not None
    ]
