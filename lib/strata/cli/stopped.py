"""What a command says that somebody stops, by Ctrl-C or by SIGTERM: what stands then.

SIGTERM, which a service manager or a cluster sends before it kills, ends a command as Ctrl-C does:
Spark's jobs are cancelled, the attempt is noted, and one sentence says what was published.
"""

from __future__ import annotations

import _thread
import signal
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

from strata.errors import StrataError

AGAIN_SECONDS = 2.0
"""After which a stop that was swallowed is sent again: in these what it has ended cleans up."""
SIGNALS = (signal.SIGINT, signal.SIGTERM)
NOTHING = "nothing of this run was published"

_READING = "it only reads: nothing was changed"
_LEDGER = "`strata publications` lists what it published; run it again for the rest"
_COPIED = "what it had copied stands whole, all else is as it was; run it again for the rest"
_WRITTEN = "what it had written stands; run it again for the rest"
_STANDS = {
    ("run",): "`strata publications` lists what it published; run again for the rest",
    ("export",): _COPIED,
    ("load",): "the transaction that was sent ends whole or not at all; run it again",
    ("light",): _WRITTEN,
    ("serve",): "what was published stands",
    ("soil",): _WRITTEN,
    ("soil", "areas"): _READING,
    ("rollback",): _LEDGER,
    ("quarantine",): _LEDGER,
    ("quarantine", "list"): _READING,
    ("quarantine", "show"): _READING,
    ("archive",): _LEDGER,
    ("maintain",): _LEDGER,
    ("forget",): "`strata forget FEED --list` tells which erasures are not finished; run it again",
    ("residents",): "`strata forget residents --list` tells which erasures are not finished; run "
    "it again",
}
"""By the command, and by its action where that makes a difference; all others only read."""


class Stop(KeyboardInterrupt):
    """Stopped by Ctrl-C."""


class Terminated(Stop):
    """Stopped by SIGTERM; ends what runs as Ctrl-C does."""


class _State:
    """Of the command that runs: which stop came, and what tells its end."""

    hears: object = None
    """The command that hears of one; a stop is sent again to none but its own."""
    asked: Stop | None = None
    watched: weakref.ref[Stop] | None = None
    ends: Callable[[], object] | None = None
    """What ends the work that is done elsewhere, as Spark's jobs."""


def _raise_stop(number: int, _: FrameType | None = None) -> None:
    """Raises what the signal means: the handler of both."""
    kind = Terminated if number == signal.SIGTERM else Stop
    stop = kind()
    _State.asked, command = kind(), _State.hears
    if _State.ends is not None:
        # In a thread, for the main one may just be talking to what is ended. Threads of
        # `threading` take locks that the main one may hold where it was interrupted.
        _thread.start_new_thread(_quietly, (_State.ends,))
    # It lives while it is on its way out. A library's bare `except`, or a call back from where
    # nothing can be raised, ends it sooner, and the command would go on: then it is sent again.
    _State.watched = weakref.ref(stop, lambda _: _send_again(number, command))
    try:
        raise stop
    finally:
        del stop  # Its own trace would keep it alive.


def _quietly(end: Callable[[], object]) -> None:
    with suppress(Exception):  # The same signal may have ended what would be ended.
        end()


def _send_again(number: int, command: object) -> None:
    def send() -> None:
        time.sleep(AGAIN_SECONDS)
        if _State.hears is command:
            # To the main thread, which may wait for something, and hears it there alone.
            signal.pthread_kill(threading.main_thread().ident or 0, number)

    if command is not None and _State.hears is command:
        _thread.start_new_thread(send, ())


@contextmanager
def stoppable() -> Iterator[None]:
    """Ctrl-C and SIGTERM stop what runs within, also where a library swallows the stop; afterwards
    whoever was told of them before is told again. One that the caller ignores stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, _raise_stop) for number in heard}
    hook = sys.unraisablehook
    sys.unraisablehook = lambda ignored: (
        None if issubclass(ignored.exc_type, Stop) else hook(ignored)
    )
    _State.asked, _State.hears = None, object()
    try:
        yield
    finally:
        _State.hears = None
        sys.unraisablehook = hook
        for number, handler in before.items():
            # None is no handler: another language's, which Python cannot set.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


@contextmanager
def ending(end: Callable[[], object]) -> Iterator[None]:
    """Has a stop of what runs within call this, in a thread of its own."""
    before, _State.ends = _State.ends, end
    try:
        yield
    finally:
        _State.ends = before


def asked() -> Stop | None:
    """The stop that came while the command ran; an error behind it is of its making."""
    return _State.asked


@contextmanager
def telling(what_stands: Callable[[], str]) -> Iterator[None]:
    """Has who stops what runs within told what stands then."""
    try:
        yield
    except KeyboardInterrupt as stop:
        try:
            stands = what_stands()
        except (StrataError, OSError):  # The ledger cannot be read; the command's own words do.
            raise stop from None
        stop.args = (stands,)
        raise


def sentence(stop: KeyboardInterrupt, argv: Sequence[str]) -> str:
    """What to say: what is known of it, else what holds whenever this command is stopped."""
    words = tuple(word for word in argv if not word.startswith("-"))
    stands = _STANDS.get(words[:2]) or _STANDS.get(words[:1]) or _READING
    return f"stopped; {str(stop) or stands}"


def exit_code(stop: KeyboardInterrupt) -> int:
    """128 and the signal's number, as shells and service managers know it."""
    return 128 + (signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT)
