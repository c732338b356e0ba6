"""Answers of the shop's API beside the bare SQL: `python -m bench shop-api --rows 20000000 --clients 8`.

A shop of so many lines is loaded. The API runs in a process of its own, as `strata serve graphql` starts it. For each
question, so many clients ask at once, over kept connections, for different products, customers, categories and periods;
in turns with them, as many connections send the SQL that a person would write for it straight to PostgreSQL. What is printed
is of all requests: p50 and p95 in milliseconds, answers a second, the ratio of the p95, and the milliseconds of its core that
the API's process takes for one request. Its first question asks for nothing: that is what any request costs.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from strata.lake.versions import Warehouse
from strata.serve.export import choose
from strata.serve.graphql.access import new_token
from strata.serve.postgres.load import load_tables
from strata.serve.postgres.local import free_port, running
from strata.serve.postgres.server import Server

from bench import shop
from tests.doors.publishing import publish

SECONDS, TURNS = 4.0, 3
SALES, VALUE = "gold.commerce_daily_product_sales", "gold.commerce_customer_value"
REVENUE, TRENDS = "gold.commerce_order_revenue", "gold.commerce_trends"


Statement = tuple[str, tuple[Any, ...]]


def question(name: str, number: int, customers: int) -> tuple[dict[str, Any], list[Statement]]:
    """A question to the API with its variables, and the SQL that a person would write for it."""
    product, customer, month = f"p{number % 1000}", f"c{number % customers}", 1 + number % 12
    first, last = f"2024-{month:02}-01", f"2024-{month:02}-28"
    if name == "nothing":
        return as_body("{ __typename }"), [("SELECT 1", ())]
    if name == "sales of a product by month":
        query = """query Q($ids: [ID!]) { productSales(filter: {productIds: $ids}, first: 12)
            { nodes { periodStart units revenue } } }"""
        sql = """SELECT date_trunc('month', sale_date)::date, sum(units), sum(revenue)
            FROM shop.daily_product_sales WHERE product_id = %s GROUP BY 1 ORDER BY 1 LIMIT 13"""
        return as_body(query, ids=[product]), [(sql, (product,))]
    if name == "sales of all products in a month":
        query = """query Q($a: Date, $b: Date) { productSales(filter: {fromDate: $a, toDate: $b},
            orderBy: REVENUE) { nodes { productId revenue } } }"""
        sql = """SELECT date_trunc('month', sale_date)::date, product_id, currency, sum(revenue)
            FROM shop.daily_product_sales WHERE sale_date BETWEEN %s AND %s
            GROUP BY 1, 2, 3 ORDER BY 4 DESC LIMIT 21"""
        return as_body(query, a=first, b=last), [(sql, (first, last))]
    if name == "what a customer bought":
        query = """query Q($id: ID!) { customer(customerId: $id) { country orders(first: 10) { nodes
            { orderId revenue items { quantity product { name } } } } } }"""
        sql = """SELECT o.order_id, o.revenue, i.quantity, p.product_name FROM (
            SELECT * FROM shop.order_revenue WHERE customer_id = %s
            ORDER BY order_date DESC, order_id DESC LIMIT 11) o
            JOIN shop.order_items i ON i.order_id = o.order_id AND i.sale_date = o.order_date
            JOIN shop.products p USING (product_id)"""
        own = ("SELECT country FROM shop.customers WHERE customer_id = %s", (customer,))
        return as_body(query, id=customer), [own, (sql, (customer,))]
    if name == "best sellers of a category":
        query = """query Q($id: ID) { bestSellers(categoryId: $id)
            { rank revenue product { name } } }"""
        sql = """SELECT b.rank, b.revenue, p.product_name FROM shop.best_sellers b
            JOIN shop.products p USING (product_id)
            WHERE b.category_id = %s ORDER BY b.rank LIMIT 10"""
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
    "sales of all products in a month",
    "what a customer bought",
    "best sellers of a category",
    "trends",
)


def main(rows: int, clients: int) -> None:
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
        with Serving(folder, server) as serving:
            port = serving.port
            print(f"{rows:,} lines, {clients} clients at once; p50 / p95 in ms, answers a second")
            for name in QUESTIONS:
                told_by = partial(question, name, customers=customers)
                api, bare = in_turns(
                    partial(ask_number, port, token, told_by),
                    partial(run_number, server.url("reader"), told_by),
                    clients,
                )
                own = serving.cpu_ms() / max(1, len(api))
                print(
                    f"{name:34} API {told(api, clients)}   SQL {told(bare, clients)}   "
                    f"p95 {p95(api) / p95(bare):5.2f} x   {own:5.2f} ms of the API's core"
                )


def ask_number(port: int, token: str, told_by: Any, number: int) -> None:
    """The question of a number, by the API."""
    ask(port, token, told_by(number)[0])


def run_number(url: str, told_by: Any, number: int) -> None:
    """The question of a number, by SQL."""
    run(url, told_by(number)[1])


def in_turns(
    api: Callable[[int], None], bare: Callable[[int], None], clients: int
) -> tuple[list[float], list[float]]:
    """Milliseconds of every request, both ways by turns."""
    found: tuple[list[float], list[float]] = ([], [])
    for _ in range(TURNS):
        for taken, work in zip(found, (api, bare), strict=True):
            with ThreadPoolExecutor(clients) as pool:
                for part in pool.map(partial(client, work), range(clients)):
                    taken += part
    return found


def client(work: Callable[[int], None], seed: int) -> list[float]:
    """One client asks as long as a turn lasts; the first answer, which opens its connection, is not counted."""
    chance, taken = random.Random(seed), []
    work(chance.randrange(1 << 30))
    ends = time.perf_counter() + SECONDS / TURNS
    while time.perf_counter() < ends:
        began = time.perf_counter()
        work(chance.randrange(1 << 30))
        taken.append((time.perf_counter() - began) * 1000)
    return taken


LOCAL = threading.local()


def ask(port: int, token: str, body: dict[str, Any]) -> None:
    """One request over the thread's connection."""
    kept: http.client.HTTPConnection | None = getattr(LOCAL, "http", None)
    if kept is None or kept.port != port:
        kept = LOCAL.http = http.client.HTTPConnection("127.0.0.1", port)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    kept.request("POST", "/graphql", json.dumps(body), headers)
    answer = json.loads(kept.getresponse().read())
    if "errors" in answer:
        raise SystemExit(f"the API says: {answer['errors']}")


