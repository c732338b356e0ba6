"""The shop's database: as its contracts say, loaded whole or not at all, and open to nobody."""

from __future__ import annotations

import re
import subprocess
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from strata import failpoint
from strata.declare.contract import load_contract
from strata.errors import GateFailed, LeaseHeld, ResourceMissing, UsageError
from strata.lake.versions import Warehouse
from strata.serve.export import postgres_type
from strata.serve.postgres.load import load_tables
from strata.serve.postgres.migrate import FOLDER, migrate, roll_back
from strata.serve.postgres.server import Server, find_binaries
from strata.serve.postgres.targets import SHOP
from yoyo import get_backend, read_migrations

from tests.doors import shop
from tests.doors.publishing import publish
from tests.doors.test_export import TURNAROUNDS, TURNS

EVERY = ("silver.commerce_*", "gold.commerce_*")
ORDERS, LINES = "silver.commerce_orders", "silver.commerce_order_lines"


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    made = Warehouse(str(tmp_path / "warehouse"))
    publish(made, "commerce", shop.published())
    return made


def load(warehouse: Warehouse, server: Server, *tables: str) -> dict[str, str]:
    done = load_tables(warehouse, tables or EVERY, server.url("loader"))
    return {one.table.removeprefix("shop."): one.outcome for one in done}


def ask(server: Server, query: str, role: str = "reader") -> list[tuple[Any, ...]]:
    with psycopg.connect(server.url(role)) as connection:
        return connection.execute(query).fetchall()


def test_the_tables_are_as_their_contracts_say(database: Server) -> None:
    held = {
        (place, name): (kind, required, said)
        for place, name, kind, required, said in ask(
            database,
            "SELECT a.attrelid::regclass::text, attname, format_type(atttypid, atttypmod), attnotnull,"
            " col_description(attrelid, attnum) FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid"
            " WHERE attnum > 0 AND relkind IN ('r', 'p') AND NOT relispartition"
            " AND relnamespace = 'shop'::regnamespace AND relname <> 'product_decisions'",
            "owner",
        )
    }
    names = {"timestamptz": "timestamp with time zone"}
    declared = {}
    for target in SHOP:
        for own in target.fields:
            kind = postgres_type(own.type)
            said = f"{own.description} [{own.unit}]" if own.unit else own.description
            declared[target.name, own.name] = (
                names.get(kind, kind),
                own.required or own.name in target.key,
                said,
            )
    assert held == declared, "a contract has changed: write a migration"
    assert all(not f.is_personal for t in SHOP for f in load_contract(t.source).fields)


def test_a_first_load_fills_all_tables(warehouse: Warehouse, database: Server) -> None:
    assert set(load(warehouse, database).values()) == {"filled"}
    assert ask(
        database,
        "SELECT order_id, order_item_id, sale_date, revenue FROM shop.order_items ORDER BY 1, 2",
    ) == [
        ("o1", "1", date(2024, 1, 30), Decimal("5.00")),
        ("o1", "2", date(2024, 1, 30), Decimal("9.99")),
        ("o2", "1", date(2024, 2, 1), Decimal("29.97")),
        ("o3", "1", date(2024, 2, 1), Decimal("250.00")),
        ("o4", "1", date(2024, 3, 15), Decimal("0.05")),
    ]
    assert ask(database, "SELECT product_id, product_name FROM shop.products ORDER BY 1")[2] == (
        "p3",
        "\\.",
    )
    parts = ask(
        database, "SELECT tableoid::regclass::text, count(*) FROM shop.orders GROUP BY 1 ORDER BY 1"
    )
    assert parts == [
        ("shop.orders_2024_01", 1),
        ("shop.orders_2024_02", 2),
        ("shop.orders_2024_03", 1),
    ]
    ahead = ask(
        database, "SELECT to_regclass('shop.orders_2024_06'), to_regclass('shop.orders_2024_07')"
    )
    assert [value is not None for value in ahead[0]] == [True, False], (
        "three months ahead are there"
    )
    assert ask(database, "SELECT DISTINCT publication, run_id FROM strata.loads") == [
        (1, "run-commerce-1")
    ]
    assert ask(
        database,
        "SELECT category_id, product_id, rank, revenue FROM shop.best_sellers ORDER BY 1, 3",
    ) == [
        ("", "p3", 1, Decimal("0.05")),
        ("2", "p2", 1, Decimal("39.96")),
        ("2", "p1", 2, Decimal("5.00")),
    ]
    indexes = ask(
        database, "SELECT count(*) FROM pg_indexes WHERE indexname = 'orders_by_customer'"
    )
    assert indexes == [(1,)], "a first load makes the indexes again"
    assert set(load(warehouse, database).values()) == {"up to date"}


