"""Whether a run has anything to do, told by what the last look at the same places found.

A run that finds nothing new leaves a note beside the warehouse: every file and folder that its
answer rests on, with size, inode and times of change, and the answer itself. The next run of the
same command asks only whether all of them are as they were; then it needs to import, read and plan
nothing. Python trusts the same signs of its own sources. Any difference, any doubt, and the run
plans as ever. Only for folders on a disk: an object store has no folder that tells of a change.

The note rests on these: the package and the caller's own feeds, the raw folders of the feeds that
run, every feed's ledger, and the tables whose answers are printed. What changed within the last
two seconds before the run began is not trusted, for a clock may tick as coarsely as that.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strata import __version__
from strata.cli import settings
from strata.cli.output import Progress
from strata.errors import StrataError
from strata.fs import location
from strata.fs.whole import written_whole

_SETTLED_NS = 2 * 10**9
_MOST_NOTES = 8
"""Commands of which notes are kept, as where each feed has a schedule of its own."""
_NOT_ASKED = ("__pycache__",)
_UNTOLD = ("STRATA_PSEUDONYM",)
"""Secrets: they are in no note, and what has nothing new needs none."""


def repeat(argv: Sequence[str]) -> bool:
    """Says again what this command said when it found nothing new, if all is as it was then.

    False, and nothing said, where the run must look.
    """
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    for name in ("--raw", "--warehouse", "--log", "--profile"):
        parser.add_argument(name)
    parser.add_argument("--quiet", action="store_true")
    try:
        given, _ = parser.parse_known_args(list(argv))
        found = settings.load(
            given.profile, raw=given.raw, warehouse=given.warehouse, log=given.log
        )
        said = recall(location.absolute(found.warehouse), argv)
    except (argparse.ArgumentError, StrataError, SystemExit):
        return False  # The run tells what is wrong with it.
    if said is None:
        return False
    say = Progress(found.log == "json", given.quiet)
    for message in said["progress"]:
        say(message)
    print(said["answers"], end="")
    return True


def recall(warehouse: str, argv: Sequence[str]) -> dict[str, Any] | None:
    """What a run of this command said when it found nothing new, if that still holds."""
    held = _notes(_note_path(warehouse)).get(_command(argv))
    try:
        stands = held and all(_signs(path) == signs for path, signs in held["rests_on"].items())
        return dict(held["said"]) if held and stands else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


@dataclass(frozen=True)
class Watch:
    """What a run's answer rests on, as it was before the run looked at it."""

    places: tuple[str, ...]
    began_ns: int
    signs: dict[str, list[int] | None]

    @classmethod
    def begin(cls, places: Iterable[str]) -> Watch:
        """Takes the signs of these folders, and of all that lies in them."""
        watched, began_ns = tuple(places), time.time_ns()
        return cls(watched, began_ns, _signs_of(watched))

    def keep(self, warehouse: str, argv: Sequence[str], said: dict[str, Any]) -> None:
        """Notes what was said, if nothing that it rests on has changed since shortly before the
        run. A failure to note never fails a run.
        """
        settled = self.began_ns - _SETTLED_NS
        if any(signs and max(signs[2:]) > settled for signs in self.signs.values()):
            return
        # The clock may have been set back meanwhile: what the run did not see must not be noted.
        if _signs_of(self.places) != self.signs:
            return
        note, command = _note_path(warehouse), _command(argv)
        others = {name: held for name, held in _notes(note).items() if name != command}
        told = dict(list(others.items())[1 - _MOST_NOTES :])
        told[command] = {"rests_on": self.signs, "said": said}
        with suppress(OSError):
            note.parent.mkdir(parents=True, exist_ok=True)
            with written_whole(note) as part:
                part.write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")


def can_be_watched(*places: str) -> bool:
    """Whether all of these are folders on a disk of this machine."""
    found = [location.parse(place) for place in places]
    return all(place.is_local and not place.is_mounted for place in found)


def _signs_of(places: Iterable[str]) -> dict[str, list[int] | None]:
    return {str(path): _signs(path) for path in _watched(map(Path, places))}


def _watched(places: Iterable[Path]) -> Iterator[Path]:
    """The folders, and all files and folders below them; links are followed."""
    for place in places:
        yield place
        for folder, names, files in os.walk(place, followlinks=True):
            names[:] = [name for name in names if name not in _NOT_ASKED]
            yield from (Path(folder, name) for name in (*names, *files))


def _signs(path: str | Path) -> list[int] | None:
    """By which a file or folder is known; None where there is none."""
    try:
        told = os.stat(path)
    except FileNotFoundError:
        return None
    return [told.st_size, told.st_ino, told.st_mtime_ns, told.st_ctime_ns]


def _command(argv: Sequence[str]) -> str:
    """The command with all around it that its answer depends on."""
    around = {
        name: value
        for name, value in os.environ.items()
        if name.startswith("STRATA_") and not name.startswith(_UNTOLD)
    }
    width = shutil.get_terminal_size((160, 24)).columns
    told = [list(argv), os.getcwd(), sorted(around.items()), width, sys.version, __version__]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _notes(note: Path) -> dict[str, Any]:
    """By command; nothing where there is no note, or none that can be read."""
    try:
        return dict(json.loads(note.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def _note_path(warehouse: str) -> Path:
    return Path(warehouse, "ops", "looks", "_nothing_new.json")
