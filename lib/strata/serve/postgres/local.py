"""A PostgreSQL that runs as long as it is needed: made, started, migrated, and stopped."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from strata.serve.postgres.migrate import prepare
from strata.serve.postgres.server import Server, control, find_binaries, initialise


@contextmanager
def running(folder: Path, port: int = 0) -> Iterator[Server]:
    """Makes the cluster where there is none, starts it, migrates it, and stops it at the end.

    ResourceMissing where PostgreSQL 14 or newer is not installed.
    """
    binaries = find_binaries()
    folder = folder.absolute()
    passwords = initialise(binaries, folder)
    port = port or free_port()
    control(
        binaries,
        folder,
        "start",
        "-w",
        "-t",
        "60",
        "-l",
        str(folder / "server.log"),
        "-o",
        f"-p {port}",
    )
    try:
        server = Server(folder, port, passwords)
        prepare(server.superuser_url, server.passwords)
        yield server
    finally:
        control(binaries, folder, "stop", "-m", "fast", "-w")


def free_port() -> int:
    """A port of loopback that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
