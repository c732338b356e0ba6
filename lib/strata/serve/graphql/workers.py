"""The API on as many processes as it should use: they share the port, the rates and the queries."""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
import threading
from functools import partial
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp
from uvicorn.supervisors import Multiprocess

from strata.serve.graphql.access import Door
from strata.serve.graphql.app import make_app
from strata.serve.graphql.decisions import Desk
from strata.serve.graphql.http import Bounded
from strata.serve.graphql.persisted import Persisted


def serve(url: str, door: Door, desk: Desk, place: tuple[str, int], workers: int = 1) -> None:
    """Answers at an address and port until it is stopped. A worker that dies is started again."""
    if workers == 1:
        uvicorn.Server(_config(partial(make_app, url, door, desk), place, 1)).run()
        return
    with tempfile.TemporaryDirectory(prefix="strata-graphql-") as shared:
        queries = Path(shared) / "queries"
        queries.mkdir()
        known = Persisted(folder=queries)
        make = partial(_make_worker, url, door.shared(Path(shared) / "rates"), desk, known)
        config = _config(make, place, workers)
        Multiprocess(config, sockets=[config.bind_socket()]).run()


def _config(make: partial[ASGIApp], place: tuple[str, int], workers: int) -> uvicorn.Config:
    return uvicorn.Config(
        make,
        factory=True,
        host=place[0],
        port=place[1],
        workers=workers,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        # A worker needs seconds to start where others want the cores, and was killed meanwhile.
        timeout_worker_healthcheck=30,
        http=Bounded,
    )


def _make_worker(url: str, door: Door, desk: Desk, persisted: Persisted) -> ASGIApp:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    return make_app(url, door, desk, persisted)


def _end_with_parent() -> None:
    """A worker whose supervisor was killed would keep the port."""
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
