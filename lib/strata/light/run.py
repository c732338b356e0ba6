"""Events to accepted and rejected records, in two passes over the files and little memory.

The first pass notes each record's vehicle and instant in a Bloom filter. The second judges each
record; one whose key came once is written at once, the others are kept, and settled at the end as
the batch path settles them. What is accepted, rejected and why is what `strata run fleet` says.
"""

from __future__ import annotations

import datetime as dt
import gc
import json
import os
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from strata.fs.local import delivery_date
from strata.light import distance
from strata.light.bloom import Seen, mebibytes_for
from strata.light.fixes import FIELDS, Rejected, Sound, Vehicle, instant_text
from strata.light.kept import Kept
from strata.light.order import CONFLICT, REPEATED, SUPERSEDED, UNDATED, Told, settle
from strata.light.records import UNPARSED, Batch
from strata.light.source import Source, event_files, listed
from strata.light.vehicles import Days, states

ACCEPTED = ("vehicle_id", "fixed_at", "lat_deg", "lon_deg", "speed_kmh", "engine_status",
            "fuel_level_pct", "distance_from_depot_m", "versions", "file", "record")  # fmt: skip
_LEAST_BYTES = 40
"""A shorter record tells no sound fix; so a file has no more keys than this."""


@dataclass
class Report:
    """What one run counted."""

    records: int = 0
    accepted: int = 0
    rejected: int = 0
    folded: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    folds: Counter[str] = field(default_factory=Counter)
    asked_twice: int = 0
    """Keys that the filter took for known."""
    were_single: int = 0
    """Sound records that were kept for their key, which no other had: the filter's mistakes."""
    seconds: float = 0.0

    def counts(self) -> dict[str, Any]:
        """Everything, as JSON holds it."""
        rate = self.records / self.seconds if self.seconds else 0.0
        return {
            "records": self.records,
            "accepted": self.accepted,
            "rejected": self.rejected,
            "folded": self.folded,
            "reasons": dict(sorted(self.reasons.items())),
            "folds": dict(sorted(self.folds.items())),
            "filter_positives": self.asked_twice,
            "filter_false_positives": self.were_single,
            "seconds": round(self.seconds, 3),
            "records_per_second": round(rate),
        }


def run(events: Sequence[str], vehicles: Sequence[str], out: Path) -> Report:
    """Writes `accepted.csv` and `rejected.jsonl` to `out`; returns the counts.

    Both appear when they are whole: a run that is cut off leaves what was there before.
    """
    started = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    found = event_files(events)
    # Declarations leave circles behind, records none: to look for them among the vehicles again and
    # again is a fifth of the time.
    gc.collect()
    gc.disable()
    try:
        report = _run(found, read_vehicles(vehicles), out)
    finally:
        gc.enable()
    report.seconds = time.monotonic() - started
    return report


def _run(found: Sequence[Source], known: dict[str, Vehicle], out: Path) -> Report:
    seen = _seen(found)
    report = Report(asked_twice=seen.known)
    paths = [out / name for name in ("accepted.csv", "rejected.jsonl")]
    parts = [path.with_name(path.name + ".part") for path in paths]
    with ExitStack() as stack:
        accepted = stack.enter_context(parts[0].open("w", encoding="utf-8", newline=""))
        rejected = stack.enter_context(parts[1].open("w", encoding="utf-8"))
        kept = stack.enter_context(Kept(out))
        writer = _Writer(accepted, rejected, known, report, found)
        _judge_all(writer, seen, kept)
        for records in kept.by_key():
            _settle(records, writer)
    for part, path in zip(parts, paths, strict=True):
        part.replace(path)
    return report


def read_vehicles(places: Sequence[str]) -> dict[str, Vehicle]:
    """The current state of each vehicle: that of its latest delivery whose sound records agree."""
    told = Days()
    for file in listed(places):
        day = delivery_date(file.path) or UNDATED
        with open(file.uri, encoding="utf-8-sig") as text:
            blocks = iter(lambda text=text: text.read(1 << 16), "")  # type: ignore[misc]
            for vehicle, state in states(blocks, file.path):
                told.add(vehicle, day, state)
    return told.current()


# --- the first pass ------------------------------------------------------------------------------


