"""Events to accepted and rejected records, in two passes over the files and little memory.

The first pass notes each record's vehicle and instant in a Bloom filter. The second judges each
record; one whose key came once is written at once, the others are kept, and settled at the end as
the batch path settles them. What is accepted, rejected and why is what `strata run fleet` says.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from pyproj import Geod

from strata.light.bloom import Seen
from strata.light.fixes import Judge, Vehicle, judge_of
from strata.light.source import UNPARSED, Source, sources
from strata.light.vehicles import read_vehicles

FIELDS = ("vehicle_id", "timestamp", "lat", "lon", "speed", "engine_status", "fuel_level")
ACCEPTED = ("vehicle_id", "fixed_at", "lat_deg", "lon_deg", "speed_kmh", "engine_status",
            "fuel_level_pct", "distance_from_depot_m", "versions", "file", "record")  # fmt: skip
# The words of `strata.kit.history`, which needs Spark; a test holds them together.
SUPERSEDED = "superseded by a later delivery"
REPEATED = "same as another record"
CONFLICT = (
    "the records of its vehicle and instant differ, and no order is stated: "
    "put each delivery in a folder delivery=YYYY-MM-DD"
)
NOT_AFTER = dt.date(2100, 1, 1)
_WGS84 = Geod(ellps="WGS84")


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
    """Of these, how many had one record: the filter's mistakes."""
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


@dataclass(slots=True)
class Record:
    """A sound record, and where it stands."""

    typed: dict[str, Any]
    source: Source
    number: int

    @property
    def content(self) -> tuple[Any, ...]:
        """What it says beside its vehicle and instant."""
        names = ("lat_deg", "lon_deg", "speed_kmh", "engine_status", "fuel_level_pct")
        return tuple(self.typed[name] for name in names)

    @property
    def key(self) -> tuple[str, dt.datetime]:
        """Vehicle and instant."""
        return self.typed["vehicle_id"], self.typed["fixed_at"]

    @property
    def order(self) -> tuple[dt.date, str, int]:
        """The total order by which one of differing fixes stands."""
        return self.source.delivered_on or dt.date.min, self.source.seen.sha256, self.number


def run(events: Sequence[str], vehicles: Sequence[str], out: Path) -> Report:
    """Writes `accepted.csv` and `rejected.jsonl` to `out`; returns the counts.

    Both appear when they are whole: a run that is cut off leaves what was there before.
    """
    started = time.monotonic()
    found, known = sources(events, "events"), read_vehicles(sources(vehicles, "vehicles"))
    seen = _seen(found)
    out.mkdir(parents=True, exist_ok=True)
    report = Report(asked_twice=len(seen.twice))
    paths = [out / name for name in ("accepted.csv", "rejected.jsonl")]
    parts = [path.with_name(path.name + ".part") for path in paths]
    with (
        parts[0].open("w", encoding="utf-8", newline="") as accepted,
        parts[1].open("w", encoding="utf-8") as rejected,
    ):
        writer = _Writer(accepted, rejected, known, report)
        _settle(_judge_all(found, known, seen.twice, writer), writer)
    for part, path in zip(parts, paths, strict=True):
        part.replace(path)
    report.seconds = time.monotonic() - started
    return report


# --- the first pass ------------------------------------------------------------------------------


def _seen(found: Sequence[Source]) -> Seen:
    """Every key of every record, sound or not."""
    seen = Seen()
    for source in found:
        judge = judge_of(source.layout.constants, source.delivered_on, NOT_AFTER)
        for batch in source.batches(("vehicle_id", "timestamp")):
            columns = (batch.column("vehicle_id"), batch.column("timestamp"))
            for vehicle, text in zip(*(column.to_pylist() for column in columns), strict=True):
                instant = judge.instant(text)
                if instant is not None:
                    seen.add(hash((vehicle, instant)))
    return seen


# --- the second ----------------------------------------------------------------------------------


