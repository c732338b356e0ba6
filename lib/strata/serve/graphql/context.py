"""What a request carries: who asks, its snapshot of the database, and its batches."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from strata.serve.graphql.store import Loaders, Store


@dataclass(frozen=True)
class Caller:
    """Who holds the token."""

    name: str
    role: str
    """`reader`, or `editor`, who may decide on products besides."""


@dataclass
class Context:
    """One request."""

    caller: Caller
    store: Store
    decide: Any
    """Writes a decision on a product; see decisions.Desk."""
    loaders: Loaders = field(init=False)
    _publication: list[dict[str, Any] | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.loaders = Loaders(self.store)

    async def publication(self) -> dict[str, Any] | None:
        """The publication that the request sees; asked once."""
        if not self._publication:
            self._publication.append(await self.store.publication())
        return self._publication[0]