def test_one_more_day_writes_only_what_changed(warehouse: Warehouse, database: Server) -> None:
    load(warehouse, database)
    marks = dict(ask(database, "SELECT order_id, xmin::text FROM shop.orders"))
    late = [
        {**row, "status": "cancelled", "is_counted": False} if row["order_id"] == "o2" else row
        for row in shop.ORDERS[1:]
    ]
    new = shop.order(5, date(2024, 3, 16), "c3")
    orders = [*late, new]
    publish(
        warehouse,
        "commerce",
        {ORDERS: orders, LINES: [r for r in shop.LINES if r["order_id"] != "o1"]},
    )
    outcome = load(warehouse, database, "commerce_orders")
    assert (outcome["orders"], outcome["order_items"], outcome["customers"]) == (
        "merged",
        "merged",
        "same rows",
    )
    held = ask(database, "SELECT order_id, status, xmin::text FROM shop.orders ORDER BY 1")
    assert [row[:2] for row in held] == [
        ("o2", "cancelled"),
        ("o3", "cancelled"),
        ("o4", "delivered"),
        ("o5", "delivered"),
    ]
    assert {name for name, _, mark in held if marks.get(name) == mark} == {"o3", "o4"}, (
        "unchanged rows are not written"
    )
    assert ask(database, "SELECT DISTINCT publication FROM strata.loads") == [(2,)]
    assert ask(
        database, "SELECT count(*) FROM pg_tables WHERE schemaname = 'staging'", "owner"
    ) == [(0,)]


@pytest.mark.nightly
def test_any_table_can_be_copied(warehouse: Warehouse, database: Server) -> None:
    publish(warehouse, "launches", {TURNAROUNDS: TURNS})
    load(warehouse, database, "launches_core_turnarounds")
    copied = "SELECT core_id, launch_at, turnaround_days FROM copies.launches_core_turnarounds"
    expected = [(row["core_id"], row["launch_at"], row["turnaround_days"]) for row in TURNS]
    assert ask(database, copied + " ORDER BY 1") == expected


@pytest.mark.parametrize("change", ["DROP TABLE", "TRUNCATE"])
@pytest.mark.parametrize("is_next", [False, True], ids=["up to date", "same rows"])
def test_a_copy_that_somebody_dropped_or_emptied_is_filled_again(
    warehouse: Warehouse, database: Server, change: str, is_next: bool
) -> None:
    publish(warehouse, "launches", {TURNAROUNDS: TURNS})
    name = "copies.launches_core_turnarounds"
    assert load(warehouse, database, "launches_core_turnarounds") == {name: "filled"}
    with psycopg.connect(database.url("loader")) as connection:
        connection.execute(f"{change} {name}")  # type: ignore[arg-type]
    if is_next:
        publish(warehouse, "launches", {})
    assert load(warehouse, database, "launches_core_turnarounds") == {name: "filled"}
    assert ask(database, f"SELECT count(*) FROM {name}") == [(len(TURNS),)]
    assert load(warehouse, database, "launches_core_turnarounds") == {name: "up to date"}


STOPS = ("load.table@shop.orders", "load.finished", "load.committed", "load.stage@shop.order_items")


