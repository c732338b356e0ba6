"""The commerce feed from raw files to gold: made-up orders with known faults against DuckDB, and
what comes later.
"""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from strata.declare.contract import load_contract, quarantine_name
from strata.declare.feed import load_feed
from strata.lake.versions import Warehouse, read_arrow
from strata.ledger import publication as ledger
from strata.ledger.publication import GateEntry, Publication
from strata.run.options import Options
from strata.run.plan import make_plan
from strata.run.run import run_feed
from strata.run.way import Way
from strata.spark.session import Starting

from bench import commerce_data, commerce_duckdb
from tests.plain import BY_TRANSFORMS
from tests.samples import Samples

pytestmark = pytest.mark.spark

SAMPLES = Path(__file__).parents[2] / "samples"
ANSWERS = (
    "order_revenue",
    "daily_product_sales",
    "daily_category_sales",
    "customer_value",
    "trends",
    "top_products",
)
LINES, ORDERS = "silver.commerce_order_lines", "silver.commerce_orders"
REASONS = {
    "order of an unknown customer": "its customer is unknown",
    "order_date that is no date": "order_date must be a date, YYYY-MM-DD",
    "status that is none": "status must be one of pending, shipped, delivered, cancelled, returned",
    "line of an unknown order": "its order is unknown",
    "line of an unknown product": "its product is unknown",
    "quantity that is no number": "quantity must be a whole number of at most 100,000",
    "quantity below 1": "quantity must be at least 1",
    "unit_price with a comma": "unit_price must be a plain number below 100,000,000 with at most four decimals",
    "negative discount": "discount must not be negative",
}


class Said:
    """What a run says of its tables."""

    def __init__(self) -> None:
        self.ways: dict[str, Way] = {}

    def __call__(self, message: str) -> None:
        """The words are for people."""

    def about(self, **facts: str) -> Said:
        if "way" in facts:
            self.ways[facts["table"]] = Way(facts["way"])
        return self


@dataclass
class Shop:
    """A raw folder and a warehouse of the commerce feed."""

    spark: SparkSession
    raw: Path
    warehouse: Warehouse
    ways: dict[int, dict[str, Way]] = field(default_factory=dict)
    """Of each publication, the way that each of its tables took."""

    def run(
        self, fewest_plain_rows: int | None = None, full: bool = False, by_tasks: bool = False
    ) -> Publication | None:
        """Publishes what is new. Plain rows of whole inputs are made by Spark's `tasks`, or here."""
        feed = load_feed("commerce")
        options = Options(
            str(self.raw), full, fewest_plain_rows=fewest_plain_rows, in_tasks=by_tasks
        )
        plan = make_plan(feed, feed.default_params(), self.warehouse, options)
        said = Said()
        published = run_feed(self.spark, self.warehouse, plan, options, said).publication
        if published is not None:
            self.ways[published.publication] = said.ways
        return published

    def put(self, source: str, delivered: str, *rows: dict[str, str]) -> None:
        path = self.raw / "commerce" / source / f"delivery={delivered}" / f"more-{source}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as out:
            writer = csv.DictWriter(out, rows[0])
            writer.writeheader()
            writer.writerows(rows)

    def table(self, published: Publication, name: str) -> list[dict[str, Any]]:
        state = published.state(name)
        assert state is not None, f"{name} is not published"
        return read_arrow(
            self.warehouse, name, state.version, list(load_contract(name).business_columns)
        ).to_pylist()

    def quarantined(self, published: Publication, name: str) -> Counter[tuple[Any, ...]]:
        """The rejected rows, each with its reasons."""
        state = published.state(name)
        assert state is not None
        if state.quarantine_version is None:
            return Counter()
        columns = [*load_contract(name).business_columns, "_reasons"]
        rows = read_arrow(
            self.warehouse, quarantine_name(name), state.quarantine_version, columns
        ).to_pylist()
        return Counter(_values(row | {"_reasons": tuple(row["_reasons"])}) for row in rows)

    def reasons(self, published: Publication, name: str) -> Counter[str]:
        """How many rejected rows have each reason."""
        state = published.state(name)
        assert state is not None
        if state.quarantine_version is None:
            return Counter()
        held = read_arrow(
            self.warehouse, quarantine_name(name), state.quarantine_version, ["_reasons"]
        ).to_pylist()
        return Counter(reason for row in held for reason in row["_reasons"])


def gates_of(published: Publication) -> dict[str, GateEntry]:
    return {entry.table: entry for entry in published.gates}


def assert_conserved(published: Publication) -> None:
    for entry in published.gates:
        assert entry.rows_in == entry.accepted + entry.quarantined + entry.folded, entry.table


