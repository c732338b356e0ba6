"""Answers of the shop's API beside the bare SQL: `python -m bench shop-api --rows 20000000 --clients 8 --workers 2`.

A shop of so many lines is loaded. The API runs in processes of its own, as `strata serve graphql` starts it. For each
question, so many clients ask at once, over kept connections, for different products, customers, categories and periods.
In turns with them, as many connections send the SQL that a person would write for it straight to PostgreSQL, from as many
processes as the API has, by asyncpg, as the same role with its limit of time: one statement by itself, several in a
read-only transaction of one snapshot. The third way is that SQL behind HTTP, served by hand on as many processes
(`bench/shop_by_hand.py`): no browser or telephone speaks PostgreSQL's protocol, so some server stands there. Every side
reads every value of an answer into Python.

What is printed is of all requests: p50 and p95 in milliseconds, answers a second, the API's p95 to that of either other way,
and what the processors worked for an answer: those of the API, PostgreSQL's for the API, and PostgreSQL's for the bare
statements. Clients, API and PostgreSQL share the machine's cores; `--clients 1` tells the time of an answer without a queue.
The first question asks for nothing: that is what any request costs.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import multiprocessing
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import uvloop
from strata.lake.versions import Warehouse
from strata.serve.graphql.access import new_token
from strata.serve.postgres.load import load_tables
from strata.serve.postgres.local import free_port, running
from strata.serve.postgres.server import Server

from bench import shop
from bench.shop_gold import make_gold
from bench.shop_questions import QUESTIONS, question

SECONDS, TURNS, UNCOUNTED = 6.0, 3, 20

Ask = Callable[[int], Awaitable[None]]
"""The question of a number."""


@dataclass
class Way:
    """One way to ask, and what its requests took."""

    connect: Callable[[], Awaitable[Ask]]
    taken: list[float] = field(default_factory=list)
    """Milliseconds of each."""
    database_s: float = 0.0
    """What PostgreSQL's processors worked for them."""

    @property
    def p95(self) -> float:
        """95 of 100 answers took at most so many milliseconds."""
        return statistics.quantiles(self.taken, n=20)[-1]

    def told(self, clients: int) -> str:
        """p50, p95 and answers a second."""
        rate = clients * len(self.taken) / (sum(self.taken) / 1000)
        return f"{statistics.median(self.taken):6.2f} / {self.p95:6.2f} {rate:6.0f}/s"

    def each_ms(self, seconds: float) -> float:
        """Of seconds that all requests took, the milliseconds of one."""
        return seconds * 1000 / max(1, len(self.taken))


