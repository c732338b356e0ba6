"""Every error Strata raises on purpose, and the exit code each one gives the command line.

A message is one sentence: the rule, what was found, where, what to do. The facts also stand as
attributes, so that callers and tests need not read the sentence.
"""

from __future__ import annotations

from typing import Any


class StrataError(Exception):
    """Root of the errors raised on purpose; anything else that escapes is a defect."""

    exit_code = 1

    def __init__(self, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.facts = facts

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["facts"][name]
        except KeyError:
            raise AttributeError(name) from None


class UsageError(StrataError):
    """The call itself is wrong: an unknown option, table, feed or setting, or a missing folder."""

    exit_code = 2


class DeclarationError(UsageError):
    """A contract, suite, feed or settings file breaks its rules; every finding is listed at
    once."""


class GateFailed(StrataError):
    """A gate said no: nothing was published."""

    exit_code = 3


class LeaseHeld(StrataError):
    """Another run holds the feed's lease."""

    exit_code = 4


class BadFile(StrataError):
    """A raw file cannot be read safely and was left out whole; the other files went through."""

    exit_code = 5


class CommitUnknown(StrataError):
    """A commit was sent and its outcome could not be read back; nothing was cleaned up."""

    exit_code = 6


class ConservationError(StrataError):
    """Rows in are not accepted + quarantined + folded: a defect, so the run stops unpublished."""

    exit_code = 7


class Damaged(StrataError):
    """A stored table, its log or the ledger is not what was published: nothing was read or written
    on top of it.
    """

    exit_code = 8


class TornCommit(Damaged):
    """A commit file of a table's log is empty or cut off: a lost write, or damage."""


class ResourceMissing(StrataError):
    """The machine lacks disk space, permission, memory or the network; nothing was published."""

    exit_code = 9
