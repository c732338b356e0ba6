"""The commerce feed's rules on made-up records: values, categories, records that differ, and
dates."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from chispa import assert_df_equality
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from strata.declare.contract import load_contract, struct_type
from strata.feeds.commerce.amounts import revenue_of
from strata.feeds.commerce.calendar import commerce_dates
from strata.feeds.commerce.catalogue import commerce_categories, commerce_products
from strata.feeds.commerce.customers import commerce_customers
from strata.feeds.commerce.decisions import commerce_product_decisions
from strata.feeds.commerce.lines import commerce_order_lines
from strata.feeds.commerce.orders import commerce_orders
from strata.feeds.commerce.params import Params
from strata.feeds.commerce.sales import (
    commerce_daily_product_sales,
    commerce_order_revenue,
    commerce_top_products,
    commerce_trends,
)
from strata.feeds.commerce.value import GUEST, commerce_customer_value
from strata.kit.history import REPEATED, SUPERSEDED, LatestOf, keep_latest
from strata.kit.shared import UNKNOWN, find_shared
from strata.kit.values import parse_date, parse_money, parse_units
from strata.run.plain.work import Done

from tests.frames import local_frame
from tests.mutants import complete
from tests.plain import plain_rows, schema_of

pytestmark = pytest.mark.spark


def bronze(spark: SparkSession, source: str, *rows: dict[str, Any]) -> DataFrame:
    """Bronze records as told, the rest null; numbered from 1 in a file of their own."""
    fields = tuple(
        f
        for f in load_contract(f"bronze.commerce_{source}").fields
        if f.name not in ("_run_id", "_ingested_at")
    )
    full = [{"_file_sha256": "f", "_record_number": n} | row for n, row in enumerate(rows, 1)]
    return local_frame(
        spark,
        ([row.get(f.name) for f in fields] for row in full),
        struct_type(fields, enforce_required=False),
    )


def test_a_lines_revenue_is_exact_and_rounds_half_away_from_zero(spark: SparkSession) -> None:
    chance = Random(3)
    edges = [
        (1, "0.005", "0"),
        (-1, "0.005", "0"),
        (1, "0.0049", "0"),
        (100_000, "99999999.9999", "0"),
        (-100_000, "99999999.9999", "0"),
    ]
    edges += [(3, "33.3350", "0.01"), (1, "0", "0.005"), (7, "1.0714", "0.0048")]
    odd = [
        (
            chance.randint(-999, 999),
            f"{chance.randrange(10**8) / 10**4:.4f}",
            f"{chance.randrange(10**6) / 10**4:.4f}",
        )
        for _ in range(2000)
    ]
    rows = [
        (quantity, Decimal(price), Decimal(discount)) for quantity, price, discount in edges + odd
    ]
    frame = spark.createDataFrame(
        rows, "quantity int, unit_price decimal(12,4), discount decimal(12,4)"
    )
    found = frame.withColumn("revenue", revenue_of("quantity", "unit_price", "discount")).collect()
    for row in found:
        exact = row["unit_price"] * row["quantity"] - row["discount"]
        assert row["revenue"] == exact.quantize(Decimal("0.01"), ROUND_HALF_UP), row


@pytest.mark.parametrize(
    ("text", "units", "money", "day"),
    [
        ("7", 7, "7", None),
        ("-3", -3, "-3", None),
        ("100001", None, "100001", None),
        ("1.5", None, "1.5", None),
        ("1.23456", None, None, None),
        ("1.234500", None, "1.2345", None),
        ("123456789.0", None, None, None),
        ("1,5", None, None, None),
        ("1e3", None, None, None),
        (" 7", None, None, None),
        ("7\n", None, None, None),
        ("\N{ARABIC-INDIC DIGIT SEVEN}", None, None, None),
        ("NaN", None, None, None),
        ("2024-02-29", None, None, dt.date(2024, 2, 29)),
        ("2024-02-29 23:59:59", None, None, dt.date(2024, 2, 29)),
        ("2023-02-29", None, None, None),
        ("2024-2-9", None, None, None),
        ("2024-W10-1", None, None, None),
        ("0.125", None, "0.125", None),
        ("-10.50", None, "-10.50", None),
        ("1\N{RIGHT SINGLE QUOTATION MARK}234.50", None, None, None),
        ("2024-02-29 and more", None, None, None),
        ("0001-02-03", None, None, dt.date(1, 2, 3)),
        ("0000-02-03", None, None, None),
        ("", None, None, None),
    ],
)
def test_what_is_read_as_a_number_or_a_day(
    spark: SparkSession, text: str, units: int | None, money: str | None, day: dt.date | None
) -> None:
    frame = spark.createDataFrame([(text,)], "t string")
    found = frame.select(
        parse_units("t").alias("u"), parse_money("t").alias("m"), parse_date("t").alias("d")
    ).collect()[0]
    assert (found["u"], found["m"], found["d"]) == (
        units,
        None if money is None else Decimal(money),
        day,
    )


def test_a_category_has_its_branch_and_broken_branches_are_rejected(spark: SparkSession) -> None:
    tree = {
        "1": None,
        "2": "1",
        "3": "2",
        "orphan": "nowhere",
        "below": "orphan",
        "a": "b",
        "b": "a",
        "own": "own",
    }
    rows = [
        {"category_id": name, "category_name": f"C{name}", "parent_category_id": above}
        for name, above in tree.items()
    ]
    found = {
        row["category_id"]: row
        for row in commerce_categories(bronze(spark, "product_categories", *rows)).collect()
    }
    assert (found["3"]["category_path"], found["3"]["top_category_id"], found["3"]["level"]) == (
        "C1 > C2 > C3",
        "1",
        3,
    )
    assert (found["1"]["category_path"], found["1"]["top_category_name"], found["1"]["level"]) == (
        "C1",
        "C1",
        1,
    )
    assert {
        name for name, row in found.items() if row["_reasons"] == ["a category above it is unknown"]
    } == {"orphan", "below"}
    circles = {
        name
        for name, row in found.items()
        if any("above itself" in reason for reason in row["_reasons"])
    }
    assert circles == {"a", "b", "own"}


def test_a_parent_of_0_is_none_unless_a_category_has_that_id(spark: SparkSession) -> None:
    shop = [
        {"category_id": "47", "category_name": "Clothes", "parent_category_id": "0"},
        {"category_id": "50", "category_name": "Shirts", "parent_category_id": "47"},
    ]
    zero = {"category_id": "0", "category_name": "All", "parent_category_id": None}
    for rows, path in ((shop, "Clothes > Shirts"), ([*shop, zero], "All > Clothes > Shirts")):
        found = commerce_categories(bronze(spark, "product_categories", *rows)).collect()
        assert {row["category_id"]: row["_reasons"] for row in found} == {
            row["category_id"]: [] for row in rows
        }
        assert [row["category_path"] for row in found if row["category_id"] == "50"] == [path]


def test_a_products_name_is_the_one_most_lines_use_then_the_newest(spark: SparkSession) -> None:
    lines = [
        ("22423", "REGENCY CAKESTAND", "2011-06-01"), ("22423", "REGENCY CAKESTAND", "2011-06-02"),
        ("22423", "?", "2011-06-03"), ("22423", " Amazon ", "2011-06-03"),
        ("21166", "OLD NAME", "2010-01-01"), ("21166", "NEW NAME", "2011-01-01"),
        ("84970", "B", None), ("84970", "A", None), ("15034", "", "2011-01-01"),
    ]  # fmt: skip
    sales = bronze(
        spark,
        "sales",
        *[{"product_id": p, "product_name": name, "sold_at": day} for p, name, day in lines],
    )
    raw = bronze(spark, "products")
    categories = commerce_categories(bronze(spark, "product_categories"))
    decisions = commerce_product_decisions(bronze(spark, "product_decisions"), categories)
    made = commerce_products(raw, sales, categories, decisions)
    found = {row["product_id"]: row for row in made.collect()}
    assert {key: (row["product_name"], row["names"]) for key, row in found.items()} == {
        "22423": ("REGENCY CAKESTAND", 3),
        "21166": ("NEW NAME", 2),
        "84970": ("A", 2),
        "15034": (None, 0),
    }


def test_a_customers_country_is_the_one_most_lines_tell(spark: SparkSession) -> None:
    lines = [
        ("17850", "United Kingdom", "2011-01-01"), ("17850", "United Kingdom", "2011-01-02"),
        ("17850", "Belgium", "2011-06-01"), ("17851.0", "Spain", "2011-01-01"),
        ("17851", "Portugal", "2011-02-01"), ("17852", "", "2011-02-01"),
    ]  # fmt: skip
    sales = bronze(
        spark,
        "sales",
        *[{"customer": c, "country": place, "sold_at": day} for c, place, day in lines],
    )
    made = commerce_customers(bronze(spark, "customers"), sales).collect()
    assert {row["customer_id"]: row["country"] for row in made} == {
        "17850": "United Kingdom",
        "17851": "Portugal",
        "17852": None,
    }


EXPONENT = "{} is in exponent form: a spreadsheet has cut its digits; export it as text"
DECORATED = "{} ends in .0: a program has made it a number on the way; export it as text"
NOTHING = "{} is a program's word for nothing, and no id: leave it empty"
ZONED = "order_date has a time zone, on which its day depends: give the shop's own day, YYYY-MM-DD"
FIRST = (
    "order_date begins with its day or its month, and nothing tells which: give it as YYYY-MM-DD"
)
ORDERS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "sound": ({}, []),
    "in euros": ({"currency": "eur"}, []),
    "canceled": ({"status": "Canceled"}, []),
    "completed": ({"status": "completed"}, []),
    "5.01235E+12": ({}, [EXPONENT.format("order_id")]),
    "101.0": ({}, [DECORATED.format("order_id")]),
    "by a number": ({"customer_id": "101.0"}, [DECORATED.format("customer_id")]),
    "00123.0": ({}, [DECORATED.format("order_id")]),
    "1.234E+5": ({}, [EXPONENT.format("order_id")]),
    '="0017"': ({}, ["order_id is a spreadsheet's formula or text mark: export its value"]),
    "#N/A": ({}, ["order_id is a spreadsheet's error: mend it there, and export again"]),
    "NaN": ({}, [NOTHING.format("order_id")]),
    "by none": ({"customer_id": "None"}, [NOTHING.format("customer_id")]),
    "Ann": ({}, []),
    "far away": ({"order_date": "2024-05-01T23:30:00+02:00"}, [ZONED]),
    "in summer": ({"order_date": "2024-05-01 23:30 CEST"}, [ZONED]),
    "in Zulu time": ({"order_date": "2024-05-01T23:30:00Z"}, []),
    "American": ({"order_date": "12/1/2010 8:26"}, [FIRST]),
    "German": ({"order_date": "01.12.2010"}, [FIRST]),
    "of a spreadsheet": (
        {"order_date": "45413.5"},
        ["order_date is a spreadsheet's count of days: export it as a date, YYYY-MM-DD"],
    ),
    "with a word behind": (
        {"order_date": "2024-05-01 about"},
        ["order_date must be a date, YYYY-MM-DD"],
    ),
    "of no day": ({"order_date": ""}, ["order_date must be a date, YYYY-MM-DD"]),
    "updated elsewhere": ({"updated_at": "2024-05-02T00:30:00+02:00"}, []),
    "updated once": ({"updated_at": "yesterday"}, ["updated_at must be a date and time"]),
    "by nobody": ({"customer_id": "c9"}, ["its customer is unknown"]),
    "in pounds": ({"currency": "£"}, ["currency must be a code of ISO 4217 such as EUR, or empty"]),
    "on the way": (
        {"status": "sent"},
        ["status must be one of pending, shipped, delivered, cancelled, returned"],
    ),
}


def orders_of(spark: SparkSession, *rows: dict[str, Any]) -> DataFrame:
    told = {"customer_id": "c1", "order_date": "2024-05-01", "status": "delivered"}
    customers = spark.createDataFrame([("c1",)], "customer_id string")
    raw = bronze(spark, "orders", *[{**told, **row} for row in rows])
    return commerce_orders(raw, bronze(spark, "sales"), customers)


def test_an_order_is_taken_or_refused_by_its_true_reason(spark: SparkSession) -> None:
    rows = [{"order_id": name, **more} for name, (more, _) in ORDERS.items()]
    found = {row["order_id"]: row for row in orders_of(spark, *rows).collect()}
    assert {name: row["_reasons"] for name, row in found.items()} == {
        name: reasons for name, (_, reasons) in ORDERS.items()
    }
    assert (found["in euros"]["currency"], found["sound"]["currency"]) == ("EUR", "XXX")
    assert (found["canceled"]["status"], found["canceled"]["is_counted"]) == ("cancelled", False)
    assert (found["completed"]["status"], found["completed"]["is_counted"]) == ("delivered", True)


def test_a_rejected_order_counts_for_nothing(spark: SparkSession) -> None:
    rows = [
        {"order_id": "sold"},
        {"order_id": "of an unknown customer", "customer_id": "c9"},
        {"order_id": "of no day", "order_date": "2024-02-30"},
        {"order_id": "of no known status", "status": "sent"},
        {"order_id": "of no status", "status": None},
        {"order_id": None},
        {"order_id": "told twice", "status": "shipped"},
        {"order_id": "told twice", "status": "pending"},
    ]
    found = orders_of(spark, *rows).select("order_id", "_reasons", "is_counted").collect()
    # False, and never null: what is rejected is no unknown sale.
    assert {(row["order_id"], bool(row["_reasons"]), row["is_counted"]) for row in found} == {
        (row["order_id"], row["order_id"] != "sold", row["order_id"] == "sold") for row in rows
    }


def test_amounts_of_several_currencies_are_never_one_sum(spark: SparkSession) -> None:
    orders = orders_of(
        spark,
        {"order_id": "1", "currency": "EUR"},
        {"order_id": "2", "currency": "JPY"},
        {"order_id": "3", "currency": ""},
    )
    told = {"product_id": "p", "quantity": "1", "discount": "0"}
    items = bronze(
        spark,
        "order_items",
        {"order_id": "1", "order_item_id": "1", "unit_price": "10", **told},
        {"order_id": "2", "order_item_id": "1", "unit_price": "15000", "currency": "jpy", **told},
        {"order_id": "2", "order_item_id": "2", "unit_price": "10", "currency": "EUR", **told},
        {"order_id": "3", "order_item_id": "1", "unit_price": "7", **told},
        {"order_id": "3", "order_item_id": "2", "unit_price": "7", **told, "discount": "7.01"},
    )
    products = spark.createDataFrame([("p", "g")], "product_id string, category_id string")
    lines = commerce_order_lines(items, bronze(spark, "sales"), orders, products)
    assert {
        (row["order_id"], row["order_item_id"]): row["_reasons"]
        for row in lines.collect()
        if row["_reasons"]
    } == {
        ("2", "2"): ["its currency must be that of its order"],
        ("3", "2"): ["discount must not be more than quantity x unit_price"],
    }
    sound = lines.where(F.size("_reasons") == 0)
    by_currency = {"EUR": Decimal("10"), "JPY": Decimal("15000"), "XXX": Decimal("7")}
    days = commerce_daily_product_sales(sound)
    revenue = commerce_order_revenue(sound)
    months = commerce_trends(revenue).where("period = 'month'")
    value = commerce_customer_value(revenue)
    for frame, amount in ((days, "revenue"), (months, "revenue"), (value, "lifetime_value")):
        assert {row["currency"]: row[amount] for row in frame.collect()} == by_currency
    catalogue = spark.createDataFrame(
        [("p", "P", "g", "G", True)],
        "product_id string, product_name string, top_category_id string, "
        "top_category_name string, is_current boolean",
    )
    top = commerce_top_products(days, catalogue, Params()).collect()
    assert {row["currency"]: (row["rank"], row["revenue"]) for row in top} == {
        code: (1, amount) for code, amount in by_currency.items()
    }


def test_amounts_beyond_what_a_double_holds_are_exact_either_way(
    spark: SparkSession, tmp_path: Path
) -> None:
    """Guests of one currency are added up as one customer, whom other customers do not outweigh."""
    sold = {"order_date": dt.date(2024, 2, 29), "status": "shipped", "is_counted": True}
    amounts = [*["9000000000000.01"] * 12, "90071992547409.93", "900719925474099.93", "-0.01"]
    orders = [
        {"order_id": f"o{n}", "currency": "IRR", "revenue": Decimal(amount), **sold}
        | {"customer_id": customer}
        for customer in ("c", None)
        for n, amount in enumerate(amounts)
    ]
    total = sum(map(Decimal, amounts))
    name, source = "gold.commerce_customer_value", "gold.commerce_order_revenue"
    contract = load_contract(source)
    schema = struct_type(contract.fields, enforce_required=False)
    frame = spark.createDataFrame(complete(contract, orders), schema)
    made = {r["customer_id"]: r["lifetime_value"] for r in commerce_customer_value(frame).collect()}
    assert made == {"c": total, None: total}
    written, _, done = plain_rows(tmp_path, name, {source: orders})
    assert {row["customer_id"]: row["lifetime_value"] for row in written} == {"c": total}
    assert done.folds == {GUEST: len(amounts)}


@pytest.mark.parametrize(
    ("choice", "lines", "repeated", "revenue"), [("fold", 1, 1, "12.75"), ("keep", 2, 0, "25.50")]
)
def test_equal_lines_of_sales_are_folded_and_their_money_told_or_kept(
    spark: SparkSession, choice: str, lines: int, repeated: int, revenue: str
) -> None:
    line = {
        "order_id": "700000", "product_id": "22423", "product_name": "CAKE STAND", "quantity": "1",
        "unit_price": "12.75", "sold_at": "2011-06-01 10:00:00", "currency": "GBP",
    }  # fmt: skip
    # Told twice by one file, and again by another that was sent later.
    sales = bronze(spark, "sales", line, line, line | {"_file_sha256": "sent again"})
    customers = spark.createDataFrame([("c1",)], "customer_id string")
    orders = commerce_orders(bronze(spark, "orders"), sales, customers)
    products = spark.createDataFrame([("22423", None)], "product_id string, category_id string")
    found = commerce_order_lines(
        bronze(spark, "order_items"), sales, orders, products, params=Params(equal_lines=choice)
    )
    sound = found.where("size(_reasons) = 0 and _fold is null")
    [order] = commerce_order_revenue(sound).collect()
    assert (order["lines"], order["repeated_lines"], order["revenue"]) == (
        lines,
        repeated,
        Decimal(revenue),
    )
    assert order["repeated_revenue"] == repeated * Decimal("12.75")
    assert order["currency"] == "GBP"


def test_of_several_records_the_latest_stands_equal_ones_fold_and_differing_ones_are_rejected(
    spark: SparkSession,
) -> None:
    rows = [
        ("superseded", 1, "old", False), ("superseded", 2, "new", False),
        ("repeated", 1, "same", False), ("repeated", 1, "same", False),
        ("conflict", 1, "one", False), ("conflict", 1, "other", False),
        ("broken", 1, "old", False), ("broken", 2, "new", True),
        ("undated", None, "old", False), ("undated", 1, "new", False),
        ("alone", 1, "x", False),
    ]  # fmt: skip
    numbered = [(*row[:3], ["broken"] if row[3] else [], "f", n) for n, row in enumerate(rows)]
    frame = spark.createDataFrame(
        numbered,
        "k string, _order int, v string, _reasons array<string>, _file_sha256 string, "
        "_record_number bigint",
    )
    found = {
        (row["k"], row["_record_number"]): row
        for row in keep_latest(frame, LatestOf(("k",), ("v",), "they differ")).collect()
    }
    assert len(found) == len(rows)
    assert {key: row["_fold"] for key, row in found.items() if row["_fold"]} == {
        ("superseded", 0): SUPERSEDED, ("repeated", 3): REPEATED, ("undated", 8): SUPERSEDED,
    }  # fmt: skip
    assert {key for key, row in found.items() if row["_reasons"]} == {
        ("conflict", 4),
        ("conflict", 5),
        ("broken", 7),
    }


def test_rows_are_split_by_whether_another_row_has_their_key(
    spark: SparkSession,
) -> None:
    rows = [("a", 1), ("b", 2), ("a", 3), (None, 4), (None, 5), ("c", 6)]
    frame = spark.createDataFrame(rows, "k string, n int")
    alone, several = find_shared(frame, ("k",), len(rows)).split(frame)
    assert sorted(row["n"] for row in alone.collect()) == [2, 6]
    assert sorted(row["n"] for row in several.collect()) == [1, 3, 4, 5]
    many = find_shared(frame, ("k",), len(rows), most=1)
    assert many == UNKNOWN
    alone, several = many.split(frame)
    assert (alone.collect(), sorted(row["n"] for row in several.collect())) == (
        [],
        [1, 2, 3, 4, 5, 6],
    )


def test_shared_keys_that_are_handed_in_change_no_table(spark: SparkSession) -> None:
    told = [("1", "DE"), ("1", "DE"), ("2", "FR"), ("3", "ES"), ("3", "IT"), (None, "GB")]
    raw = bronze(spark, "customers", *[{"customer_id": c, "country": land} for c, land in told])
    sales = bronze(spark, "sales", {"customer": "9.0", "country": "GB"})
    known = find_shared(raw, ("customer_id",), len(told))
    assert known != UNKNOWN
    assert_df_equality(
        commerce_customers(raw, sales),
        commerce_customers(raw, sales, shared=known),
        ignore_row_order=True,
        ignore_column_order=True,
        ignore_nullable=True,
    )


ODD_NUMBERS = (
    "7", "07", "+7", "-7", " 7", "7 ", "7\n", "7.0", "7.25", "7.25000", "7.123456", "0", "0.00", "1e3",
    "1,5", ".5", "5.", "99999", "100000", "100001", "99999999.9999", "123456789", "NaN", "\N{ARABIC-INDIC DIGIT SEVEN}", "", None,
)  # fmt: skip
MANGLED_IDS = (
    "1.0",
    "5E+11",
    "1,0",
    "=1+1",
    "'12",
    "#N/A",
    "####",
    "NULL",
    "nan",
    "\\N",
    "=\n",
    "=a\rb",
)
CURRENCIES = ("EUR", "eur", "USD", "", None)
NO_DAYS = (
    "29.2.2024",
    "2/29/24 10:00",
    "45351",
    "45351.5",
    "2024-02-29 23:59 +01:00",
    "2024-02-29T23:59CET",
    "29 Feb",
)
ODD_DAYS = (
    "2024-02-29", "2023-02-29", "2024-02-29 23:59:59", "2024-02-29T24:00:00", "2024-02-29 7:00", "2024-2-9",
    "0001-01-01", "0000-12-31", "9999-12-31", "2024-13-01", "2024-02-29Z", "2024-02-29 and more", "2024-02-29\n", "", None,
)  # fmt: skip


def sound_rows(frame: DataFrame, columns: list[str]) -> dict[int, dict[str, Any]]:
    """The rows that a transform accepts, by their records' numbers."""
    sound = frame.where(F.size("_reasons") == 0)
    sound = sound.where("_fold is null") if "_fold" in sound.columns else sound
    return {row["_record_number"]: row.asDict() for row in sound.select(*columns).collect()}