def assert_as_duckdb(shop: Shop, published: Publication) -> None:
    """Every gold table equals what DuckDB makes of the same files."""
    theirs = commerce_duckdb.build(shop.raw)
    for name in ANSWERS:
        columns = [row[0] for row in theirs.execute(f"describe {name}").fetchall()]
        expected = Counter(theirs.execute(f"select {', '.join(columns)} from {name}").fetchall())
        found = Counter(
            tuple(row[column] for column in columns)
            for row in shop.table(published, f"gold.commerce_{name}")
        )
        assert expected, name
        assert found == expected, name


@pytest.fixture(scope="module")
def shop(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    root = tmp_path_factory.mktemp("commerce")
    return Shop(spark, root / "raw", Warehouse(str(root / "warehouse")))


@pytest.fixture(scope="module")
def planted(shop: Shop) -> dict[str, int]:
    return commerce_data.make(shop.raw, scale=0, seed=5)


@pytest.fixture(scope="module")
def first(shop: Shop, planted: dict[str, int]) -> Publication:
    """By the way of large inputs, whose plain rows a query makes; so is what comes later."""
    published = shop.run(fewest_plain_rows=0, by_tasks=True)
    assert published is not None
    return published


def test_a_full_load_equals_duckdb_and_every_planted_fault_is_found(
    shop: Shop, first: Publication, planted: dict[str, int]
) -> None:
    assert_conserved(first)
    assert_as_duckdb(shop, first)
    rejected = shop.reasons(first, ORDERS) + shop.reasons(first, LINES)
    of_broken_orders = sum(
        planted[kind]
        for kind in (
            "order of an unknown customer",
            "order_date that is no date",
            "status that is none",
        )
    )
    for kind, reason in REASONS.items():
        # Lines of rejected orders are orphans too, four an order.
        more = 4 * of_broken_orders if kind == "line of an unknown order" else 0
        assert rejected[reason] == planted[kind] + more, kind
    # What cannot be multiplied has no revenue either, which is no further reason.
    assert rejected.keys() == set(REASONS.values())
    assert gates_of(first)[LINES].folds == {"same as another record": planted["line told twice"]}


def test_spark_makes_those_tables_alone_that_have_no_plain_rows(
    shop: Shop, first: Publication
) -> None:
    ways = shop.ways[first.publication]
    assert ways.keys() == {gate.table for gate in first.gates}
    assert {name: way.name for name, way in ways.items() if way.is_by_transform} == {
        "silver.commerce_categories": "FETCHED",
        "silver.commerce_product_decisions": "NONE",
        "silver.commerce_products": "FETCHED",
    }


def test_names_and_addresses_of_customers_are_nowhere_in_the_warehouse(
    shop: Shop, first: Publication
) -> None:
    for layer in ("bronze", "silver"):
        columns = set(load_contract(f"{layer}.commerce_customers").columns)
        assert columns.isdisjoint({"first_name", "last_name", "email"})
    told = [
        path
        for path in Path(shop.warehouse.root).rglob("*")
        if path.is_file() and b"@example.org" in path.read_bytes()
    ]
    assert told == []


@pytest.fixture(scope="module")
def second(shop: Shop, first: Publication) -> Publication:
    """One more day; all customers once more, with the one that was missing; the product that was
    missing; a new price; a line corrected, and one told again; an order of a customer who comes
    later."""
    commerce_data.make_next_day(shop.raw, scale=0, seed=5)
    product = {
        "product_name": "P",
        "category_id": "1",
        "stock_quantity": "1",
        "created_at": "2024-01-01",
    }
    shop.put(
        "products",
        "2025-01-02",
        {"product_id": "no such product", **product, "price": "5.00"},
        {"product_id": "20", **product, "price": "123.4567"},
    )
    everybody = next(shop.raw.glob("commerce/customers/delivery=*/customers.csv")).read_text(
        encoding="utf-8"
    )
    again = shop.raw / "commerce" / "customers" / "delivery=2025-01-02" / "customers.csv"
    again.parent.mkdir(parents=True)
    again.write_text(
        f"{everybody}no such customer,A,B,c@example.org,SE,2024-01-01\n", encoding="utf-8"
    )
    line = {
        "order_id": "3",
        "product_id": "2",
        "quantity": "2",
        "unit_price": "10.00",
        "discount": "0.005",
    }
    shop.put(
        "order_items",
        "2025-01-02",
        {"order_item_id": "12", **line},
        {"order_item_id": "new", **line},
    )
    early = {"order_id": "early", "customer_id": "newcomer", "order_date": "2025-01-02"}
    shop.put("orders", "2025-01-02", early | {"status": "pending"})
    published = shop.run(fewest_plain_rows=0)
    assert published is not None
    return published


def test_a_later_delivery_touches_its_groups_only_and_equals_duckdb_over_all_files(
    shop: Shop, first: Publication, second: Publication
) -> None:
    assert_conserved(second)
    assert_as_duckdb(shop, second)
    before, after = gates_of(first), gates_of(second)
    # All customers came again, but whoever has not changed touches no order.
    assert (
        after["silver.commerce_customers"].rows_in
        == 2 * before["silver.commerce_customers"].rows_in + 1
    )
    for name in (ORDERS, LINES, "silver.commerce_products", "gold.commerce_order_revenue"):
        assert after[name].mode == "groups", name
        assert after[name].rows_in < before[name].rows_in / 2, name
    assert after["gold.commerce_daily_product_sales"].mode == "groups"


def test_what_referred_to_nothing_is_accepted_when_that_arrives(
    shop: Shop, first: Publication, second: Publication
) -> None:
    for name, reason in ((ORDERS, "its customer is unknown"), (LINES, "its product is unknown")):
        assert shop.reasons(first, name)[reason] > 0
        assert shop.reasons(second, name)[reason] == (1 if name == ORDERS else 0)


def test_a_corrected_line_and_a_new_price_supersede_and_the_old_price_is_kept(
    shop: Shop, second: Publication
) -> None:
    lines = {
        row["order_item_id"]: row for row in shop.table(second, LINES) if row["order_id"] == "3"
    }
    # 2 x 10.00 - 0.005 = 19.995, half away from zero.
    assert lines["12"]["revenue"] == lines["new"]["revenue"] == Decimal("20.00")
    periods = [
        row for row in shop.table(second, "silver.commerce_products") if row["product_id"] == "20"
    ]
    history = sorted(
        (row["valid_from"], row["valid_to"], row["is_current"], row["list_price"])
        for row in periods
    )
    assert [h[:3] for h in history] == [
        (date(2024, 12, 31), date(2025, 1, 2), False),
        (date(2025, 1, 2), date(9999, 12, 31), True),
    ]
    assert history[1][3] == Decimal("123.4567") != history[0][3]


def test_run_again_nothing_is_published(shop: Shop, second: Publication) -> None:
    assert shop.run() is None
    newest = ledger.newest(ledger.read(shop.warehouse, "commerce"))
    assert newest is not None
    assert newest.publication == second.publication


def _start() -> SparkSession:
    raise AssertionError("a day of few records must not start Spark")


@pytest.fixture(scope="module")
def third(shop: Shop, second: Publication) -> Publication:
    """A day without a session: an order of a new month with its lines, one that is told again and
    now counts no more, and a guest's that is put off. Beside them an order without a day, with its
    line, a new state that is none, a line of an unknown product, and one that is told twice. A new
    customer comes, whose order did not wait for that."""
    country = {"country": "SE", "registration_date": "2025-01-03"}
    shop.put("customers", "2025-01-03", {"customer_id": "newcomer", **country})
    orders = [
        {"order_id": "new", "customer_id": "4", "order_date": "2025-02-01", "status": "pending"},
        {"order_id": "5", "customer_id": "7", "order_date": "2024-03-01", "status": "returned"},
        {"order_id": "6", "customer_id": "", "order_date": "2024-04-01", "status": "shipped"},
        {"order_id": "7", "customer_id": "4", "order_date": "2024-04-01", "status": "gone"},
        {"order_id": "bad", "customer_id": "4", "order_date": "1/2/25", "status": "shipped"},
    ]
    shop.put("orders", "2025-01-03", *orders)
    line = {"product_id": "2", "quantity": "2", "unit_price": "10.00", "discount": ""}
    lines = [{"order_item_id": str(n), "order_id": "new", **line} for n in (1, 2)]
    faulty = [
        {"order_item_id": "1", "order_id": "bad", **line},
        {
            "order_item_id": "3",
            "order_id": "new",
            **line,
            "product_id": "unheard",
            "quantity": "-1",
        },
    ]
    shop.put("order_items", "2025-01-03", *lines, *faulty, lines[0])
    without = Shop(Starting(_start, when_asked=True), shop.raw, shop.warehouse, shop.ways)
    published = without.run(fewest_plain_rows=0)
    assert published is not None
    return published


def test_a_day_needs_no_spark_whatever_is_wrong_with_it_and_equals_duckdb_over_all_files(
    shop: Shop, third: Publication
) -> None:
    assert_conserved(third)
    assert_as_duckdb(shop, third)
    assert gates_of(third)[ORDERS].folds == {"superseded by a later delivery": 2}
    assert gates_of(third)[LINES].folds == {"same as another record": 1}
    assert [r["order_date"] for r in shop.table(third, ORDERS) if r["customer_id"] == "newcomer"]
    assert {name: gates_of(third)[name].reasons for name in (ORDERS, LINES)} == {
        ORDERS: {
            REASONS["status that is none"]: 1,
            "order_date begins with its day or its month, and nothing tells which: give it as "
            "YYYY-MM-DD": 1,
        },
        LINES: {
            "its order is unknown": 1,
            "its product is unknown": 1,
            "quantity must be at least 1": 1,
        },
    }


def test_the_way_of_each_table_that_a_day_changes(shop: Shop, third: Publication) -> None:
    assert {name: way.name for name, way in shop.ways[third.publication].items()} == {
        "bronze.commerce_customers": "RECORDS_HERE",
        "bronze.commerce_orders": "RECORDS_HERE",
        "bronze.commerce_order_items": "RECORDS_HERE",
        "silver.commerce_customers": "PLAIN_GROUPS",
        "silver.commerce_orders": "PLAIN_GROUPS",
        "silver.commerce_order_lines": "PLAIN_GROUPS",
        "gold.commerce_order_revenue": "PLAIN_GROUPS",
        "gold.commerce_daily_product_sales": "PLAIN_GROUPS",
        "gold.commerce_daily_category_sales": "PLAIN_GROUPS",
        "gold.commerce_customer_value": "PLAIN_HERE",
        "gold.commerce_dates": "PLAIN_HERE",
        "gold.commerce_trends": "PLAIN_HERE",
        "gold.commerce_top_products": "PLAIN_HERE",
    }


def test_made_whole_by_the_transforms_every_table_is_the_same(
    shop: Shop, third: Publication
) -> None:
    """The queries of few touched groups have decided nothing differently."""
    whole = shop.run(BY_TRANSFORMS, full=True)
    assert whole is not None
    assert {entry.mode for entry in whole.gates} == {"whole"}
    for state in third.tables:
        name = state.table
        found, expected = (Counter(map(_values, shop.table(p, name))) for p in (third, whole))
        assert found == expected, name
        assert shop.quarantined(third, name) == shop.quarantined(whole, name), name
    held, again = ({s.table: (s.rows, s.identity) for s in p.tables} for p in (third, whole))
    assert held == again


def _values(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row.values())


# --- the real shop of the samples ----------------------------------------------------------------


@pytest.mark.samples("commerce")
def test_the_samples_equal_plain_python(spark: SparkSession, samples: Samples) -> None:
    shop, published = Shop(spark, SAMPLES, samples.warehouse), samples.newest("commerce")
    assert_conserved(published)
    rows = [
        row
        for path in sorted((SAMPLES / "commerce" / "sales").glob("*.csv"))
        for row in csv.DictReader(path.open(encoding="utf-8"))
    ]
    sold: dict[tuple[Any, ...], dict[str, str]] = {}
    odd = 0
    for row in rows:
        quantity, is_credit = int(row["Quantity"]), row["InvoiceNo"].startswith("C")
        if (quantity < 0) != is_credit or Decimal(row["UnitPrice"]) < 0:
            odd += 1
        else:
            sold.setdefault(tuple(row.values()), row)
    by_day: Counter[date] = Counter()
    orders: dict[str, date] = {}
    for row in rows:
        day = date.fromisoformat(row["InvoiceDate"][:10])
        orders[row["InvoiceNo"]] = min(day, orders.get(row["InvoiceNo"], day))
    for row in sold.values():
        cents = int(
            (abs(int(row["Quantity"])) * Decimal(row["UnitPrice"]) * 100 + Decimal("0.5")) // 1
        )
        by_day[orders[row["InvoiceNo"]]] += cents if int(row["Quantity"]) > 0 else -cents
    lines = gates_of(published)[LINES]
    assert (lines.rows_in, lines.quarantined, lines.accepted) == (len(rows), odd, len(sold))
    found: Counter[date] = Counter()
    for day in shop.table(published, "gold.commerce_daily_product_sales"):
        found[day["sale_date"]] += int(day["revenue"] * 100)
    assert found == by_day
    assert len(found) == 5


def test_orders_that_sales_alone_tell_of_stand_beside_those_of_the_file_of_orders(
    spark: SparkSession, tmp_path: Path
) -> None:
    """Where plain rows are asked of any number: of the orders' file alone they would be."""
    shutil.copytree(SAMPLES / "shop" / "commerce", tmp_path / "raw" / "commerce")
    [sales, *_] = sorted((SAMPLES / "commerce" / "sales").glob("*.csv"))
    (tmp_path / "raw" / "commerce" / "sales").mkdir()
    shutil.copy(sales, tmp_path / "raw" / "commerce" / "sales")
    with sales.open(encoding="utf-8") as rows:
        invoices = {row["InvoiceNo"] for row in csv.DictReader(rows)}
    shop = Shop(spark, tmp_path / "raw", Warehouse(str(tmp_path / "warehouse")))
    published = shop.run(fewest_plain_rows=0)
    assert published is not None
    found = [row["order_id"] for row in shop.table(published, ORDERS)]
    assert (len(found), invoices - set(found)) == (2_997 + len(invoices), set())