def main(rows: int, clients: int, workers: int = 1) -> None:
    """Prints one line a question."""
    folder = Path(tempfile.mkdtemp(prefix="strata-bench-"))
    folder.chmod(0o755)
    warehouse = Warehouse(str(folder / "warehouse"))
    shop.make(warehouse, rows)
    make_gold(warehouse)
    customers = max(50, rows // 20)
    with running(folder / "postgres") as server:
        load_tables(warehouse, ("silver.commerce_*", "gold.commerce_*"), server.url("loader"))
        token = new_token(folder / "tokens.json", "bench", "reader")
        groups = [list(range(clients))[n::workers] for n in range(min(workers, clients))]
        askers = ProcessPoolExecutor(len(groups), multiprocessing.get_context("spawn"))
        api = serve_api(folder, server, workers)
        by_hand = serve_by_hand(server, token, workers)
        with api, by_hand, askers:
            print(
                f"{rows:,} lines, {clients} clients at once, {workers} workers; p50 / p95 in ms, answers a second; "
                "times the p95 of the SQL; processors of the API, of PostgreSQL for it and for the SQL, ms"
            )
            for name in QUESTIONS:
                told_by = partial(question, name, customers=customers)
                graphql, sql, over_http = (
                    Way(
                        partial(
                            connect_http, api.port, "/graphql", token, partial(body_of, told_by)
                        )
                    ),
                    Way(partial(connect_sql, server.url("reader"), told_by)),
                    Way(
                        partial(
                            connect_http,
                            by_hand.port,
                            "/",
                            token,
                            partial(numbered, name, customers),
                        )
                    ),
                )
                began = api.cpu_s()
                in_turns((graphql, sql, over_http), server, lambda ask: askers.map(ask, groups))
                own = api.cpu_s() - began
                print(
                    f"{name:32} API {graphql.told(clients)}  SQL {sql.told(clients)} {graphql.p95 / sql.p95:5.2f} x  "
                    f"by hand over HTTP {over_http.told(clients)} {graphql.p95 / over_http.p95:5.2f} x  {graphql.each_ms(own):5.2f} "
                    f"{graphql.each_ms(graphql.database_s):5.2f} {sql.each_ms(sql.database_s):5.2f}",
                    flush=True,
                )
    shutil.rmtree(folder, ignore_errors=True)


def in_turns(
    ways: tuple[Way, ...], server: Server, spread: Callable[[Any], Iterable[list[float]]]
) -> None:
    """Asks every way by turns, the clients spread over processes."""
    for _ in range(TURNS):
        for way in ways:
            before = shop.worked(shop.postmaster(server))
            for taken in spread(partial(ask_at_once, way.connect)):
                way.taken += taken
            way.database_s += shop.worked(shop.postmaster(server)) - before


def ask_at_once(connect: Callable[[], Awaitable[Ask]], seeds: list[int]) -> list[float]:
    """What so many clients of one process took."""
    return uvloop.run(all_clients(connect, seeds))


async def all_clients(connect: Callable[[], Awaitable[Ask]], seeds: list[int]) -> list[float]:
    """Clients at once, each over a connection of its own."""
    every = [client(connect, seed) for seed in seeds]
    return [one for taken in await asyncio.gather(*every) for one in taken]


async def client(connect: Callable[[], Awaitable[Ask]], seed: int) -> list[float]:
    """One client asks as long as a turn lasts; the first answers, which open its connection and plan its statements, are
    not counted.
    """
    chance, taken, ask = random.Random(seed), [], await connect()
    for _ in range(UNCOUNTED):
        await ask(chance.randrange(1 << 30))
    ends = time.perf_counter() + SECONDS / TURNS
    while time.perf_counter() < ends:
        began = time.perf_counter()
        await ask(chance.randrange(1 << 30))
        taken.append((time.perf_counter() - began) * 1000)
    return taken


def body_of(told_by: Any, number: int) -> dict[str, Any]:
    """A question to the API."""
    return dict(told_by(number)[0])


def numbered(name: str, customers: int, number: int) -> dict[str, Any]:
    """A question to the server that was written by hand."""
    return {"name": name, "customers": customers, "number": number}


async def connect_http(port: int, path: str, token: str, body_of: Any) -> Ask:
    """A kept connection to a server."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def ask(number: int) -> None:
        body = json.dumps(body_of(number)).encode()
        writer.write(
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = await reader.readuntil(b"\r\n\r\n")
        (length,) = re.findall(rb"content-length: (\d+)", head)
        answer = json.loads(await reader.readexactly(int(length)))
        if b" 200 " not in head[:16] or "errors" in answer:
            raise SystemExit(f"the API says: {answer}")

    return ask


async def connect_sql(url: str, told_by: Any) -> Ask:
    """A kept connection to PostgreSQL. Several statements see one snapshot."""
    connection = await asyncpg.connect(url)

    async def ask(number: int) -> None:
        statements = told_by(number)[1]
        if len(statements) == 1:
            await connection.fetch(statements[0][0], *statements[0][1])
            return
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            for statement, values in statements:
                await connection.fetch(statement, *values)

    return ask


def serve_api(folder: Path, server: Server, workers: int) -> Serving:
    """The API as the command line starts it."""
    command = [sys.executable, "-c", "from strata.cli import main; raise SystemExit(main())"]
    command += ["serve", "graphql", "--tokens", str(folder / "tokens.json")]
    command += ["--a-minute", "10000000", "--workers", str(workers)]
    return Serving(command, {"STRATA_READER_URL": server.url("reader")})


def serve_by_hand(server: Server, token: str, workers: int) -> Serving:
    """The same SQL over HTTP."""
    command = [sys.executable, "-m", "uvicorn", "bench.shop_by_hand:app", "--no-access-log"]
    command += ["--log-level", "warning", "--workers", str(workers)]
    return Serving(command, {"STRATA_READER_URL": server.url("reader"), "BENCH_TOKEN": token})


class Serving:
    """A server in processes of its own."""

    def __init__(self, command: list[str], told: dict[str, str]) -> None:
        self.port = free_port()
        command = [*command, "--port", str(self.port)]
        self.process = subprocess.Popen(command, env=os.environ | told)

    def cpu_s(self) -> float:
        """The processors' time that it has taken."""
        return shop.worked(self.process.pid)

    def __enter__(self) -> Serving:
        while True:
            try:
                http.client.HTTPConnection("127.0.0.1", self.port).request("GET", "/")
                return self
            except OSError:
                time.sleep(0.2)

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()
