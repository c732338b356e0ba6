"""Judged records as files: `accepted.csv` and `rejected.jsonl`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from strata.light.distance import from_places
from strata.light.fixes import instant_text
from strata.light.local import arrow, typed
from strata.light.local.files import Source
from strata.light.local.known import Known
from strata.light.local.report import Report

ACCEPTED = ("vehicle_id", "fixed_at", "lat_deg", "lon_deg", "speed_kmh", "engine_status",
            "fuel_level_pct", "distance_from_depot_m", "versions", "file", "record")  # fmt: skip
_SECOND = 1_000_000
_NEEDS_QUOTES = r'[,"\r\n]'
_ZONE, _NO_TEXT = arrow.of_texts(["Z", ""])
_BARE = csv.WriteOptions(include_header=False, quoting_style="none")
_QUOTED = csv.WriteOptions(include_header=False, quoting_style="needed")


class Writer:
    """Writes records as they are settled, and counts them.

    A context: both files appear in `out` when it ends well, and take the place of what was there.
    """

    def __init__(self, out: Path, known: Known, report: Report) -> None:
        self._paths = [out / name for name in ("accepted.csv", "rejected.jsonl")]
        self._known, self._report = known, report
        self._is_odd = arrow.truths(pc.match_substring_regex(known.names, _NEEDS_QUOTES))
        self._stack = ExitStack()

    def __enter__(self) -> Writer:
        accepted, rejected = map(_part, self._paths)
        self._accepted = self._stack.enter_context(pa.OSFile(str(accepted), "wb"))
        self._rejected = self._stack.enter_context(rejected.open("w", encoding="utf-8"))
        self._accepted.write((",".join(ACCEPTED) + "\n").encode())
        return self

    def __exit__(self, kind: object, *error: object) -> None:
        self._stack.close()
        if kind is None:
            for path in self._paths:
                _part(path).replace(path)

    def accept(self, sound: pa.RecordBatch, source: Source, first: int, versions: Any = 1) -> None:
        """Writes sound records of one file, with their distances from their depots; `first` is the
        number of the record at place 0, `versions` one number or one a record."""
        rows, vehicles = len(sound), arrow.numbers(sound["vehicle"])
        known = self._known
        metres = from_places(
            arrow.numbers(sound["lat_deg"]),
            arrow.numbers(sound["lon_deg"]),
            known.depot_lat_deg[vehicles],
            known.depot_lon_deg[vehicles],
        )
        columns = [
            known.names.take(sound["vehicle"]),
            _instant_texts(arrow.numbers(sound["fixed_at"])),
            *(sound[name] for name in ACCEPTED[2:7]),
            arrow.of(metres),
            arrow.of(np.broadcast_to(versions, rows)),
            arrow.repeated(source.seen.path, rows),
            arrow.of(arrow.numbers(sound["place"]) + first),
        ]
        table = pa.record_batch(columns, names=list(ACCEPTED))
        for part, options in self._by_quotes(table, self._is_odd[vehicles], source.seen.path):
            csv.write_csv(part, self._accepted, options)
        self._report.accepted += rows

    def reject(self, told: Any, reasons: Sequence[str], source: Source, number: int) -> None:
        """Writes a record with why it was rejected, and where it stands."""
        place = {"file": source.seen.path, "sha256": source.seen.sha256, "record_number": number}
        line = {"reasons": reasons, "record": told, **place}
        self._rejected.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._report.rejected += 1
        self._report.reasons.update(reasons)

    @staticmethod
    def _by_quotes(
        table: pa.RecordBatch, is_odd: np.ndarray, path: str
    ) -> Iterator[tuple[pa.RecordBatch, csv.WriteOptions]]:
        """Rows whose texts need quotes apart from the others: Arrow quotes all texts or none."""
        if any(mark in path for mark in ',"\r\n'):
            yield table, _QUOTED
        elif not is_odd.any():
            yield table, _BARE
        else:
            yield table.filter(arrow.of(~is_odd)), _BARE
            yield table.filter(arrow.of(is_odd)), _QUOTED


def _part(path: Path) -> Path:
    return path.with_name(path.name + ".part")


def _instant_texts(at: np.ndarray) -> pa.Array:
    """ISO 8601 in UTC, a fraction only where there is one."""
    if (at % _SECOND).any():
        return arrow.of_texts([instant_text(typed.instant_of(each)) for each in at.tolist()])
    local = arrow.of(at // _SECOND).cast(pa.timestamp("s")).cast(pa.string())
    return pc.binary_join_element_wise(pc.replace_substring(local, " ", "T"), _ZONE, _NO_TEXT)
