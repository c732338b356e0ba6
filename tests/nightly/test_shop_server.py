"""The API as a service manager starts it: several workers, clients that misbehave, kills."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from strata.lake.versions import Warehouse
from strata.serve.graphql.access import new_token
from strata.serve.postgres.load import load_tables
from strata.serve.postgres.local import free_port
from strata.serve.postgres.migrate import migrate, roll_back
from strata.serve.postgres.server import Server

from tests.doors import conftest as doors
from tests.doors import shop
from tests.doors.publishing import publish
from tests.doors.test_graphql import MANY, MANY_LINES

pytestmark = pytest.mark.nightly
open_folder, cluster = doors.open_folder, doors.cluster
A_MINUTE, WORKERS = 400, 2
NUMBER = "{ publication { number } }"


class Api:
    """The program, and how to ask it over a connection of one's own each time."""

    def __init__(self, folder: Path, url: str) -> None:
        self.port = free_port()
        self.tokens = {n: new_token(folder / "tokens.json", n, "reader") for n in ("ann", "bob")}
        code = "from strata.cli import main; raise SystemExit(main())"
        options = ["--tokens", str(folder / "tokens.json"), "--port", str(self.port)]
        options += ["--workers", str(WORKERS), "--a-minute", str(A_MINUTE)]
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, "serve", "graphql", *options],
            env=os.environ | {"STRATA_READER_URL": url},
            stdout=subprocess.DEVNULL,
        )

    def workers(self) -> set[int]:
        """The processes that answer."""
        place = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        every = [int(one) for one in place.read_text().split()]
        return {one for one in every if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()}

    def request(self, body: Any, who: str = "ann") -> bytes:
        text = json.dumps(body)
        return (
            f"POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.tokens[who]}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode()
        )

    def ask(self, body: Any, who: str = "ann") -> tuple[int, dict[str, Any]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {
            "Content-Type": "application/json",
            "Authorization": f"Bearer {self.tokens[who]}",
        }
        try:
            connection.request("POST", "/graphql", json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def answers(self) -> bool:
        try:
            return self.ask({"query": NUMBER}, "bob")[0] == 200
        except OSError:
            return False


def wait(until: Callable[[], bool], why: str) -> None:
    ends = time.monotonic() + 240
    while not until():
        assert time.monotonic() < ends, why
        time.sleep(0.5)


@pytest.fixture(scope="module")
def api(cluster: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One for all tests: its start takes longer than they do."""
    roll_back(cluster.url("owner"))
    migrate(cluster.url("owner"))
    folder = tmp_path_factory.mktemp("api")
    warehouse = Warehouse(str(folder / "warehouse"))
    publish(warehouse, "commerce", shop.published(MANY, MANY_LINES))
    load_tables(warehouse, ("silver.commerce_*", "gold.commerce_*"), cluster.url("loader"))
    own = Api(folder, cluster.url("reader"))
    try:
        wait(lambda: own.answers() and len(own.workers()) == WORKERS, "the API must start")
        yield own
    finally:
        own.process.kill()
        own.process.wait()


def test_workers_are_one_api(api: Api) -> None:
    """One limit, one memory of queries, and as many workers after one of them has died."""
    digest = hashlib.sha256(NUMBER.encode()).hexdigest()
    known = {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": digest}}}
    assert api.ask({"query": NUMBER, **known}, "bob")[0] == 200
    assert {json.dumps(api.ask(known, "bob")[1]) for _ in range(20)} == {
        '{"data": {"publication": {"number": 1}}}'
    }
    statuses = [api.ask({"query": "{ __typename }"})[0] for _ in range(A_MINUTE + 20)]
    assert statuses == [200] * A_MINUTE + [429] * 20
    before = api.workers()
    os.kill(min(before), signal.SIGKILL)
    wait(lambda: len(api.workers() - before) == 1, "a worker comes back")
    assert api.ask({"query": NUMBER})[0] == 429, "a worker that comes back forgives nothing"


def test_clients_that_leave_or_wait(api: Api, cluster: Server) -> None:
    """Who goes before the answer leaves nothing open; who sends half a request is let go."""
    heavy = {"query": "{ productSales(first: 100) { nodes { revenue product { name } } } }"}
    for _ in range(60):
        with socket.create_connection(("127.0.0.1", api.port)) as gone:
            gone.sendall(api.request(heavy, "bob"))
    with socket.create_connection(("127.0.0.1", api.port), timeout=30) as slow:
        slow.sendall(api.request(heavy, "bob")[:-5])
        began = time.monotonic()
        assert b" 503 " in slow.recv(4096).split(b"\r\n")[0]
        assert 5 < time.monotonic() - began < 20
    begun = b"POST /graphql HTTP/1.1\r\nHost: x\r\n"
    whole = api.request({"query": "{ __typename }"}, "bob")
    with socket.create_connection(("127.0.0.1", api.port), timeout=30) as kept:
        kept.sendall(whole)
        assert b" 200 " in kept.recv(4096)
        began = time.monotonic()
        kept.sendall(begun)
        silent = socket.create_connection(("127.0.0.1", api.port), timeout=30)
        assert [kept.recv(4096), silent.recv(4096)] == [b"", b""], "half a head, or none at all"
        assert 5 < time.monotonic() - began < 25
        silent.close()
    assert api.answers()
    open_now = (
        "SELECT count(*) FROM pg_stat_activity WHERE usename = 'strata_reader' AND state <> 'idle'"
    )
    with psycopg.connect(cluster.superuser_url, autocommit=True) as connection:
        assert connection.execute(open_now).fetchone() == (0,)


def test_a_locked_table_is_said_so(api: Api, cluster: Server) -> None:
    """A migration that holds a table keeps nobody waiting for long, and harms no other question."""
    with psycopg.connect(cluster.url("owner")) as connection:
        connection.execute("LOCK shop.customers")
        status, answer = api.ask({"query": '{ customer(customerId: "c1") { country } }'}, "bob")
        assert status == 503
        assert answer["errors"][0]["extensions"] == {"code": "UNAVAILABLE"}
        assert api.answers()
    assert (
        "errors" not in api.ask({"query": '{ customer(customerId: "c1") { country } }'}, "bob")[1]
    )


def test_workers_end_with_their_supervisor(api: Api) -> None:
    workers = api.workers()
    api.process.kill()
    wait(lambda: not any(Path(f"/proc/{one}").exists() for one in workers), "the port is free")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", api.port), timeout=5)
