"""What a command says that Ctrl-C or SIGTERM stops: what is true then."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from strata.cli import stopped
from strata.cli.command import COMMANDS, main
from strata.errors import UsageError

READS = "strata: stopped; it only reads: nothing was changed\n"


class Stops(io.StringIO):
    """Standard input whose reader is stopped."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def read(self, _: int | None = -1) -> str:
        signal.raise_signal(self._number)
        return ""

    readline = read  # type: ignore[assignment]


class StopsUnheard(Stops):
    """The signal comes where Python ignores what is raised."""

    def read(self, _: int | None = -1) -> str:
        held = io.StringIO()
        heard = weakref.ref(held, lambda _: signal.raise_signal(self._number))
        del held
        threading.Event().wait(60)
        return str(heard)


class StopsSwallowed(Stops):
    """A library takes any error for its own."""

    def read(self, _: int | None = -1) -> str:
        with suppress(BaseException):
            signal.raise_signal(self._number)
        threading.Event().wait(60)
        return ""


class StopsSpoiled(Stops):
    """A library takes any error for its own, and fails for want of what it left undone."""

    def read(self, _: int | None = -1) -> str:
        with suppress(BaseException):
            signal.raise_signal(self._number)
        raise AttributeError("_lib")


class StopsReplaced(Stops):
    """A library raises an interrupt of its own, as DuckDB's door does."""

    def read(self, _: int | None = -1) -> str:
        with suppress(BaseException):
            signal.raise_signal(self._number)
        raise KeyboardInterrupt


class StopsRefused(Stops):
    """What was interrupted is told as a mistake of the user's."""

    def read(self, _: int | None = -1) -> str:
        with suppress(BaseException):
            signal.raise_signal(self._number)
        raise UsageError("a query may take 60 seconds")


class StopsAt(io.StringIO):
    """Standard error whose writer is stopped as soon as it says a word."""

    def __init__(self, word: str) -> None:
        super().__init__()
        self._word = word

    def write(self, text: str) -> int:
        done = super().write(text)
        if self._word in text:
            self._word = "\0"
            signal.raise_signal(signal.SIGINT)
        return done


WAYS = [Stops, StopsUnheard, StopsSwallowed, StopsSpoiled, StopsReplaced, StopsRefused]


@pytest.mark.parametrize("stops", WAYS)
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_who_stops_a_query_is_told_that_nothing_changed(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    stops: type[Stops],
    number: int,
    code: int,
) -> None:
    monkeypatch.setattr(sys, "stdin", stops(number))
    monkeypatch.setattr(stopped, "AGAIN_SECONDS", 0.05)
    before = signal.getsignal(signal.SIGTERM)
    assert main(["sql", "-"]) == code
    assert capsys.readouterr().err == READS
    assert signal.getsignal(signal.SIGTERM) is before


def test_what_ends_behind_a_swallowed_stop_cleans_up_undisturbed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cleaned = []

    class Cleans(Stops):
        def read(self, _: int | None = -1) -> str:
            with suppress(BaseException):
                signal.raise_signal(self._number)
            try:
                raise RuntimeError("interrupted")
            finally:
                threading.Event().wait(0.5)
                cleaned.append(True)

    monkeypatch.setattr(sys, "stdin", Cleans(signal.SIGTERM))
    assert main(["sql", "-"]) == 143
    assert cleaned


@pytest.mark.parametrize("ends", [lambda: None, lambda: 1 / 0])
def test_what_works_elsewhere_is_ended_and_need_not_stand(ends: Callable[[], object]) -> None:
    asked = threading.Event()

    def end() -> None:
        asked.set()
        assert threading.current_thread() is not threading.main_thread()
        ends()

    with pytest.raises(stopped.Terminated), stopped.stoppable(), stopped.ending(end):
        signal.raise_signal(signal.SIGTERM)
    assert asked.wait(60)
    asked.clear()
    with pytest.raises(stopped.Stop), stopped.stoppable():
        signal.raise_signal(signal.SIGINT)
    assert not asked.is_set()


def test_a_signal_that_the_caller_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stopped.stoppable():
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_run_that_is_stopped_while_it_looks_says_that_it_published_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told = StopsAt("looking at the raw files")
    monkeypatch.setattr(sys, "stderr", told)
    assert main(["run", "toy", "--raw", str(tmp_path), "--warehouse", str(tmp_path / "w")]) == 130
    assert told.getvalue().endswith("strata: stopped; nothing of this run was published\n")


def test_every_command_that_writes_says_what_stands() -> None:
    reading = {"show", "sql", "report", "why", "runs", "gates", "publications", "doctor"}
    told = {name: stopped.sentence(KeyboardInterrupt(), [name]) for name in COMMANDS}
    silent = {name for name, text in told.items() if "nothing was changed" in text}
    assert silent == reading | {"validate"}
    lists = stopped.sentence(KeyboardInterrupt(), ["quarantine", "--format", "list", "list"])
    assert "nothing was changed" in lists


def test_a_ledger_that_cannot_be_read_leaves_the_commands_own_words() -> None:
    def unreadable() -> str:
        raise OSError("gone")

    with pytest.raises(stopped.Terminated) as stop, stopped.telling(unreadable):
        raise stopped.Terminated
    assert "strata publications" in stopped.sentence(stop.value, ["run", "toy"])


def test_a_stop_before_the_command_has_begun_shows_no_trace() -> None:
    program = (
        "import builtins, sys\n"
        "from strata.cli import main\n"
        "real = builtins.__import__\n"
        "def stopping(name, *rest):\n"
        "    if name == 'argparse':\n"
        "        raise KeyboardInterrupt\n"
        "    return real(name, *rest)\n"
        "builtins.__import__ = stopping\n"
        "sys.exit(main(['runs']))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "")
