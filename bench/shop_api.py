"""Answers of the shop's API beside the bare SQL: `python -m bench shop-api --rows 20000000 --clients 8 --workers 2`.

A shop of so many lines is loaded. The API runs in processes of its own, as `strata serve graphql` starts it. For each
question, so many clients ask at once, over kept connections, for different products, customers, categories and periods.
In turns with them, as many connections send the SQL that a person would write for it straight to PostgreSQL, from as many
processes as the API has, by asyncpg, as the same role with its limit of time. That is asked twice: once as quickly as it
goes (one statement by itself, several in a read-only transaction of one snapshot), and once always in such a transaction,
as most applications and the API before its answers were one statement. Both sides read every value of an answer into Python.

What is printed is of all requests: p50 and p95 in milliseconds, answers a second, the API's p95 to that of either SQL, and
what the processors worked for an answer: those of the API, PostgreSQL's for the API, and PostgreSQL's for the bare
statements. Clients, API and PostgreSQL share the machine's cores; `--clients 1` tells the time of an answer without a queue.
The first question asks for nothing: that is what any request costs.
"""

from __future__ import annotations

import asyncio
import datetime as dt
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
import pyarrow as pa
import pyarrow.compute as pc
import uvloop
from strata.lake.versions import Warehouse
from strata.serve.export import choose
from strata.serve.graphql.access import new_token
from strata.serve.postgres.load import load_tables
from strata.serve.postgres.local import free_port, running
from strata.serve.postgres.server import Server

from bench import shop
from tests.doors.publishing import publish

SECONDS, TURNS, UNCOUNTED = 6.0, 3, 20
SALES, VALUE = "gold.commerce_daily_product_sales", "gold.commerce_customer_value"
REVENUE, TRENDS = "gold.commerce_order_revenue", "gold.commerce_trends"


Statement = tuple[str, tuple[Any, ...]]


def question(name: str, number: int, customers: int) -> tuple[dict[str, Any], list[Statement]]:
    """A question to the API with its variables, and the SQL that a person would write for it."""
    product, customer, month = f"p{number % 1000}", f"c{number % customers}", 1 + number % 12
    first, last = dt.date(2024, month, 1), dt.date(2024, month, 28)
    if name == "nothing":
        return as_body("{ __typename }"), [("SELECT 1", ())]
    if name == "sales of a product by month":
        query = """query Q($ids: [ID!]) { productSales(filter: {productIds: $ids}, first: 12)
            { nodes { periodStart units revenue } } }"""
        sql = """SELECT month_start, units, revenue FROM shop.monthly_product_sales
            WHERE product_id = $1 ORDER BY 1 LIMIT 13"""
        return as_body(query, ids=[product]), [(sql, (product,))]
    if name == "sales of all products by month":
        query = """query Q($a: Date) { productSales(filter: {fromDate: $a}, orderBy: PERIOD)
            { nodes { periodStart productId units revenue orders } } }"""
        sql = """SELECT month_start, product_id, currency, units, revenue, orders
            FROM shop.monthly_product_sales WHERE month_start >= $1
            ORDER BY month_start, product_id, currency LIMIT 21"""
        return as_body(query, a=str(first)), [(sql, (first,))]
    if name == "sales of all products in a month":
        query = """query Q($a: Date, $b: Date) { productSales(filter: {fromDate: $a, toDate: $b},
            orderBy: REVENUE) { nodes { productId units orders revenue } } }"""
        sql = """SELECT date_trunc('month', sale_date)::date, product_id, currency, sum(revenue),
            sum(units), sum(orders) FROM shop.daily_product_sales WHERE sale_date BETWEEN $1 AND $2
            GROUP BY 1, 2, 3 ORDER BY 4 DESC LIMIT 21"""
        return as_body(query, a=str(first), b=str(last)), [(sql, (first, last))]
    if name == "what a customer bought":
        query = """query Q($id: ID!) { customer(customerId: $id) { country orders(first: 10) { nodes
            { orderId revenue items { quantity product { name } } } } } }"""
        sql = """SELECT o.order_id, o.revenue, i.quantity, p.product_name FROM (
            SELECT * FROM shop.order_revenue WHERE customer_id = $1
            ORDER BY order_date DESC, order_id DESC LIMIT 11) o
            JOIN shop.order_items i ON i.order_id = o.order_id AND i.sale_date = o.order_date
            JOIN shop.products p USING (product_id)"""
        own = ("SELECT country FROM shop.customers WHERE customer_id = $1", (customer,))
        return as_body(query, id=customer), [own, (sql, (customer,))]
    if name == "best sellers of a category":
        query = """query Q($id: ID) { bestSellers(categoryId: $id)
            { rank revenue product { name } } }"""
        sql = """SELECT b.rank, b.revenue, p.product_name FROM shop.best_sellers b
            JOIN shop.products p USING (product_id)
            WHERE b.category_id = $1 ORDER BY b.rank LIMIT 10"""
        category = str(number % 50)
        return as_body(query, id=category), [(sql, (category,))]
    sql = """SELECT period_start, orders, revenue FROM shop.trends
        WHERE period = 'month' ORDER BY period_start, currency"""
    return as_body("{ salesTrends { periodStart orders revenue } }"), [(sql, ())]


def as_body(query: str, **variables: Any) -> dict[str, Any]:
    """What a client sends."""
    return {"query": query, "variables": variables}


