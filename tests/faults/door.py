"""The door of commits going wrong on purpose, at the engine's own places `log.before` and
`log.after`: right before delta-rs is asked for a commit, and right after it has answered.

delta-rs puts a log entry whole or not at all. Half an entry is what a power cut leaves, or a store
that does not put atomically; `staged` is what a kill within delta-rs leaves on a local disk.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from deltalake.exceptions import CommitFailedError
from strata import failpoint

MODES = ("before", "lost", "exists", "torn", "empty", "slow")
"""Throw before the commit; commit, then throw; commit, then say that the version was there; leave
half of it; nothing of it; come late.
"""
ENDS = ("error", "kill", "image")
"""What follows: an error, SIGKILL to the process group, or a copy of the folder and a crash."""


@dataclass
class Fault(failpoint.Failpoint):
    """One commit of a table, or of any table, that goes wrong in this mode."""

    mode: str = "before"
    keep: int = 500
    """How many thousandths of the entry's bytes a torn one keeps."""
    end: str = "error"
    root: str = ""
    image: str = ""
    fired: str = ""
    """`MODE TABLE` of the fault that happened, or nothing."""

    def _fire(self, subject: str) -> None:
        self.fired = f"{self.mode} {subject}"
        if self.mode in ("torn", "empty", "staged"):
            self._tear(subject)
        if self.end == "kill":
            os.killpg(0, signal.SIGKILL)
        if self.end == "image":
            shutil.copytree(self.root, self.image)
            raise failpoint.Crash(self.point)
        if self.mode == "slow":
            time.sleep(0.3)
        elif self.mode == "exists":
            raise CommitFailedError("the version was there (a fault)")
        else:
            raise OSError(f"a fault: {self.mode}")

    def _tear(self, subject: str) -> None:
        log = Path(self.root) / subject.replace(".", "/", 1) / "_delta_log"
        entry = max(path for path in log.iterdir() if re.fullmatch(r"\d{20}\.json", path.name))
        whole = entry.read_bytes()
        entry.write_bytes(whole[: 0 if self.mode == "empty" else len(whole) * self.keep // 1000])
        if self.mode == "staged":
            entry.rename(entry.with_name(f"{entry.name}#1"))


def fault(
    root: str, mode: str, table: str | None = None, nth: int = 1, keep: int = 500, **end: str
) -> Fault:
    """The nth commit from now of this table, or of any, goes wrong."""
    point = "log.before" if mode in ("before", "slow") else "log.after"
    return Fault(point, table, nth, mode, mode=mode, keep=keep, root=root, **end)


def kill(
    told: str, root: str, log: str | None = None, end: str = "kill", image: str = ""
) -> failpoint.Failpoint:
    """A kill as its line tells it: `point:POINT@TABLE#N`, or `log:MODE@TABLE#N` at a commit."""
    kind, _, where = told.partition(":")
    if kind == "log":
        match = re.fullmatch(r"(before|after|torn|staged)@([^#]+)#(\d+)", where)
        assert match, f"no commit is killed so: {told}"
        made: failpoint.Failpoint = fault(
            root, match[1], match[2], int(match[3]), end=end, image=image
        )
    else:
        wanted = failpoint.parse(where)
        made = wanted
        if end == "image":
            made = Fault(
                wanted.point, wanted.subject, wanted.hit, "image", end=end, root=root, image=image
            )
    made.log = log
    return made
