"""Failpoints: named places of a run at which a test stops or kills this process, or raises.

Off unless `STRATA_FAILPOINT` names one, as `POINT[@SUBJECT][#N][=ACTION]`: at the N-th time
(default 1) that a run reaches the point on the subject (a table, a feed or a view; default any),

- `kill` (the default) ends the whole process group by SIGKILL, the JVM with it: no handler runs;
- `stop` halts the group by SIGSTOP, until somebody sends SIGCONT;
- `crash` raises `Crash`, which no handler of the library takes for an error of its own.

`STRATA_FAILPOINT_LOG` names a file that gets one line for every point reached, and one when the
action fires: the proof that a fault was there.
"""

from __future__ import annotations

import os
import re
import signal
from collections import Counter
from dataclasses import dataclass, field

ACTIONS = ("kill", "stop", "crash")


class Crash(BaseException):
    """What a `crash` raises: like a killed process, it is nobody's to handle."""


@dataclass
class Failpoint:
    """One place to fail at, and how often each point was reached so far."""

    point: str
    subject: str | None
    hit: int
    action: str
    log: str | None = None
    reached: Counter[str] = field(default_factory=Counter)

    def pass_by(self, point: str, subject: str) -> None:
        """Notes that a point was reached, and stops the process where that was asked for."""
        self._note(f"reached {point}@{subject}")
        if point != self.point or self.subject not in (None, subject):
            return
        self.reached[point] += 1
        if self.reached[point] == self.hit:
            self._note(f"fired {point}@{subject}#{self.hit}={self.action}")
            self._fire(subject)

    def _note(self, line: str) -> None:
        if self.log is None:
            return
        with open(self.log, "a", encoding="utf-8") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _fire(self, subject: str) -> None:
        if self.action == "crash":
            raise Crash(self.point)
        os.killpg(0, signal.SIGKILL if self.action == "kill" else signal.SIGSTOP)


def parse(text: str, log: str | None = None) -> Failpoint:
    """`commit.after@gold.toy_days#2=stop`; a ValueError for anything else than such a text."""
    match = re.fullmatch(r"([a-z_.]+)(?:@([^#=]+))?(?:#(\d+))?(?:=(\w+))?", text)
    if match is None or (match[4] or "kill") not in ACTIONS:
        raise ValueError(
            "a failpoint is POINT[@SUBJECT][#N][=ACTION], ACTION one of "
            f"{', '.join(ACTIONS)}; got {text!r}"
        )
    return Failpoint(match[1], match[2], int(match[3] or 1), match[4] or "kill", log)


armed: Failpoint | None = (
    parse(os.environ["STRATA_FAILPOINT"], os.environ.get("STRATA_FAILPOINT_LOG"))
    if os.environ.get("STRATA_FAILPOINT")
    else None
)
"""The one failpoint of this process; tests in one process set it themselves."""


def reach(point: str, subject: str) -> None:
    """Marks a place where a process may die; costs one comparison when nothing is armed."""
    if armed is not None:
        armed.pass_by(point, subject)
