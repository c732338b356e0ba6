"""An answer goes out whole and once, whatever a client does with its connection."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from strata.serve.graphql.http import LARGEST, Bounded, Joined
from strata.serve.postgres.local import free_port

ASKS = b"GET /%d HTTP/1.1\r\nHost: x\r\n%b\r\n"


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers the path a thousand times over."""
    body = scope["path"].encode() * 1000
    size = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": size})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    own = free_port()
    config = uvicorn.Config(echo, port=own, http=Bounded, lifespan="off", log_level="critical")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield own
    server.should_exit = True
    thread.join()


def read_all(connection: socket.socket) -> bytes:
    read = b""
    while part := connection.recv(1 << 16):
        read += part
    return read


def test_requests_in_one_packet_are_answered_in_turn(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        close = b"Connection: close\r\n"
        connection.sendall(ASKS % (1, b"") + ASKS % (2, b"") + ASKS % (3, close))
        answers = read_all(connection)
    assert [answers.count(b"/%d" % n) for n in (1, 2, 3)] == [1000 + 3, 1000, 1000], (
        "HTTP/1.1 three times, and each body whole"
    )
    assert answers.endswith(b"/3"), "what was written is sent before the connection closes"


def test_a_request_ends_somewhere(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        header = b"X: " + b"a" * (LARGEST // 4) + b"\r\n"
        for number in range(8):  # Together more than one may have.
            connection.sendall(ASKS % (number, header))
            assert connection.recv(1 << 16).startswith(b"HTTP/1.1 200")
        connection.sendall(b"GET / HTTP/1.1\r\n" + b"X: " + b"a" * LARGEST)
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 400")
        assert read_all(connection).endswith(b"too large") or not connection.recv(1)


def test_head_and_body_are_one_packet() -> None:
    sent: list[bytes] = []

    class Transport:
        def write(self, data: bytes) -> None:
            sent.append(data)

        def close(self) -> None:
            sent.append(b"closed")

        def is_closing(self) -> bool:
            return False

    class Loop:
        def call_soon(self, call: Any) -> None:
            soon.append(call)

    soon: list[Any] = []
    joined = Joined(Transport(), Loop())  # type: ignore[arg-type]
    joined.write(b"head ")
    joined.write(b"body")
    assert sent == []
    soon.pop()()
    assert sent == [b"head body"]
    joined.write(b"last")
    joined.close()
    soon.pop()()
    assert sent == [b"head body", b"last", b"closed"], "and nothing twice"
    assert not joined.is_closing()
