"""What a mutation carries: who asks, and where decisions are taken."""

from __future__ import annotations

from dataclasses import dataclass

from strata.serve.graphql.decisions import Desk


@dataclass(frozen=True)
class Caller:
    """Who holds the token."""

    name: str
    role: str
    """`reader`, or `editor`, who may decide on products besides."""


@dataclass(frozen=True)
class Context:
    """One mutation."""

    caller: Caller
    desk: Desk
    """Writes a decision on a product."""
