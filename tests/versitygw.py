"""An S3 server that keeps its objects as files: versitygw, built from its Go module when it is not
installed.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import urllib3

MODULE = "github.com/versity/versitygw/cmd/versitygw@v1.8.0"
KEY, SECRET = "testing", "testing-secret"


def find() -> str:
    """The program; the test is skipped where there is neither it nor Go to build it."""
    built = Path.home() / ".cache" / "strata" / "versitygw"
    found = os.environ.get("STRATA_VERSITYGW") or shutil.which("versitygw")
    if found or built.exists():
        return found or str(built)
    if not shutil.which("go"):
        pytest.skip("versitygw is not installed, nor is Go to build it")
    environment = {**os.environ, "GOBIN": str(built.parent)}
    built.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["go", "install", MODULE], env=environment, check=True, timeout=1500)
    return str(built)


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """The address of a server on loopback whose buckets are the folders in `folder`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [
            *(find(), "--access", KEY, "--secret", SECRET, "--region", "us-east-1"),
            *("--port", f"127.0.0.1:{port}", "posix", str(folder)),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        endpoint = f"http://127.0.0.1:{port}"
        _wait_for(endpoint, server)
        yield endpoint
    finally:
        server.kill()
        server.wait()


def _wait_for(endpoint: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        assert server.poll() is None, "versitygw has ended"
        try:
            urllib3.request("GET", endpoint, timeout=2, retries=False)
            return
        except urllib3.exceptions.HTTPError:
            time.sleep(0.1)
    raise AssertionError("versitygw does not answer")
