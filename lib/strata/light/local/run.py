"""Events to accepted and rejected records, in two passes over the files and little memory.

The first pass notes each record's vehicle and instant in a Bloom filter. The second judges each
record; one whose key came once is written at once, the others are kept, and settled at the end as
the batch path settles them. What is accepted, rejected and why is what `strata run fleet` says.
"""

from __future__ import annotations

import datetime as dt
import gc
import os
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from strata.light.fixes import FIELDS, instant_text
from strata.light.local import arrow
from strata.light.local.block import Block
from strata.light.local.bloom import Seen, mebibytes_for
from strata.light.local.files import Source, event_files
from strata.light.local.kept import Kept
from strata.light.local.known import Known, read_known
from strata.light.local.report import Report
from strata.light.local.verdicts import Court, Verdicts, batch_of, fixes, keys_of
from strata.light.local.writer import Writer
from strata.light.order import CONFLICT, REPEATED, SUPERSEDED, UNDATED, Settled, Told, settle
from strata.light.quick import Sound
from strata.light.records import UNPARSED

_LEAST_BYTES = 40
"""A shorter record tells no sound fix; so a file has no more keys than this."""
_SETTLED = 10_000
"""So many settled records are written at once."""


def run(events: Sequence[str], vehicles: Sequence[str], out: Path) -> Report:
    """Writes `accepted.csv` and `rejected.jsonl` to `out`; returns the counts.

    Both appear when they are whole: a run that is cut off leaves what was there before.
    """
    started = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    found = event_files(events)
    # Columns are made and dropped all the time; the system's allocator keeps the least of them.
    pool = pa.default_memory_pool()
    pa.set_memory_pool(pa.system_memory_pool())
    # Declarations leave circles behind, records none: to look for them among the vehicles again and
    # again takes time for nothing.
    gc.collect()
    gc.disable()
    try:
        report = _run(found, read_known(vehicles), out)
    finally:
        gc.enable()
        pa.set_memory_pool(pool)
    report.seconds = time.monotonic() - started
    return report


def _run(found: Sequence[Source], known: Known, out: Path) -> Report:
    seen = _seen(found, known)
    report = Report(asked_twice=seen.known)
    with Writer(out, known, report) as writer, Kept(out) as kept:
        for source in found:
            _judge_file(source, known, seen, kept, writer, report)
        by_sha256 = {source.seen.sha256: source for source in found}
        stands = _settled(kept.by_key(), by_sha256, writer, report)
        _write_settled(stands, by_sha256, known, writer)
    return report


# --- the first pass ------------------------------------------------------------------------------


def _seen(found: Sequence[Source], known: Known) -> Seen:
    """Every key of every record that tells a known vehicle and an instant."""
    size = sum(os.stat(source.uri).st_size for source in found)
    seen = Seen(mebibytes_for(size // _LEAST_BYTES))
    for source in found:
        court = Court(source.judge, known)
        for block in source.blocks(("vehicle_id", "timestamp")):
            seen.add_all(court.keys(block))
    return seen


# --- the second ----------------------------------------------------------------------------------


def _judge_file(
    source: Source, known: Known, seen: Seen, kept: Kept, writer: Writer, report: Report
) -> None:
    """Writes what can be settled at once; keeps the sound records that may share their key."""
    court = Court(source.judge, known)
    for block in source.blocks():
        report.records += block.size
        verdicts = court.judge(block)
        _reject(verdicts, block, source, writer)
        single, others = _by_key(verdicts.sound, seen)
        day, sha256 = source.delivered_on or UNDATED, source.seen.sha256
        for place, fix in fixes(others, known):
            kept.add(Told(day, sha256, block.number + place, fix))
        if len(single):
            writer.accept(single, source, block.number)


def _by_key(sound: pa.RecordBatch, seen: Seen) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """The records whose key came once, and the others."""
    twice = seen.twice(keys_of(*(arrow.numbers(sound[name]) for name in ("vehicle", "fixed_at"))))
    if not twice.any():
        return sound, sound.slice(0, 0)
    return sound.filter(arrow.of(~twice)), sound.filter(arrow.of(twice))


def _reject(verdicts: Verdicts, block: Block, source: Source, writer: Writer) -> None:
    """Writes the rejected records of a block in their order."""
    told: list[tuple[int, Sequence[str], Any]] = [
        (place, (UNPARSED,), text) for place, text in block.broken.items()
    ]
    for place, whys, row in verdicts.rejected:
        named = zip(FIELDS, row, strict=True)
        told.append((place, whys, {name: text or None for name, text in named}))
    for place, reasons, record in sorted(told, key=lambda each: each[0]):
        writer.reject(record, reasons, source, block.number + place)


# --- records that share their key ----------------------------------------------------------------


def _settled(
    groups: Iterable[Sequence[Told]], sources: dict[str, Source], writer: Writer, report: Report
) -> Iterator[Settled]:
    """Of the latest delivery equal records are one, and records that differ are rejected."""
    for records in groups:
        report.were_single += len(records) == 1
        settled = settle(records)
        report.fold(SUPERSEDED, len(settled.superseded))
        report.fold(REPEATED, len(settled.repeated))
        for told in settled.in_conflict:
            values = {
                name: instant_text(value) if isinstance(value, dt.datetime) else str(value)
                for name, value in told.fix._asdict().items()
            }
            writer.reject(values, (CONFLICT,), sources[told.sha256], told.number)
        if settled.stands:
            yield settled


def _write_settled(
    settled: Iterator[Settled], sources: dict[str, Source], known: Known, writer: Writer
) -> None:
    """Writes the records that stand, some thousands at a time."""
    while some := list(islice(settled, _SETTLED)):
        of_file: dict[str, tuple[Sound, list[int]]] = defaultdict(lambda: (Sound(), []))
        for each in some:
            assert each.stands
            sound, versions = of_file[each.stands.sha256]
            sound.add(each.stands.number, each.stands.fix)
            versions.append(each.versions)
        for sha256, (sound, versions) in of_file.items():
            writer.accept(batch_of(sound, known), sources[sha256], 0, np.array(versions))
