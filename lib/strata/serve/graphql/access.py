"""Who may ask, and how often. Tokens are kept as SHA-256: whoever reads the file cannot ask."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from strata.errors import UsageError
from strata.serve.graphql.context import Caller
from strata.serve.graphql.rates import Rates

ROLES = ("reader", "editor")
A_MINUTE = 600
"""Requests that a token has a minute."""


def new_token(file: Path, name: str, role: str) -> str:
    """Adds a caller to the file of tokens; returns the token, which is kept nowhere else."""
    if role not in ROLES:
        raise UsageError(f"a token's role is {' or '.join(ROLES)}; got {role!r}")
    known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    token = secrets.token_urlsafe(32)
    known[_digest(token)] = {"name": name, "role": role}
    file.touch(mode=0o600)
    file.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    return token


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _no_tokens(where: str) -> UsageError:
    return UsageError(
        f"the API needs a file of tokens; {where} is none: `strata serve graphql --token "
        "NAME=reader`"
    )


@dataclass(frozen=True)
class Door:
    """Knows callers by their tokens, and counts what each asks."""

    callers: dict[str, Caller]
    a_minute: int = A_MINUTE
    counted_in: Path | None = None
    """The file in which several workers count together; None where there is one."""

    def __post_init__(self) -> None:
        if self.a_minute < 1:
            raise UsageError(f"a token has at least one request a minute; got {self.a_minute}")

    @classmethod
    def from_file(cls, file: Path, a_minute: int = A_MINUTE) -> Door:
        """UsageError where the file is not one of tokens."""
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, ValueError):
            raise _no_tokens(str(file)) from None
        return cls.from_text(text, str(file), a_minute)

    @classmethod
    def from_text(cls, text: str, where: str, a_minute: int = A_MINUTE) -> Door:
        """The text of such a file: of each token its SHA-256, with a name and a role."""
        try:
            known = json.loads(text).items()
            callers = {digest: Caller(str(w["name"]), str(w["role"])) for digest, w in known}
        except (ValueError, KeyError, TypeError, AttributeError):
            raise _no_tokens(where) from None
        wrong = sorted({caller.role for caller in callers.values()} - {*ROLES})
        if wrong:
            raise UsageError(f"a token's role is {' or '.join(ROLES)}; {where} has {wrong[0]!r}")
        return cls(callers, a_minute)

    def caller(self, header: str) -> Caller | None:
        """Who holds the token of an Authorization header; None for nobody."""
        kind, _, token = header.partition(" ")
        # A digest is looked up, so the time that it takes says nothing of the token.
        return self.callers.get(_digest(token.strip())) if kind.lower() == "bearer" else None

    def lets_in(self, caller: Caller) -> bool:
        """False once the caller has used up the minute."""
        return self._rates.lets_in(caller.name)

    def shared(self, file: Path) -> Door:
        """The same for several workers, which count together in a file."""
        return replace(self, counted_in=file)

    @cached_property
    def _rates(self) -> Rates:
        names = tuple(sorted({caller.name for caller in self.callers.values()}))
        return Rates(names, self.a_minute, self.counted_in)
