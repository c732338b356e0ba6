"""Loading the shop into PostgreSQL beside bare COPY of the same rows.

    python -m bench shop --rows 20000000            # five million orders of twenty million lines
    python -m bench shop --rows 1000000 --jdbc      # Spark's JDBC writer besides

Ways in turns: COPY of CSV files into tables by month without keys (the limit); the same with the shop's keys, references and
indexes made afterwards; `strata export … --to postgresql://`, which reads the published tables, counts, reconciles and
refreshes the views besides; Spark's JDBC writer into tables without keys, in batches that the driver rewrites, the session's
start left out. Then one more day on top. Beside the clock stands what the processors worked: all of PostgreSQL's processes, and
this one's with the JVM.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv
from strata.lake.versions import Warehouse
from strata.serve.export import choose
from strata.serve.postgres.load import load_tables
from strata.serve.postgres.local import running
from strata.serve.postgres.migrate import migrate, roll_back
from strata.serve.postgres.server import Server
from strata.serve.postgres.targets import targets_of

from tests.doors.publishing import publish

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DRIVER = "org.postgresql:postgresql:42.7.8"
FIRST, DAYS = dt.date(2024, 1, 1), 365
TABLES = (
    "silver.commerce_categories",
    "silver.commerce_products",
    "silver.commerce_customers",
    "silver.commerce_orders",
    "silver.commerce_order_lines",
)


def main(rows: int, rounds: int, with_jdbc: bool = False) -> None:
    """Prints seconds and ratios, medians of the rounds."""
    folder = Path(tempfile.mkdtemp(prefix="strata-bench-"))
    folder.chmod(0o755)
    warehouse = Warehouse(str(folder / "warehouse"))
    make(warehouse, rows)
    write_csv(warehouse, folder)
    with running(folder / "postgres") as server:
        ways: dict[str, Callable[[], None]] = {
            "bare COPY": lambda: bare_copy(server, folder, with_keys=False),
            "COPY, then keys and indexes": lambda: bare_copy(server, folder, with_keys=True),
        }
        if with_jdbc:
            spark = start_spark()
            ways["Spark's JDBC writer"] = lambda: jdbc(spark, server, warehouse)
        ways["strata export"] = lambda: load(server, warehouse)
        taken: dict[str, list[Taken]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, way in ways.items():
                empty(server)
                taken[name].append(timed(way, server))
        days = []
        for number in range(rounds):
            make_next_day(warehouse, rows, number)
            days.append(timed(lambda: load(server, warehouse), server))
    print(f"{rows:,} lines of {rows // 4:,} orders, medians of {rounds}")
    for name, own in taken.items():
        tell(name, own, taken["bare COPY"], "bare COPY")
    tell("one more day", days, taken["strata export"], "strata export")
    shutil.rmtree(folder, ignore_errors=True)


Taken = tuple[float, float, float]
"""Seconds by the clock, of PostgreSQL's processors, and of this process's and its children's."""


def tell(name: str, taken: list[Taken], to: list[Taken], of: str) -> None:
    """A line of the table."""
    clock, database, own = (statistics.median(each) for each in zip(*taken, strict=True))
    least = statistics.median(each[0] for each in to)
    worked = statistics.median(each[1] + each[2] for each in to)
    print(
        f"{name:28} {clock:7.1f} s {clock / least:6.2f} x {of:13}   processors: PostgreSQL "
        f"{database:6.1f} s, client {own:6.1f} s, {(database + own) / worked:6.2f} x"
    )


def worked(pid: int) -> float:
    """Seconds that a process and all below it have worked, those that have ended too."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        below = Path(f"/proc/{pid}/task").glob("*/children")
        children = [int(child) for each in below for child in each.read_text().split()]
    except OSError:
        return 0.0
    ticks = sum(map(int, stat.rpartition(")")[2].split()[11:15]))
    return float(ticks / os.sysconf("SC_CLK_TCK")) + sum(map(worked, children))


def start_spark() -> SparkSession:
    """A session with PostgreSQL's driver."""
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[*]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.driver.bindAddress", "127.0.0.1").config(
        "spark.driver.host", "127.0.0.1"
    )
    return builder.config("spark.jars.packages", DRIVER).getOrCreate()


