"""An S3 emulator in a process of its own: delta-rs's restore keeps this interpreter's lock while it
waits for an answer, which a server in this process could never give.

`python -m tests.s3_server` prints its port, and ends with its standard input.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

KEYS = ("testing", "testing")
"""What the emulator takes; another server asks for its own."""


@contextmanager
def serve() -> Iterator[str]:
    """The address of a new, empty server on loopback."""
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.s3_server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert server.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(server.stdout.readline())}"
    finally:
        server.kill()
        server.wait()


def environment(endpoint: str) -> dict[str, str]:
    """What tells every client of this process and its children to ask that server."""
    return {
        "AWS_ACCESS_KEY_ID": KEYS[0],
        "AWS_SECRET_ACCESS_KEY": KEYS[1],
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": endpoint,
    }


def one_at_a_time() -> Callable[..., list[bytes]]:
    """The emulator's application: S3 judges a condition and puts in one step, the emulator in
    two.
    """
    from moto.server import DomainDispatcherApplication, create_backend_app

    application, turn = DomainDispatcherApplication(create_backend_app), threading.Lock()

    def answer(environ: Any, start: Any) -> list[bytes]:
        with turn:
            return [b"".join(application(environ, start))]

    return answer


def main() -> None:
    from werkzeug.serving import make_server

    server = make_server("127.0.0.1", 0, one_at_a_time(), threaded=True)
    print(server.server_port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