@dataclass
class _Writer:
    """Writes records as they are settled, and counts them."""

    accepted: IO[str]
    rejected: IO[str]
    known: dict[str, Vehicle]
    report: Report

    def __post_init__(self) -> None:
        self._csv = csv.writer(self.accepted, lineterminator="\n")
        self._csv.writerow(ACCEPTED)

    def accept(self, records: Sequence[Record], versions: int = 1) -> None:
        """Writes sound records, with their distances from their depots."""
        depots = [self.known[record.typed["vehicle_id"]] for record in records]
        _, _, metres = _WGS84.inv(
            [depot.depot_lon_deg for depot in depots],
            [depot.depot_lat_deg for depot in depots],
            [record.typed["lon_deg"] for record in records],
            [record.typed["lat_deg"] for record in records],
        )
        self._csv.writerows(
            _line(record, distance, versions)
            for record, distance in zip(records, metres, strict=True)
        )
        self.report.accepted += len(records)

    def reject(self, told: dict[str, Any], reasons: Sequence[str]) -> None:
        """Writes a record with why it was rejected, and where it stands."""
        self.rejected.write(json.dumps({"reasons": reasons, **told}, ensure_ascii=False) + "\n")
        self.report.rejected += 1
        self.report.reasons.update(reasons)

    def fold(self, reason: str) -> None:
        self.report.folded += 1
        self.report.folds[reason] += 1


def _line(record: Record, metres: float, versions: int) -> list[Any]:
    typed = record.typed
    at = typed["fixed_at"].isoformat().replace("+00:00", "Z")
    values = [typed[name] for name in ACCEPTED[2:7]]
    return [
        typed["vehicle_id"],
        at,
        *values,
        metres,
        versions,
        record.source.seen.path,
        record.number,
    ]


def _judge_all(
    found: Sequence[Source], known: dict[str, Vehicle], twice: set[int], writer: _Writer
) -> dict[tuple[str, dt.datetime], list[Record]]:
    """Writes what can be settled at once; returns the sound records that may share their key."""
    kept: dict[tuple[str, dt.datetime], list[Record]] = {}
    for source in found:
        judge = judge_of(source.layout.constants, source.delivered_on, NOT_AFTER)
        for batch in source.batches(FIELDS):
            writer.report.records += batch.num_rows
            single = []
            for record in _sound(batch, source, judge, known, writer):
                key = record.key
                if hash(key) in twice:
                    kept.setdefault(key, []).append(record)
                else:
                    single.append(record)
            if single:
                writer.accept(single)
    return kept


def _sound(
    batch: Any, source: Source, judge: Judge, known: dict[str, Vehicle], writer: _Writer
) -> Iterator[Record]:
    """The sound records of a batch; the others are rejected."""
    columns = [batch.column(name).to_pylist() for name in FIELDS]
    numbers, raws = batch.column("_record_number").to_pylist(), batch.column("_raw_record")
    is_whole = raws.null_count == len(raws)
    for place, values in enumerate(zip(*columns, strict=True)):
        told = dict(zip(FIELDS, values, strict=True))
        if not is_whole and raws[place].is_valid:
            where = {"record": raws[place].as_py(), **_place(source, numbers[place])}
            writer.reject(where, (UNPARSED,))
            continue
        typed = judge.typed(told, known.get(values[0]))
        reasons = judge.reasons(typed)
        if reasons:
            writer.reject({"record": told, **_place(source, numbers[place])}, reasons)
        else:
            yield Record(typed, source, numbers[place])


def _place(source: Source, number: int) -> dict[str, Any]:
    return {"file": source.seen.path, "sha256": source.seen.sha256, "record_number": number}


# --- records that share their vehicle and instant ------------------------------------------------


def _settle(kept: dict[tuple[str, dt.datetime], list[Record]], writer: _Writer) -> None:
    """Of the latest delivery equal records are one, and records that differ are rejected."""
    for records in kept.values():
        writer.report.were_single += len(records) == 1
        newest = max(record.order[0] for record in records)
        latest = [record for record in records if record.order[0] == newest]
        for _ in range(len(records) - len(latest)):
            writer.fold(SUPERSEDED)
        if len({record.content for record in latest}) > 1:
            for record in latest:
                told = {name: str(value) for name, value in record.typed.items()}
                writer.reject({"record": told, **_place(record.source, record.number)}, (CONFLICT,))
            continue
        versions = len({record.content for record in records})
        first = min(latest, key=lambda record: record.order)
        writer.accept([first], versions)
        for _ in latest[1:]:
            writer.fold(REPEATED)