@pytest.mark.nightly
@pytest.mark.parametrize("point", STOPS)
def test_stopped_and_run_again(
    warehouse: Warehouse, database: Server, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    load(warehouse, database)
    publish(warehouse, "commerce", {ORDERS: shop.ORDERS[:1], LINES: shop.LINES[:1]})
    with monkeypatch.context() as armed:
        armed.setattr(failpoint, "armed", failpoint.parse(f"{point}=crash"))
        with pytest.raises(failpoint.Crash):
            load(warehouse, database)
    counts = "SELECT (SELECT count(*) FROM shop.orders), (SELECT count(*) FROM shop.order_items), (SELECT max(publication) FROM strata.loads)"
    before = (1, 1, 2) if point == "load.committed" else (4, 5, 1)
    assert ask(database, counts) == [before]
    load(warehouse, database)
    assert ask(database, counts) == [(1, 1, 2)]


@pytest.mark.nightly
def test_a_load_that_does_not_add_up_changes_nothing(
    warehouse: Warehouse, database: Server
) -> None:
    load(warehouse, database)
    publish(
        warehouse, "commerce", {ORDERS: shop.ORDERS[:3], LINES: shop.LINES[:4]}, counted={ORDERS: 9}
    )
    with pytest.raises(GateFailed, match="published with 9"):
        load(warehouse, database)
    orphan = shop.line(shop.order(77, date(2024, 1, 1), "c1"), 1, "p1", 1, "1")
    publish(warehouse, "commerce", {ORDERS: shop.ORDERS, LINES: [orphan]})
    with pytest.raises(GateFailed, match="keeps every reference"):
        load(warehouse, database)
    assert ask(
        database, "SELECT count(*), (SELECT count(*) FROM shop.order_items) FROM shop.orders"
    ) == [(4, 5)]


@pytest.mark.nightly
def test_never_older_over_newer_and_one_at_a_time(
    warehouse: Warehouse, database: Server, tmp_path: Path
) -> None:
    other = Warehouse(str(tmp_path / "other"))
    publish(other, "commerce", shop.published())
    publish(other, "commerce", {ORDERS: shop.ORDERS})
    load(other, database)
    with pytest.raises(UsageError, match="holds publication 2 of commerce"):
        load(warehouse, database)
    with psycopg.connect(database.url("loader"), autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(hashtext('strata load commerce'))")
        with pytest.raises(LeaseHeld):
            load(other, database)


@pytest.mark.nightly
def test_a_reader_reads_and_no_more(warehouse: Warehouse, database: Server) -> None:
    load(warehouse, database)
    refused = [
        "DELETE FROM shop.orders",
        "SELECT * FROM strata.staged",
        "CREATE TABLE shop.x (a int)",
        "SELECT strata.refresh_views()",
        "COPY shop.orders TO PROGRAM 'id'",
    ]
    for statement in refused:
        with pytest.raises(
            (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)
        ):
            ask(database, statement)
    with pytest.raises(psycopg.errors.QueryCanceled):
        ask(database, "SET statement_timeout = '50ms'; SELECT pg_sleep(2)")
    assert ask(database, "SHOW statement_timeout") == [("5s",)]
    nobody = database.url("reader").replace(database.passwords["reader"], "guess")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(nobody)


@pytest.mark.nightly
def test_each_migration_has_its_way_back(warehouse: Warehouse, database: Server) -> None:
    """Step by step up, then down: each step back leaves the schema as it was before its step."""
    url = database.url("owner")
    roll_back(url)
    schemas, backend = [schema_of(database)], get_backend(url.replace("sql://", "sql+psycopg://"))
    every = list(read_migrations(str(FOLDER)))
    for one in every:
        with backend.lock():
            backend.apply_one(one)
        schemas.append(schema_of(database))
    assert len(set(schemas)) == len(every) + 1, "each step changes something"
    for n in range(len(every), 0, -1):
        assert roll_back(url, every[n - 2].id if n > 1 else "0") == [every[n - 1].id]
        assert schema_of(database) == schemas[n - 1], every[n - 1].id
    backend.connection.close()
    assert migrate(url) == [one.id for one in every]
    load(warehouse, database)
    rows = "SELECT order_id, order_item_id, revenue FROM shop.order_items ORDER BY 1, 2"
    held = ask(database, rows)
    roll_back(url, "0005.decisions")
    assert ask(database, rows) == held, "a step back of a filled database loses no row"
    migrate(url)
    assert ask(database, rows) == held


def schema_of(server: Server) -> str:
    """All of the schema as DDL, but for the notes of the migrations."""
    command = [str(find_binaries() / "pg_dump"), "--schema-only", "--exclude-table=public.*yoyo*"]
    done = subprocess.run([*command, server.url("owner")], capture_output=True, check=True)
    text = re.sub(r"(?m)^\\(un)?restrict .*", "", done.stdout.decode())
    rights = sorted(re.findall(r"(?m)^GRANT .*", text))  # Their order is that of giving.
    return re.sub(r"(?m)^GRANT .*", "", text) + "\n".join(rights)


@pytest.mark.nightly
def test_a_row_outside_the_months_stops_a_load(warehouse: Warehouse, database: Server) -> None:
    load(warehouse, database)
    with psycopg.connect(database.url("owner")) as connection:
        connection.execute(
            "INSERT INTO shop.orders SELECT 'stray', customer_id, date '1999-01-01', status, "
            "currency, is_counted FROM shop.orders LIMIT 1"
        )
    publish(warehouse, "commerce", {ORDERS: shop.ORDERS[:3], LINES: shop.LINES[:4]})
    with pytest.raises(GateFailed, match="every day has its month"):
        load(warehouse, database)
    assert ask(database, "SELECT max(publication) FROM strata.loads") == [(1,)]


@pytest.mark.nightly
def test_plans(warehouse: Warehouse, database: Server) -> None:
    load(warehouse, database)
    plans = {
        "a month": "SELECT * FROM shop.orders WHERE order_date BETWEEN '2024-02-01' AND '2024-02-29'",
        "a customer": "SELECT * FROM shop.order_revenue WHERE customer_id = 'c1' ORDER BY order_date DESC, order_id DESC LIMIT 5",
    }
    with psycopg.connect(database.url("reader")) as connection:
        connection.execute("SET enable_seqscan = off")
        said = {
            name: [row[0] for row in connection.execute("EXPLAIN " + query)]
            for name, query in plans.items()
        }
    assert any("orders_2024_02" in line for line in said["a month"])
    assert not any("orders_2024_01" in line for line in said["a month"])
    assert "order_revenue_by_customer" in said["a customer"][1]
    assert not any("Sort" in line for line in said["a customer"]), "the index has the order too"


QUESTIONS_OF_INDEXES = {
    "orders_by_customer": "shop.orders WHERE customer_id = 'c1' ORDER BY order_date DESC",
    "order_items_by_product": "shop.order_items WHERE product_id = 'p1' AND sale_date > '2024-01-01'",
    "products_by_category": "shop.products WHERE category_id = '2'",
    "order_revenue_by_customer": "shop.order_revenue WHERE customer_id = 'c1' ORDER BY order_date DESC, order_id DESC LIMIT 5",
    "daily_product_sales_by_product": "shop.daily_product_sales WHERE product_id = 'p1' AND sale_date > '2024-01-01'",
    "daily_category_sales_by_category": "shop.daily_category_sales WHERE category_id = '2' AND sale_date > '2024-01-01'",
    "monthly_category_sales_key": "shop.monthly_category_sales WHERE month_start = '2024-01-01'",
    "monthly_product_sales_key": "shop.monthly_product_sales ORDER BY month_start, product_id, currency LIMIT 5",
    "monthly_product_sales_by_product": "shop.monthly_product_sales WHERE product_id = 'p1' ORDER BY month_start",
    "best_sellers_key": "shop.best_sellers WHERE category_id = '2' AND product_id = 'p1'",
    "best_sellers_by_rank": "shop.best_sellers WHERE category_id = '2' AND currency = 'EUR' ORDER BY rank",
    "product_decisions_by_product": "shop.product_decisions WHERE product_id = 'p1' ORDER BY decision_id",
}


@pytest.mark.nightly
def test_every_index_answers_a_question(warehouse: Warehouse, database: Server) -> None:
    """By the plans, where reading whole tables is no choice; no index is there for nothing."""
    load(warehouse, database)
    every = ask(
        database,
        "SELECT relname FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE NOT indisprimary"
        " AND relnamespace = 'shop'::regnamespace AND NOT relispartition",
        "owner",
    )
    unique = {"product_decisions_file_key"}  # A rule, and not for looking up.
    assert {name for (name,) in every} - unique == QUESTIONS_OF_INDEXES.keys()
    used = {}
    with psycopg.connect(database.url("owner")) as connection:
        connection.execute("SET enable_seqscan = off")
        for name, what in QUESTIONS_OF_INDEXES.items():
            plan = connection.execute(f"EXPLAIN SELECT * FROM {what}".encode()).fetchall()
            text = "\n".join(row[0] for row in plan)
            (own, *_) = re.findall(r"Index (?:Only )?Scan (?:using|on) (\S+)", text)
            above = connection.execute(
                "SELECT inhparent::regclass::text FROM pg_inherits WHERE inhrelid = %s::regclass",
                (f"shop.{own}",),
            ).fetchone()
            used[name] = (above[0] if above else own).removeprefix("shop.")
    assert used == {name: name for name in QUESTIONS_OF_INDEXES}


@pytest.mark.nightly
def test_a_first_load_goes_on_with_the_months_that_stand(
    warehouse: Warehouse, database: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash after two months of orders: the next load fills the others, and these are kept."""
    with monkeypatch.context() as armed:
        stop = "load.stage@shop.order_items_2024_02=crash"
        armed.setattr(failpoint, "armed", failpoint.parse(stop))
        with pytest.raises(failpoint.Crash):
            load(warehouse, database)
    assert ask(
        database, "SELECT (SELECT count(*) FROM shop.orders), count(*) FROM strata.loads"
    ) == [(0, 0)]
    staged = "SELECT relname, oid FROM pg_class WHERE relkind = 'r' AND relnamespace = 'staging'::regnamespace"
    left = dict(ask(database, staged, "owner"))
    assert {"orders_2024_01", "orders_2024_02"} <= left.keys()
    assert "order_items_2024_02" not in left
    load(warehouse, database)
    held = dict(
        ask(
            database,
            "SELECT relname, oid FROM pg_class WHERE relkind = 'r' AND relnamespace = 'shop'::regnamespace",
        )
    )
    assert {name: held[name] for name in left} == left, "the very tables that were filled before"
    assert ask(database, "SELECT count(*), sum(revenue) FROM shop.order_items") == [
        (5, Decimal("295.01"))
    ]
    assert ask(database, staged, "owner") == []
    broken = "INSERT INTO shop.order_items SELECT 'o9', order_item_id, sale_date, customer_id, status, is_counted, product_id, currency, category_id, quantity, unit_price, discount, revenue, copies FROM shop.order_items LIMIT 1"
    with psycopg.connect(database.url("loader")) as connection:
        connection.execute(broken)
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            connection.commit()


@pytest.mark.nightly
@pytest.mark.parametrize("is_first", [True, False], ids=["a first load", "one more day"])
def test_the_database_restarts_in_the_middle_of_a_load(
    warehouse: Warehouse, tmp_path: Path, is_first: bool
) -> None:
    """The old publication stands; the next load brings the new one whole."""
    import shutil
    import tempfile

    from strata.serve.postgres.local import running
    from strata.serve.postgres.server import control

    class Restart:
        """Stops the server hard, once, when the load's transaction has written everything."""

        def __init__(self, server: Server) -> None:
            self.server, self.is_done = server, False

        def pass_by(self, point: str, subject: str) -> None:
            if point == "load.finished" and not self.is_done:
                self.is_done = True
                own = (find_binaries(), self.server.folder)
                control(*own, "restart", "-m", "immediate", "-w", "-o", f"-p {self.server.port}")

    # The tests' own server waits for no disk; this one keeps what it has committed.
    folder = Path(tempfile.mkdtemp(prefix="strata-pg-"))
    folder.chmod(0o755)
    counts = "SELECT (SELECT count(*) FROM shop.orders), (SELECT count(*) FROM shop.order_items), (SELECT max(publication) FROM strata.loads)"
    try:
        with running(folder / "cluster") as server:
            before = (0, 0, None)
            if not is_first:
                load(warehouse, server)
                before = (4, 5, 1)
                publish(warehouse, "commerce", {ORDERS: shop.ORDERS[:1], LINES: shop.LINES[:1]})
            with pytest.MonkeyPatch.context() as armed:
                armed.setattr(failpoint, "armed", Restart(server))
                with pytest.raises(ResourceMissing, match="lost its database"):
                    load(warehouse, server)
            assert ask(server, counts) == [before]
            load(warehouse, server)
            assert ask(server, counts) == [(4, 5, 1) if is_first else (1, 1, 2)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
