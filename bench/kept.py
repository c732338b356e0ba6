"""What a benchmark keeps: raw files, made once, and what each round told, so that one that was cut
off goes on where it was.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Kept:
    """A folder for raw files, and one for what the rounds tell; without that, each runs."""

    folder: Path
    notes: Path | None = None

    def raw(self, name: str, make: Callable[[Path], object]) -> Path:
        """Raw files under a name; made only where they have not been made to their end."""
        target, made = self.folder / name, self.folder / f"{name}.made"
        if not made.exists():
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir(parents=True)
            make(target)
            made.touch()
        return target

    def once(self, key: str, run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What was told under a key; where nothing was, runs it and notes what it tells."""
        if self.notes is None:
            return run()
        note = self.notes / f"{key}.json"
        if note.exists():
            print(f"{key}: told before", file=sys.stderr, flush=True)
            told: dict[str, Any] = json.loads(note.read_text(encoding="utf-8"))
            return told
        told = run()
        self.notes.mkdir(parents=True, exist_ok=True)
        # Whole or not there: a note that was cut off tells nothing.
        unfinished = note.with_name(f"{note.name}.unfinished")
        unfinished.write_text(json.dumps(told) + "\n", encoding="utf-8")
        unfinished.rename(note)
        return told


@contextmanager
def work_in(kept: Kept | None) -> Iterator[tuple[Path, Kept]]:
    """A folder to work in, removed at the end, and what is kept: there too, unless it is given."""
    folder = Path(tempfile.mkdtemp(prefix="strata-bench-"))
    try:
        yield folder, kept or Kept(folder)
    finally:
        shutil.rmtree(folder)
