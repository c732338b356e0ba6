"""Sound records that may share their vehicle and instant, held until all have come.

A few are held in memory; more of them go to files, by the hash of their key, so that a run's memory
does not grow with how often things were sent.
"""

from __future__ import annotations

import datetime as dt
import json
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from strata.light.fixes import Fix
from strata.light.order import Told

_HELD = 50_000
_FILES = 64


class Kept:
    """A context that holds records and gives them back by their key."""

    def __init__(self, folder: Path, held: int = _HELD) -> None:
        self._folder, self._most, self._held = folder, held, list[Told]()
        self._files: list[IO[str]] = []
        self._stack = ExitStack()

    def __enter__(self) -> Kept:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def add(self, record: Told) -> None:
        """Holds one record."""
        self._held.append(record)
        if len(self._held) >= self._most:
            self._spill()

    def by_key(self) -> Iterator[list[Told]]:
        """The records of each vehicle and instant together. Once only."""
        if not self._files:
            yield from _grouped(self._held)
            return
        self._spill()
        for file in self._files:
            file.seek(0)
            yield from _grouped(map(_read, file))

    def _spill(self) -> None:
        if not self._files:
            place = self._stack.enter_context(tempfile.TemporaryDirectory(dir=self._folder))
            self._files = [
                self._stack.enter_context(Path(place, str(n)).open("w+", encoding="utf-8"))  # noqa: SIM115
                for n in range(_FILES)
            ]
        for told in self._held:
            key = f"{told.fix.vehicle_id} {told.fix.fixed_at}".encode()
            self._files[zlib.crc32(key) % _FILES].write(_line(told))
        self._held.clear()


def _line(told: Told) -> str:
    day, sha256, number, fix = told
    return (
        json.dumps([day.isoformat(), sha256, number, fix[0], fix[1].isoformat(), *fix[2:]]) + "\n"
    )


def _read(line: str) -> Told:
    day, sha256, number, vehicle, at, *rest = json.loads(line)
    fix: Any = Fix(vehicle, dt.datetime.fromisoformat(at), *rest)
    return Told(dt.date.fromisoformat(day), sha256, number, fix)


def _grouped(records: Iterable[Told]) -> Iterator[list[Told]]:
    groups: dict[tuple[str, dt.datetime], list[Told]] = {}
    for told in records:
        groups.setdefault((told.fix.vehicle_id, told.fix.fixed_at), []).append(told)
    yield from groups.values()
