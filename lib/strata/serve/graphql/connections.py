"""Connections to the database, each opened when no other is free. asyncpg's own pool starts a task
where a connection comes back, which took a tenth of a small answer's time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg

MOST = 8
"""Of one process."""


@dataclass
class Connections:
    """To one address, with a session's settings and how many plans it keeps."""

    url: str
    session: Mapping[str, str]
    plans: Mapping[str, int]
    free: list[asyncpg.Connection] = field(default_factory=list)
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST))

    async def fetch(self, text: str, values: Sequence[Any]) -> str:
        """The one text that a statement gives."""
        async with self.turns:
            connection = self._free() or await self._open()
            try:
                found = await connection.fetchval(text, *values)
            except asyncpg.PostgresError:
                self.free.append(connection)
                raise
            except BaseException:
                # Cut off in the midst: what it would read next is not known.
                connection.terminate()
                raise
            self.free.append(connection)
            return str(found)

    async def close(self) -> None:
        """Ends them all."""
        for connection in self.free:
            await connection.close(timeout=5)

    def _free(self) -> asyncpg.Connection | None:
        """The one that was used last; those that the server has closed are forgotten."""
        while self.free:
            connection = self.free.pop()
            if not connection.is_closed():
                return connection
        return None

    async def _open(self) -> asyncpg.Connection:
        return await asyncpg.connect(self.url, server_settings=dict(self.session), **self.plans)