def jdbc(spark: SparkSession, server: Server, warehouse: Warehouse) -> None:
    """Every table by Spark's JDBC writer, from the very files that an export reads."""
    with psycopg.connect(server.url("owner")) as connection:
        make_bare(connection)
    url = f"jdbc:postgresql://127.0.0.1:{server.port}/strata?reWriteBatchedInserts=true"
    login = {
        "user": "strata_owner",
        "password": server.passwords["owner"],
        "driver": "org.postgresql.Driver",  # Java's driver list does not see Spark's packages
    }
    for pinned in choose(warehouse, TABLES):
        files = [file.uri.removeprefix("file://") for file in pinned.sources.values()]
        for target in targets_of(pinned.table):
            rows = spark.read.parquet(*files).select(*target.columns)
            writer = rows.write.mode("append").option("batchsize", 10_000)
            writer.jdbc(url, target.name.replace("shop.", "bare."), properties=login)


def timed(work: Callable[[], None], server: Server) -> Taken:
    """What a way took."""
    database = postmaster(server)
    before, began = (worked(database), worked(os.getpid())), time.monotonic()
    work()
    clock = time.monotonic() - began
    return clock, worked(database) - before[0], worked(os.getpid()) - before[1]


def postmaster(server: Server) -> int:
    """The process above all others of the database."""
    return int((server.folder / "postmaster.pid").read_text().split()[0])


def empty(server: Server) -> None:
    """Before each way: the database without what the way before left."""
    with psycopg.connect(server.url("owner")) as connection:
        connection.execute("DROP SCHEMA IF EXISTS bare CASCADE")
    roll_back(server.url("owner"))
    migrate(server.url("owner"))


def load(server: Server, warehouse: Warehouse) -> None:
    load_tables(warehouse, TABLES, server.url("loader"))