def assert_rejected_alike(done: Done, made: DataFrame, columns: list[str], at_least: int) -> None:
    """Of what the queries reject, the transform makes the same rows, and rejects them for the same
    reasons; so many there are."""
    sound = made.where(F.size("_reasons") > 0).select(*columns, "_reasons")
    expected = {row["_record_number"]: row.asDict() for row in sound.collect()}
    asked = [*columns, "_reasons"]
    told = [row for table in done.rejected for row in table.select(asked).to_pylist()]
    found = {row["_record_number"]: row for row in told}
    assert len(found) == len(told)
    assert {n: expected.get(n) for n in found} == found
    assert len(found) >= at_least


def test_plain_orders_are_those_that_the_transform_accepts(
    spark: SparkSession, tmp_path: Path
) -> None:
    sound = {"customer_id": "c", "order_date": "2024-02-29", "status": "shipped"}
    told = [
        *[{"order_date": day} for day in ODD_DAYS],
        *[{"updated_at": day} for day in ODD_DAYS],
        *[
            {"status": s}
            for s in (
                "SHIPPED",
                "SH\u0130PPED",
                "Complete",
                "canceled",
                " shipped",
                "gone",
                "",
                None,
            )
        ],
        *[{"currency": c} for c in ("eur", "EUR", "EURO", "€UR", "E1R", " EUR", "")],
        *[{"customer_id": c} for c in ("c", "C", " c", "", None, "1.0", "5E+11", "nobody")],
        *[
            {"order_id": o}
            for o in ("", None, "1.0", "1E+5", "1e5", "1E5\n", " 1", "twice", "twice")
        ],
    ]
    told += [{kind: text} for kind in ("order_id", "customer_id") for text in MANGLED_IDS]
    told += [{"order_date": day} for day in NO_DAYS]
    rows = [{"order_id": f"o{n}", **sound, **more} for n, more in enumerate(told)]
    name, customers = "silver.commerce_orders", [{"customer_id": c} for c in ("c", *MANGLED_IDS)]
    raw = bronze(spark, "orders", *rows)
    known = spark.createDataFrame(customers, "customer_id string")
    columns = schema_of(name).names
    made = commerce_orders(raw, bronze(spark, "sales"), known)
    accepted = sound_rows(made, columns)
    records = [row.asDict() for row in raw.collect()]
    inputs = {"bronze.commerce_orders": records, "silver.commerce_customers": customers}
    written, left, done = plain_rows(tmp_path, name, inputs)
    plain = {row["_record_number"]: row for row in written}
    assert {n: accepted.get(n) for n in plain} == plain
    assert_rejected_alike(done, made, columns, 15)
    assert len(plain) > len(accepted) / 2
    folded = set(range(1, len(rows) + 1)) - plain.keys() - numbers_of(left)
    assert len(plain) + len(left) + len(folded) == len(rows)
    assert assert_folded_alike(done, made, folded) == {REPEATED: 1}


