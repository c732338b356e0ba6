"""Servers on this machine: one for the web that answers as a test tells it, faults and all, and one
for S3.
"""

from __future__ import annotations

import hashlib
import http.server
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer


@dataclass
class Answer:
    """What the server says to one request; by default as a sound server with `content` would."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut_at: int | None = None  # the connection breaks behind so many bytes of the body
    resets: bool = False  # by a reset, not by an orderly end


@dataclass
class Site:
    """Answers requests one after the other from a script, then as a sound server."""

    content: bytes = b""
    etag: str = '"v1"'
    ignores_ranges: bool = False
    script: list[Answer | Callable[[dict[str, str]], Answer]] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    posted: list[bytes] = field(default_factory=list)
    url: str = ""

    def answer(self, path: str, headers: dict[str, str]) -> Answer:
        self.asked.append((path, headers))
        if self.script:
            told = self.script.pop(0)
            return told(headers) if callable(told) else told
        return self.sound(headers)

    def sound(self, headers: dict[str, str], **more: Any) -> Answer:
        tag = {"ETag": self.etag} if self.etag else {}
        if headers.get("If-None-Match") == self.etag:
            return Answer(304, tag)
        start = self._start(headers)
        if start >= len(self.content) > 0:
            return Answer(416, {"Content-Range": f"bytes */{len(self.content)}"})
        rest = (
            {"Content-Range": f"bytes {start}-{len(self.content) - 1}/{len(self.content)}"}
            if start
            else {}
        )
        return Answer(206 if start else 200, {**tag, **rest}, self.content[start:], **more)

    def _start(self, headers: dict[str, str]) -> int:
        if self.ignores_ranges or headers.get("If-Range", self.etag) != self.etag:
            return 0
        return int(headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))

    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@contextmanager
def serve(
    site: Site, context: ssl.SSLContext | None = None, name: str = "127.0.0.1"
) -> Iterator[Site]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = site.answer(self.path, dict(self.headers.items()))
            self.send_response(answer.status)
            length = (
                {}
                if "Transfer-Encoding" in answer.headers or answer.status == 304
                else {"Content-Length": str(len(answer.body))}
            )
            for key, value in {**length, **answer.headers}.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(answer.body[: answer.cut_at])
            self.wfile.flush()
            if answer.resets:
                # With no time to linger, closing sends a reset.
                self.connection.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                )
            self.close_connection = True

        def do_POST(self) -> None:
            site.posted.append(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
    ).start()
    site.url = f"{'https' if context else 'http'}://{name}:{server.server_address[1]}"
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()


# --- S3 ------------------------------------------------------------------------------------------


@contextmanager
def serve_s3() -> Iterator[tuple[str, Any]]:
    """The address of an S3-compatible server that the environment names, with the bucket `lake`,
    and a client of it.
    """
    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", endpoint)
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
        client.create_bucket(Bucket="lake")
        yield endpoint, client
    server.stop()
