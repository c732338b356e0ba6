"""Small runs beside an older commit of this project: `python -m bench small-runs --baseline COMMIT`.

Both sides run in turns, each command in a process of its own with the same Python, jars and files.
Of each command it tells the seconds that pass and the CPU seconds of all its processes, the JVM's
too, as medians over the rounds, and the ratio of the two sides. On a machine that does other work
beside it, the CPU seconds are the figure to trust.

`samples` runs every feed that a side has; `same samples` those alone that both sides have.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bench import commerce_data, memory
from bench.figures import Figure

PROJECT = Path(__file__).resolve().parents[1]
STEPS = ("help", "show", "first look", "nothing new", "samples", "same samples", "one more day")
NOTE = "ops/looks/_nothing_new.json"
"""What lets a run say again that nothing is new, without a look."""
LINES = 20_000_000
"""Order lines of commerce at scale 1."""
BECOME_SUBREAPER = 36
# Keys for the samples' made-up people; nothing that they protect is secret.
KEY = {
    "STRATA_PSEUDONYM_KEY_ID": "bench",
    "STRATA_PSEUDONYM_KEY": "Zq7vKx2LmNpR8sTwYb4DfGhJ9cVe3XaU",
}
_MAIN = "import sys; from strata.cli import main; sys.exit(main(sys.argv[1:]))"


@dataclass(frozen=True)
class Side:
    """One state of the project's files, and what it writes."""

    name: str
    code: Path
    folder: Path

    def strata(self, *arguments: str) -> dict[str, float]:
        """Runs the command; returns the seconds that passed, and the CPU seconds and the most memory
        (`gib`) of all its processes.

        RuntimeError with its last words if it fails.
        """
        paths = os.pathsep.join([str(self.code / "lib"), str(self.code)])
        before, started = _cpu(), time.monotonic()
        with tempfile.TemporaryFile("w+") as said:
            process = subprocess.Popen(
                [sys.executable, "-c", _MAIN, *arguments],
                env=_environment()
                | {
                    "PYTHONPATH": paths,
                    # As an installed package has it: no command compiles its own modules.
                    "PYTHONPYCACHEPREFIX": str(self.folder / "bytecode"),
                },
                cwd=self.folder,
                stdout=subprocess.DEVNULL,
                stderr=said,
                text=True,
            )
            gib = memory.watch(process)
            passed = time.monotonic() - started
            said.seek(0)
            if process.returncode:
                words = said.read()[-2000:]
                raise RuntimeError(f"{self.name}: strata {' '.join(arguments)}: {words}")
        _wait_for_orphans()
        return {"seconds": passed, "cpu": _cpu() - before, "gib": gib}

    def warehouse(self, name: str) -> str:
        return str(self.folder / name)

    def feeds(self) -> set[str]:
        """The names of those that this state has."""
        found = (self.code / "lib" / "strata" / "feeds").iterdir()
        return {path.stem for path in found if not path.name.startswith("_")}


def command(given: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench small-runs", description=__doc__)
    parser.add_argument("--baseline", required=True, metavar="COMMIT")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--lines", type=int, default=200_000, help="of the day's commerce")
    parser.add_argument("--only", action="append", choices=STEPS, metavar="STEP")
    arguments = parser.parse_args(given)
    ctypes.CDLL(None).prctl(BECOME_SUBREAPER, 1)
    folder = Path(tempfile.mkdtemp(prefix="strata-bench-"))
    old = folder / "code"
    git("worktree", "add", "--detach", str(old), arguments.baseline)
    try:
        sides = (Side("before", old, folder / "before"), Side("now", PROJECT, folder / "now"))
        for side in sides:
            side.folder.mkdir()
        for step in arguments.only or STEPS:
            run = _prepare(step, sides, folder, arguments.lines)
            told: dict[str, list[dict[str, float]]] = {side.name: [] for side in sides}
            for number in range(arguments.rounds):
                # Who comes first has colder files: the two take turns at that too.
                for side in sides if number % 2 == 0 else sides[::-1]:
                    told[side.name].append(run(side))
            _tell(step, told)
    finally:
        git("worktree", "remove", "--force", str(old))
        shutil.rmtree(folder)


def _prepare(
    step: str, sides: tuple[Side, Side], folder: Path, lines: int
) -> Callable[[Side], dict[str, float]]:
    """Lays out what the step needs on each side; returns what is measured of it."""
    samples = str(PROJECT / "samples")
    if step == "help":
        return lambda side: side.strata("--help")
    if step == "samples":
        return lambda side: _fresh_run(side, samples)
    if step == "same samples":
        shared = sorted(set.intersection(*(side.feeds() for side in sides)))
        return lambda side: _fresh_run(side, samples, *shared)
    if step == "one more day":
        return _prepare_day(sides, folder / "raw", lines)
    for side in sides:
        if not Path(side.warehouse("standing")).exists():
            side.strata("run", "--raw", samples, "--warehouse", side.warehouse("standing"))
    if step == "show":
        return lambda side: side.strata("show", "--warehouse", side.warehouse("standing"))

    def look(side: Side) -> dict[str, float]:
        if step == "first look":
            Path(side.warehouse("standing"), NOTE).unlink(missing_ok=True)
        return side.strata(
            "run", "--raw", samples, "--warehouse", side.warehouse("standing"), "--quiet"
        )

    return look


def _environment() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return kept | KEY


def _fresh_run(side: Side, raw: str, *feeds: str) -> dict[str, float]:
    target = side.warehouse("samples")
    shutil.rmtree(target, ignore_errors=True)
    return side.strata("run", *feeds, "--raw", raw, "--warehouse", target)


def _prepare_day(
    sides: tuple[Side, Side], raw: Path, lines: int
) -> Callable[[Side], dict[str, float]]:
    scale = lines / LINES
    commerce_data.make(raw, scale, seed=7)
    run = ("run", "commerce", "--raw", str(raw), "--warehouse")
    for side in sides:
        side.strata(*run, side.warehouse("loaded"))
    commerce_data.make_next_day(raw, scale, seed=7)

    def next_day(side: Side) -> dict[str, float]:
        target = side.warehouse("day")
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(side.warehouse("loaded"), target)
        return side.strata(*run, target)

    return next_day


def _tell(step: str, told: dict[str, list[dict[str, float]]]) -> None:
    before, now = Figure.of(told["before"]), Figure.of(told["now"])
    print(
        f"{step}: seconds {before.seconds:.2f} before, {now.seconds:.2f} now "
        f"({now.seconds / before.seconds:.2f}); CPU seconds {before.cpu:.2f} before, "
        f"{now.cpu:.2f} now ({now.cpu / before.cpu:.2f}); {before.gib:.1f} GiB before, "
        f"{now.gib:.1f} now; each: {_rounded(told)}",
        flush=True,
    )


def _rounded(told: dict[str, list[dict[str, float]]]) -> str:
    rounds = {
        name: ", ".join(f"{row['seconds']:.1f}/{row['cpu']:.1f}" for row in rows)
        for name, rows in told.items()
    }
    return "; ".join(f"{name} {text}" for name, text in rounds.items())


def _cpu() -> float:
    """CPU seconds of every process that has ended below this one."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _wait_for_orphans() -> None:
    """A JVM outlives the Python that started it; its time counts once it has been waited for."""
    with suppress(ChildProcessError):
        while True:
            os.wait()


def git(*arguments: str) -> None:
    subprocess.run(["git", "-C", str(PROJECT), *arguments], check=True, capture_output=True)


if __name__ == "__main__":
    command(sys.argv[1:])