QUESTIONS = (
    "nothing",
    "sales of a product by month",
    "sales of all products by month",
    "sales of all products in a month",
    "what a customer bought",
    "best sellers of a category",
    "trends",
)


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
        with Serving(folder, server, workers) as serving, askers:
            print(
                f"{rows:,} lines, {clients} clients at once, {workers} workers; p50 / p95 in ms, answers a second; "
                "times the p95 of the SQL; processors of the API, of PostgreSQL for it and for the SQL, ms"
            )
            for name in QUESTIONS:
                told_by = partial(question, name, customers=customers)
                api = Way(partial(connect_api, serving.port, token, told_by))
                bare, whole = (
                    Way(partial(connect_sql, server.url("reader"), told_by, way))
                    for way in (False, True)
                )
                began = serving.cpu_s()
                in_turns((api, bare, whole), server, lambda ask: askers.map(ask, groups))
                own = serving.cpu_s() - began
                print(
                    f"{name:32} API {api.told(clients)}  SQL {bare.told(clients)} {api.p95 / bare.p95:5.2f} x  "
                    f"in a transaction {whole.told(clients)} {api.p95 / whole.p95:5.2f} x  {api.each_ms(own):5.2f} "
                    f"{api.each_ms(api.database_s):5.2f} {bare.each_ms(bare.database_s):5.2f}",
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


async def connect_api(port: int, token: str, told_by: Any) -> Ask:
    """A kept connection to the API."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def ask(number: int) -> None:
        body = json.dumps(told_by(number)[0]).encode()
        writer.write(
            f"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = await reader.readuntil(b"\r\n\r\n")
        (length,) = re.findall(rb"content-length: (\d+)", head)
        answer = json.loads(await reader.readexactly(int(length)))
        if "errors" in answer:
            raise SystemExit(f"the API says: {answer['errors']}")

    return ask


async def connect_sql(url: str, told_by: Any, is_whole: bool) -> Ask:
    """A kept connection to PostgreSQL. Several statements, and one that is to be so, see one snapshot."""
    connection = await asyncpg.connect(url)

    async def ask(number: int) -> None:
        statements = told_by(number)[1]
        if len(statements) == 1 and not is_whole:
            await connection.fetch(statements[0][0], *statements[0][1])
            return
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            for statement, values in statements:
                await connection.fetch(statement, *values)

    return ask


class Serving:
    """The API in processes of its own."""

    def __init__(self, folder: Path, server: Server, workers: int) -> None:
        self.port = free_port()
        command = "from strata.cli import main; raise SystemExit(main())"
        arguments = ["serve", "graphql", "--tokens", str(folder / "tokens.json")]
        arguments += ["--a-minute", "10000000", "--workers", str(workers)]
        environment = {**os.environ, "STRATA_READER_URL": server.url("reader")}
        self.process = subprocess.Popen(
            [sys.executable, "-c", command, *arguments, "--port", str(self.port)], env=environment
        )

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


def make_gold(warehouse: Warehouse) -> None:
    """The served gold tables, added up from the lines by Arrow, month by month."""
    (lines,) = choose(warehouse, (shop.TABLES[4],))
    names = ["sale_date", "order_id", "customer_id", "product_id", "quantity", "revenue"]
    sold, orders = [], []
    for source in lines.sources:
        month = pa.Table.from_batches([batch.select(names) for batch in lines.batches(source)])
        sold.append(add_up(month, ["sale_date", "product_id"]))
        orders.append(
            add_up(month, ["order_id", "customer_id", "sale_date"]).rename_columns(
                ["order_id", "customer_id", "order_date", "units", "revenue", "lines"]
            )
        )
    every = {
        SALES: [part.rename_columns([*part.column_names[:4], "orders"]) for part in sold],
        REVENUE: orders,
        VALUE: [value_of(orders)],
        TRENDS: [trends_of(orders)],
    }
    euro = {"currency": "EUR"}
    same = {
        SALES: euro,
        REVENUE: {
            **euro,
            "status": "delivered",
            "is_counted": True,
            "repeated_lines": 0,
            "repeated_revenue": 0,
        },
        VALUE: {
            **euro,
            "first_order_date": shop.FIRST,
            "cancelled_orders": 0,
            "returned_orders": 0,
        },
        TRENDS: {**euro, "period": "month"},
    }
    publish(warehouse, "commerce", {table: [] for table in every})
    tables = {table: (parts, same[table]) for table, parts in every.items()}
    publish(warehouse, "commerce", tables, append=True)


def value_of(orders: list[pa.Table]) -> pa.Table:
    """One row a customer."""
    every = pa.concat_tables([month.select(["customer_id", "revenue"]) for month in orders])
    found = every.group_by("customer_id").aggregate([("revenue", "sum"), ("revenue", "count")])
    return pa.table(
        {
            "customer_id": found["customer_id"],
            "lifetime_value": found["revenue_sum"].cast(pa.decimal128(24, 2)),
            "orders": found["revenue_count"],
        }
    )


def trends_of(orders: list[pa.Table]) -> pa.Table:
    """One row a month."""
    return pa.table(
        {
            "period_start": pa.array(
                [pc.min(month["order_date"]).as_py().replace(day=1) for month in orders]
            ),
            "orders": pa.array([month.num_rows for month in orders]),
            "units": pa.array([pc.sum(month["units"]).as_py() for month in orders]),
            "revenue": pa.array([pc.sum(month["revenue"]).as_py() for month in orders]),
        }
    )


def add_up(table: pa.Table, keys: list[str]) -> pa.Table:
    """Units, revenue and lines by the keys."""
    found = table.group_by(keys).aggregate(
        [("quantity", "sum"), ("revenue", "sum"), ("order_id", "count")]
    )
    return pa.table(
        {
            **{key: found[key] for key in keys},
            "units": found["quantity_sum"],
            "revenue": found["revenue_sum"].cast(pa.decimal128(24, 2)),
            "lines": found["order_id_count"],
        }
    )
