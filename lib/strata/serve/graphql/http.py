"""How HTTP is read and written: by httptools, in C, with an end to every request."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LARGEST = 128 * 1024
"""Bytes of a request, its head and all."""


class Bounded(HttpToolsProtocol):
    """httptools would keep a header of any length, before anybody is known."""

    received = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Writes an answer's head and body together."""
        super().connection_made(Joined(transport, self.loop))  # type: ignore[arg-type]

    def data_received(self, data: bytes) -> None:
        """Closes the connection where a request has no end."""
        self.received += len(data)
        if self.received > LARGEST:
            self.send_400_response("a request is too large")
        else:
            super().data_received(data)

    def on_message_complete(self) -> None:
        """The next request begins."""
        self.received = 0
        super().on_message_complete()


class Joined:
    """A connection that sends what is written in one go at once: uvicorn writes the head of an
    answer and its body one after the other, and each went through the kernel to the client.
    """

    def __init__(self, transport: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._waiting: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Sent as soon as the task that writes waits for something."""
        if not self._waiting:
            self._loop.call_soon(self._send)
        self._waiting.append(data)

    def close(self) -> None:
        """Closes after what was written is sent."""
        self._send()
        self._transport.close()

    def _send(self) -> None:
        if self._waiting:
            data, self._waiting = b"".join(self._waiting), []
            self._transport.write(data)