def run(url: str, statements: list[tuple[str, tuple[Any, ...]]]) -> None:
    """The same by SQL, over the thread's connection."""
    kept: psycopg.Connection[Any] | None = getattr(LOCAL, "sql", None)
    if kept is None:
        kept = LOCAL.sql = psycopg.connect(url, autocommit=True)
    for statement, values in statements:
        kept.execute(statement.encode(), values).fetchall()


def p95(taken: list[float]) -> float:
    """95 of 100 answers took at most so long."""
    return statistics.quantiles(taken, n=20)[-1]


def told(taken: list[float], clients: int) -> str:
    """p50, p95 and answers a second."""
    rate = clients * len(taken) / (sum(taken) / 1000)
    return f"{statistics.median(taken):6.1f} / {p95(taken):6.1f}  {rate:6.0f}/s"


class Serving:
    """The API in a process of its own."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.port, self.taken = free_port(), 0.0
        command = "from strata.cli import main; raise SystemExit(main())"
        arguments = ["serve", "graphql", "--tokens", str(folder / "tokens.json")]
        arguments += ["--a-minute", "10000000"]
        environment = {**os.environ, "STRATA_READER_URL": server.url("reader")}
        self.process = subprocess.Popen(
            [sys.executable, "-c", command, *arguments, "--port", str(self.port)], env=environment
        )

    def cpu_ms(self) -> float:
        """The processor's time that its process has taken since this was asked last."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        now = (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")
        since, self.taken = now - self.taken, now
        return since

    def __enter__(self) -> Serving:
        while True:
            try:
                http.client.HTTPConnection("127.0.0.1", self.port).request("GET", "/")
                self.cpu_ms()
                return self
            except OSError:
                time.sleep(0.2)

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()


def make_gold(warehouse: Warehouse) -> None:
    """The served gold tables, added up from the lines by Arrow."""
    (lines,) = choose(warehouse, (shop.TABLES[4],))
    names = ["sale_date", "order_id", "customer_id", "product_id", "quantity", "revenue"]
    table = pa.Table.from_batches([batch.select(names) for batch in lines.batches()])
    money = pa.decimal128(24, 2)
    sold = add_up(table, ["sale_date", "product_id"])
    orders = add_up(table, ["order_id", "customer_id", "sale_date"]).rename_columns(
        ["order_id", "customer_id", "order_date", "units", "revenue", "lines"]
    )
    per_customer = orders.group_by("customer_id").aggregate(
        [("revenue", "sum"), ("order_id", "count")]
    )
    value = pa.table(
        {
            "customer_id": per_customer["customer_id"],
            "lifetime_value": per_customer["revenue_sum"].cast(money),
            "orders": per_customer["order_id_count"],
        }
    )
    months = pc.floor_temporal(orders["order_date"], unit="month").cast(pa.date32())
    per_month = (
        orders.append_column("month", months)
        .group_by("month")
        .aggregate([("revenue", "sum"), ("units", "sum"), ("order_id", "count")])
    )
    euro = {"currency": "EUR"}
    publish(
        warehouse,
        "commerce",
        {
            SALES: [],
            REVENUE: [],
            VALUE: [],
            TRENDS: [
                {
                    **euro,
                    "period": "month",
                    "period_start": row["month"],
                    "orders": row["order_id_count"],
                    "units": row["units_sum"],
                    "revenue": row["revenue_sum"],
                }
                for row in per_month.to_pylist()
            ],
        },
    )
    settled = {
        **euro,
        "status": "delivered",
        "is_counted": True,
        "repeated_lines": 0,
        "repeated_revenue": 0,
    }
    sold = sold.rename_columns(["sale_date", "product_id", "units", "revenue", "orders"])
    publish(
        warehouse,
        "commerce",
        {
            SALES: (sold, euro, "sale_date"),
            REVENUE: (orders, settled, "order_date"),
            VALUE: (
                value.append_column("first_order_date", pa.array([shop.FIRST] * value.num_rows)),
                {**euro, "cancelled_orders": 0, "returned_orders": 0},
                "first_order_date",
            ),
        },
        append=True,
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