def numbers_of(records: list[dict[str, Any]]) -> set[int]:
    return {row["_record_number"] for row in records}


def assert_folded_alike(done: Done, made: DataFrame, folded: set[int]) -> Counter[str]:
    """The records that the queries fold the transform folds for the same reasons; how many."""
    rows = made.where("_fold is not null").select("_record_number", "_fold").collect()
    expected = {row[0]: row[1] for row in rows}
    assert folded <= expected.keys()
    counts = Counter(expected[number] for number in folded)
    assert done.folds == counts
    return counts


def assert_decided_alike(
    folder: Path, name: str, made: DataFrame, inputs: dict[str, list[dict[str, Any]]]
) -> None:
    """What the queries write, fold and reject of records told again, the transform accepts, folds
    and rejects."""
    written, left, done = plain_rows(folder, name, inputs)
    assert_rejected_alike(done, made, schema_of(name).names, len(next(iter(inputs.values()))) // 30)
    accepted = sound_rows(made, schema_of(name).names)
    plain = {row["_record_number"]: row for row in written}
    assert {n: accepted.get(n) for n in plain} == plain
    every = {row["_record_number"] for row in next(iter(inputs.values()))}
    folded = assert_folded_alike(done, made, every - plain.keys() - numbers_of(left))
    assert folded.keys() == {SUPERSEDED, REPEATED}
    assert folded.total() > len(every) / 30
    assert len(left) > len(every) / 30


def some_again(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows, with some of them once more."""
    return [*rows, *rows[::8]]


def test_of_records_told_again_the_queries_decide_as_the_transforms_do(
    spark: SparkSession, tmp_path: Path
) -> None:
    chance = random.Random(3)
    days = [None, dt.date(2024, 6, 1), dt.date(2024, 6, 2)]
    moments = ["", "", "2024-06-01", "2024-06-01 10:00:00", "2024-06-02T09:00:00", "10:00"]
    raw = bronze(
        spark, "orders",
        *some_again([
            {
                "order_id": str(chance.randrange(60)), "customer_id": chance.choice(["c", "c", "d", ""]),
                "order_date": chance.choice(["2024-05-01", "2024-05-02"]), "_delivery_date": chance.choice(days),
                "status": chance.choice(["shipped", "pending", "cancelled", "shipped", "gone"]),
                "updated_at": chance.choice(moments), "_file_sha256": chance.choice("ffg"),
            }
            for _ in range(150)
        ]),
    )  # fmt: skip
    customers = [{"customer_id": "c"}]
    made = commerce_orders(
        raw, bronze(spark, "sales"), spark.createDataFrame(customers, "customer_id string")
    )
    inputs = {
        "bronze.commerce_orders": [row.asDict() for row in raw.collect()],
        "silver.commerce_customers": customers,
    }
    assert_decided_alike(tmp_path / "orders", "silver.commerce_orders", made, inputs)
    raw = bronze(
        spark, "customers",
        *some_again([
            {
                "customer_id": str(chance.randrange(40)), "country": chance.choice(["SE", "DK", ""]),
                "registration_date": chance.choice(["2024-05-01", "", "1 May"]), "_delivery_date": chance.choice(days),
                "_file_sha256": chance.choice("ffg"),
            }
            for _ in range(90)
        ]),
    )  # fmt: skip
    made = commerce_customers(raw, bronze(spark, "sales"))
    inputs = {"bronze.commerce_customers": [row.asDict() for row in raw.collect()]}
    assert_decided_alike(tmp_path / "customers", "silver.commerce_customers", made, inputs)
    raw = bronze(
        spark, "order_items",
        *[
            {
                "order_id": "o", "order_item_id": str(chance.randrange(40)), "product_id": chance.choice("pppp?"),
                "quantity": chance.choice(["1", "1", "01"]), "unit_price": chance.choice(["10", "10.00", "10.5"]),
                "discount": chance.choice(["", "0"]), "_delivery_date": chance.choice(days),
                "_file_sha256": chance.choice("ffg"),
            }
            for _ in range(120)
        ],
    )  # fmt: skip
    order = {"order_id": "o", "customer_id": "c", "order_date": dt.date(2024, 5, 1)}
    order |= {"status": "shipped", "is_counted": True, "currency": "EUR"}
    product = {"product_id": "p", "category_id": "g", "is_current": True}
    schema = "order_id string, customer_id string, order_date date, status string, is_counted boolean, currency string"
    known = spark.createDataFrame([order], schema)
    made = commerce_order_lines(
        raw, bronze(spark, "sales"), known, spark.createDataFrame([product])
    )
    inputs = {
        "bronze.commerce_order_items": [row.asDict() for row in raw.collect()],
        "silver.commerce_orders": [order],
        "silver.commerce_products": [product],
    }
    assert_decided_alike(tmp_path / "lines", "silver.commerce_order_lines", made, inputs)


def test_plain_lines_are_those_that_the_transform_accepts(
    spark: SparkSession, tmp_path: Path
) -> None:
    sound = {
        "order_id": "o",
        "product_id": "p",
        "quantity": "7",
        "unit_price": "10",
        "discount": "0",
    }
    kinds, chance = ("quantity", "unit_price", "discount"), random.Random(4)
    odd = dict.fromkeys(kinds, ODD_NUMBERS) | {
        "currency": CURRENCIES,
        "order_id": ("o", "o", "x", "none"),
        "product_id": ("p", "p", "old", ""),
    }
    told = [
        *[{kind: n} for kind in kinds for n in ODD_NUMBERS],
        *[{"discount": d} for d in ("70", "70.0001", "0.005", "0.0049")],
        *[{"quantity": "99999", "unit_price": "99999999.9999", "discount": d} for d in ("0", "0.0050")],
        *[{"currency": c} for c in CURRENCIES],
        *[{kind: chance.choice(texts) for kind, texts in odd.items()} for _ in range(150)],
        *[{"order_id": o} for o in ("none", "", None, " o", "1.0")],
        *[{"product_id": p} for p in ("none", "", None, "old", "1.0")],
        {"order_item_id": ""}, {"order_item_id": None}, {"order_item_id": "t"}, {"order_item_id": "t"},
    ]  # fmt: skip
    rows = [{"order_item_id": str(n), **sound, **more} for n, more in enumerate(told)]
    order = {"customer_id": "c", "order_date": dt.date(2024, 5, 1), "status": "shipped",
             "is_counted": True, "currency": "EUR"}  # fmt: skip
    orders = [{"order_id": o, **order} for o in ("o", "x")]
    products = [
        {"product_id": "p", "category_id": "g", "is_current": True},
        {"product_id": "old", "category_id": "g", "is_current": False},
    ]
    name, raw = "silver.commerce_order_lines", bronze(spark, "order_items", *rows)
    schema = "order_id string, customer_id string, order_date date, status string, is_counted boolean, currency string"
    catalogue = spark.createDataFrame(
        products, "product_id string, category_id string, is_current boolean"
    )
    lines = commerce_order_lines(
        raw, bronze(spark, "sales"), spark.createDataFrame(orders, schema),
        catalogue.where("is_current").select("product_id", "category_id"),
    )  # fmt: skip
    accepted = sound_rows(lines, schema_of(name).names)
    inputs = {
        "bronze.commerce_order_items": [row.asDict() for row in raw.collect()],
        "silver.commerce_orders": orders,
        "silver.commerce_products": products,
    }
    written, left, done = plain_rows(tmp_path, name, inputs)
    plain = {row["_record_number"]: row for row in written}
    assert {n: accepted.get(n) for n in plain} == plain
    assert_rejected_alike(done, lines, schema_of(name).names, 100)
    assert len(plain) > len(accepted) / 2
    folded = set(range(1, len(rows) + 1)) - plain.keys() - numbers_of(left)
    assert len(plain) + len(left) + len(folded) == len(rows)
    assert assert_folded_alike(done, lines, folded) == {REPEATED: 1}


def test_dates_are_those_of_the_calendar_of_iso_8601_and_of_the_fiscal_year(
    spark: SparkSession,
) -> None:
    days = [dt.date(2015, 6, 1), dt.date(2015, 6, 1), dt.date(2016, 1, 2)]
    orders = spark.createDataFrame([(day,) for day in days], "order_date date")
    found = {
        row["calendar_date"]: row
        for row in commerce_dates(orders, Params(fiscal_year_starts=4, holidays_of="GB")).collect()
    }
    assert sorted(found) == [dt.date(2015, 1, 1) + dt.timedelta(n) for n in range(365 + 366)]
    for day, row in found.items():
        iso = day.isocalendar()
        assert (row["iso_year"], row["iso_week"], row["iso_weekday"]) == tuple(iso), day
        assert (row["year"], row["month"], row["day_of_month"], row["quarter"]) == (
            day.year,
            day.month,
            day.day,
            (day.month + 2) // 3,
        )
        assert row["is_weekend"] == (iso.weekday >= 6)
        # Begins in April, and is named for the year in which it ends.
        assert row["fiscal_year"] == day.year + (day.month >= 4)
        assert row["fiscal_quarter"] == ((day.month - 4) % 12) // 3 + 1
    assert found[dt.date(2015, 12, 25)]["holiday"] == "Christmas Day"
    assert not found[dt.date(2015, 12, 24)]["is_holiday"]
    assert sum(row["_rows"] for row in found.values()) == 3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"fiscal_year_starts": 13}, "month from 1 to 12"),
        ({"holidays_of": "XX"}, "country"),
        ({"top_products": 0}, "at least 1"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Params(**given)


def test_money_is_summed_in_cents_without_loss(spark: SparkSession) -> None:
    from strata.feeds.commerce.amounts import cents, money

    amounts = [Decimal("0.01"), Decimal("9999999999999.99"), Decimal("-12345.67")]
    frame = spark.createDataFrame([(amount,) for amount in amounts], "revenue decimal(18,2)")
    assert frame.agg(
        money(f"sum({cents('revenue')})").alias("m"), F.count("*").alias("n")
    ).collect()[0]["m"] == sum(amounts)
