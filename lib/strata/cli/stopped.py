"""What a command says that somebody stops, by Ctrl-C or by SIGTERM: what stands then.

SIGTERM, which a service manager or a cluster sends before it kills, ends a command as Ctrl-C does:
Spark's jobs are cancelled, the attempt is noted, and one sentence says what was published.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from strata.errors import StrataError

_A_MOMENT = 0.05
"""Seconds in which a call back ends."""
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


class Terminated(KeyboardInterrupt):
    """Stopped by SIGTERM; ends what runs as Ctrl-C does."""


def raise_stop(number: int, _: FrameType | None = None) -> None:
    """Raises what the signal means: the handler of both."""
    raise Terminated if number == signal.SIGTERM else KeyboardInterrupt


@contextmanager
def stoppable() -> Iterator[None]:
    """SIGTERM stops what runs within as Ctrl-C does, and neither is lost; afterwards whoever was
    told of them before is told again."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before, hook = signal.signal(signal.SIGTERM, raise_stop), sys.unraisablehook
    sys.unraisablehook = lambda ignored: _stop_again(ignored, hook)
    try:
        yield
    finally:
        sys.unraisablehook = hook
        signal.signal(signal.SIGTERM, signal.SIG_DFL if before is None else before)


def _stop_again(ignored: sys.UnraisableHookArgs, otherwise: Callable[..., object]) -> None:
    """Sends a signal again that came while Python called back from where nothing can be raised,
    such as an import's end: Python ignores it there, and the command would go on.
    """
    if not issubclass(ignored.exc_type, KeyboardInterrupt):
        otherwise(ignored)
        return
    number = signal.SIGTERM if issubclass(ignored.exc_type, Terminated) else signal.SIGINT
    threading.Timer(_A_MOMENT, os.kill, (os.getpid(), number)).start()


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
        raise type(stop)(stands) from None


def sentence(stop: KeyboardInterrupt, argv: Sequence[str]) -> str:
    """What to say: what is known of it, else what holds whenever this command is stopped."""
    words = tuple(word for word in argv if not word.startswith("-"))
    stands = _STANDS.get(words[:2]) or _STANDS.get(words[:1]) or _READING
    return f"stopped; {str(stop) or stands}"


def exit_code(stop: KeyboardInterrupt) -> int:
    """128 and the signal's number, as shells and service managers know it."""
    return 128 + (signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT)