def make(warehouse: Warehouse, lines: int) -> None:
    """Publishes a shop of so many lines, four an order, in one file a month."""
    chance, products, customers = np.random.default_rng(7), 1_000, max(50, lines // 20)
    common: dict[str, list[Any]] = {
        TABLES[0]: [
            {
                "category_id": str(n),
                "category_name": f"Category {n}",
                "category_path": f"Category {n}",
                "top_category_id": str(n),
                "top_category_name": f"Category {n}",
                "level": 1,
            }
            for n in range(50)
        ],
        TABLES[1]: [
            {
                "product_id": f"p{n}",
                "product_name": f"Product {n}",
                "category_id": str(n % 50),
                "currency": "EUR",
                "list_price": Decimal(n),
                "valid_from": FIRST,
                "valid_to": dt.date(9999, 12, 31),
                "is_current": True,
            }
            for n in range(products)
        ],
        TABLES[2]: [{"customer_id": f"c{n}", "country": "DE"} for n in range(customers)],
        TABLES[3]: [],
        TABLES[4]: [],
    }
    publish(warehouse, "commerce", common)
    orders = lines // 4
    day = np.sort(chance.integers(0, DAYS, orders))
    append(warehouse, np.arange(orders), day, customers, products)


def make_next_day(warehouse: Warehouse, lines: int, number: int = 0) -> None:
    """Publishes one more day: its orders stand in files of their own."""
    orders = lines // 4
    more = max(1, orders // DAYS)
    append(
        warehouse,
        np.arange(orders + number * more, orders + (number + 1) * more),
        np.full(more, DAYS + number),
        max(50, lines // 20),
        1_000,
    )


def append(warehouse: Warehouse, ids: Any, day: Any, customers: int, products: int) -> None:
    """Appends orders and their lines, a file a month, and publishes both tables."""
    dates = np.datetime64(FIRST) + day
    months = dates.astype("datetime64[M]")
    parts = [np.flatnonzero(months == month) for month in np.unique(months)]
    same = {"status": "delivered", "is_counted": True, "currency": "EUR", "copies": 1}
    orders = (orders_of(ids[own], dates[own], customers) for own in parts)
    lines = (lines_of(ids[own], dates[own], customers, products) for own in parts)
    tables = {TABLES[3]: (orders, same), TABLES[4]: (lines, same)}
    publish(warehouse, "commerce", tables, append=True)


def orders_of(ids: Any, dates: Any, customers: int) -> pa.Table:
    """Orders of some numbers and days."""
    return pa.table(
        {
            "order_id": named("o", ids),
            "customer_id": named("c", ids % customers),
            "order_date": pa.array(dates.astype("datetime64[D]")),
        }
    )


def lines_of(ids: Any, dates: Any, customers: int, products: int) -> pa.Table:
    """Four lines of each of these orders."""
    orders = orders_of(ids, dates, customers).rename_columns(
        ["order_id", "customer_id", "sale_date"]
    )
    four, item = np.repeat(np.arange(len(ids)), 4), np.tile(np.arange(4), len(ids))
    bought = (ids[four] + item) % products
    money = pa.array((ids[four] * 7 + item * 13) % 100_000).cast(pa.decimal128(24, 2))
    lines = orders.take(pa.array(four))
    for name, column in {
        "order_item_id": named("", item),
        "product_id": named("p", bought),
        "category_id": named("", bought % 50),
        "quantity": pa.array(np.ones(len(four), np.int32)),
        "unit_price": money,
        "revenue": money,
        "discount": pa.array(np.zeros(len(four), int)).cast(pa.decimal128(38, 4)),
    }.items():
        lines = lines.append_column(name, column)
    return lines


def named(letter: str, numbers: Any) -> pa.Array:
    """A text of a letter and a number each."""
    return pc.binary_join_element_wise(letter, pa.array(numbers).cast(pa.string()), "")


def write_csv(warehouse: Warehouse, folder: Path) -> None:
    """The rows of each table of the database as one CSV file."""
    for pinned in choose(warehouse, TABLES):
        for target in targets_of(pinned.table):
            with open(folder / f"{target.name}.csv", "wb") as sink:
                for batch in pinned.batches():
                    kept = target.keep(batch) if target.keep else batch
                    csv.write_csv(
                        kept.select(list(target.columns)),
                        sink,
                        csv.WriteOptions(include_header=False),
                    )


def bare_copy(server: Server, folder: Path, with_keys: bool) -> None:
    """COPY of the files into tables of their own, by month as the shop's, in one transaction.

    With keys, the shop's keys, indexes and references are made afterwards.
    """
    with psycopg.connect(server.url("owner")) as connection:
        make_bare(connection)
        for table in TABLES:
            for target in targets_of(table):
                columns = ", ".join(target.columns)
                with (
                    connection.cursor().copy(
                        f"COPY {target.name.replace('shop.', 'bare.')} ({columns}) FROM STDIN (FORMAT csv)"
                    ) as copy,
                    open(folder / f"{target.name}.csv", "rb") as file,
                ):
                    while block := file.read(1 << 20):
                        copy.write(block)
        if with_keys:
            for statement in keys_of(connection):
                connection.execute(statement.encode())


def make_bare(connection: psycopg.Connection[Any]) -> None:
    """Tables with the shop's columns and months, and nothing else."""
    connection.execute("DROP SCHEMA IF EXISTS bare CASCADE")
    connection.execute("CREATE SCHEMA bare")
    for target in (target for table in TABLES for target in targets_of(table)):
        name = target.name.replace("shop.", "bare.")
        tail = f" PARTITION BY RANGE ({target.date})" if target.is_partitioned else ""
        connection.execute(f"CREATE TABLE {name} (LIKE {target.name}){tail}".encode())
        month = FIRST
        while target.is_partitioned and month <= FIRST + dt.timedelta(DAYS):
            after = (month + dt.timedelta(31)).replace(day=1)
            connection.execute(
                f"CREATE TABLE {name}_{month:%Y_%m} PARTITION OF {name}"
                f" FOR VALUES FROM ('{month}') TO ('{after}')".encode()
            )
            month = after


def keys_of(connection: psycopg.Connection[Any]) -> list[str]:
    """Keys, indexes and references of the shop's tables, for those in `bare`."""
    names = [target.name for table in TABLES for target in targets_of(table)]
    keys = connection.execute(
        "SELECT conrelid::regclass, pg_get_constraintdef(oid), contype = 'f' FROM pg_constraint"
        " WHERE conrelid = ANY (%s::regclass[]) AND contype IN ('p', 'f') ORDER BY contype = 'f'",
        (names,),
    ).fetchall()
    indexes = connection.execute(
        "SELECT pg_get_indexdef(indexrelid) FROM pg_index"
        " WHERE indrelid = ANY (%s::regclass[]) AND NOT indisprimary",
        (names,),
    ).fetchall()
    made = [f"ALTER TABLE {name} ADD {key}" for name, key, is_reference in keys if not is_reference]
    made += [body.replace(" ON ONLY ", " ON ") for (body,) in indexes]
    made += [f"ALTER TABLE {name} ADD {key}" for name, key, is_reference in keys if is_reference]
    made.append(
        "ALTER TABLE shop.order_items ADD FOREIGN KEY (order_id, sale_date)"
        " REFERENCES shop.orders (order_id, order_date)"
    )
    return [statement.replace("shop.", "bare.") for statement in made]
