"""How HTTP is read and written: by httptools, in C, with an end to every request."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LARGEST = 128 * 1024
"""Bytes of a request, its head and all."""
HEAD_SECONDS = 10.0
"""Within which a request's head is whole."""


class Bounded(HttpToolsProtocol):
    """httptools would keep a header of any length, and wait for its end for ever, before anybody is
    known.
    """

    received = 0
    is_begun = False
    """Whether the head of a request has begun, and not ended."""
    due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Writes an answer's head and body together."""
        super().connection_made(Joined(transport, self.loop))  # type: ignore[arg-type]
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more is waited for."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Closes the connection where a request has no end."""
        self.received += len(data)
        if self.received > LARGEST:
            self.send_400_response("a request is too large")
            return
        super().data_received(data)
        if self.is_begun and self.due is None:
            self._wait()

    def on_message_begin(self) -> None:
        """A head begins."""
        self.is_begun = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """It has ended; a body that does not is the application's to refuse."""
        self.is_begun = False
        self._stop_waiting()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The next request begins."""
        self.received = 0
        super().on_message_complete()

    def _wait(self) -> None:
        self.due = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _stop_waiting(self) -> None:
        if self.due is not None:
            self.due.cancel()
            self.due = None


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