def _seen(found: Sequence[Source]) -> Seen:
    """Every key of every record that tells an instant."""
    size = sum(os.stat(source.uri).st_size for source in found)
    seen = Seen(mebibytes_for(size // _LEAST_BYTES))
    for source in found:
        for batch in source.batches():
            seen.add_all(source.keys(list(map(source.pick, batch.records))))
    return seen


# --- the second ----------------------------------------------------------------------------------


class _Writer:
    """Writes records as they are settled, and counts them."""

    def __init__(
        self,
        accepted: Any,
        rejected: Any,
        known: dict[str, Vehicle],
        report: Report,
        found: Sequence[Source],
    ) -> None:
        accepted.write(",".join(ACCEPTED) + "\n")
        self._accepted, self._rejected = accepted, rejected
        self.known, self.report = known, report
        self.sources = {source.seen.sha256: source for source in found}

    def accept(self, sound: Sound, first: int, path: str, versions: int = 1) -> None:
        """Writes sound records of one file, with their distances from their depots; `first` is the
        number of the record at place 0."""
        known = self.known
        metres = distance.from_depots(sound.lat, sound.lon, [known[name] for name in sound.name])
        path = _quoted(path)
        rows = zip(sound.name, sound.at, sound.lat, sound.lon, sound.kmh, sound.status, sound.level,
                   metres, sound.place, strict=True)  # fmt: skip
        self._accepted.write("".join([_line(row, versions, path, first) for row in rows]))
        self.report.accepted += len(sound.place)

    def reject(self, told: Any, reasons: Sequence[str], source: Source, number: int) -> None:
        """Writes a record with why it was rejected, and where it stands."""
        place = {"file": source.seen.path, "sha256": source.seen.sha256, "record_number": number}
        line = {"reasons": reasons, "record": told, **place}
        self._rejected.write(json.dumps(line, ensure_ascii=False) + "\n")
        self.report.rejected += 1
        self.report.reasons.update(reasons)

    def fold(self, reason: str, count: int) -> None:
        """Counts records that add nothing."""
        if count:
            self.report.folded += count
            self.report.folds[reason] += count


def _judge_all(writer: _Writer, seen: Seen, kept: Kept) -> None:
    """Writes what can be settled at once; keeps the sound records that may share their key."""
    for source in writer.sources.values():
        judge_all, known = source.judge.judge_all, writer.known.get
        for batch in source.batches():
            writer.report.records += len(batch.records)
            rows = list(map(source.pick, batch.records))
            sound, rejected = judge_all(rows, known)
            _reject(rejected, rows, batch, source, writer)
            single = _keep(sound, rows, batch.number, source, seen, kept)
            if single.place:
                writer.accept(single, batch.number, source.seen.path)


def _reject(
    rejected: Sequence[Rejected], rows: Sequence[Any], batch: Batch, source: Source, writer: _Writer
) -> None:
    for place, reasons in rejected:
        number = batch.number + place
        if place in batch.broken:
            writer.reject(batch.broken[place], (UNPARSED,), source, number)
        else:
            told = {name: text or None for name, text in zip(FIELDS, rows[place], strict=True)}
            writer.reject(told, reasons, source, number)


def _keep(
    sound: Sound, rows: Sequence[Any], first: int, source: Source, seen: Seen, kept: Kept
) -> Sound:
    """The records whose key came once; the others are kept."""
    keys, twice = source.keys(rows), seen.twice
    shared = {place for place in sound.place if twice(keys[place])}
    if not shared:
        return sound
    single, day, sha256 = Sound(), source.delivered_on or UNDATED, source.seen.sha256
    for place, fix in sound.fixes():
        if place in shared:
            kept.add(Told(day, sha256, first + place, fix))
        else:
            single.add(place, fix)
    return single


def _settle(records: Sequence[Told], writer: _Writer) -> None:
    """Of the latest delivery equal records are one, and records that differ are rejected."""
    writer.report.were_single += len(records) == 1
    settled = settle(records)
    writer.fold(SUPERSEDED, len(settled.superseded))
    writer.fold(REPEATED, len(settled.repeated))
    for told in settled.in_conflict:
        values = {
            name: instant_text(value) if isinstance(value, dt.datetime) else str(value)
            for name, value in told.fix._asdict().items()
        }
        writer.reject(values, (CONFLICT,), writer.sources[told.sha256], told.number)
    if settled.stands:
        path = writer.sources[settled.stands.sha256].seen.path
        one = Sound()
        one.add(0, settled.stands.fix)
        writer.accept(one, settled.stands.number, path, settled.versions)


def _line(row: Any, versions: int, path: str, first: int) -> str:
    name, at, lat, lon, kmh, status, level, metre, place = row
    safe = name if name.isidentifier() or name.isalnum() else _quoted(name)
    return (
        f"{safe},{at.isoformat()[:-6]}Z,{lat},{lon},{kmh},"
        f"{'' if status is None else status},{'' if level is None else level},"
        f"{metre},{versions},{path},{place + first}\n"
    )


def _quoted(text: str) -> str:
    """A field as CSV holds it."""
    if any(mark in text for mark in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text
