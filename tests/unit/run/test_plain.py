"""What the tasks of plain rows write, what they leave out, and how it lies in the files."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet
from strata.run.plain.files import Input
from strata.run.plain.work import Done

from tests.plain import Row, plain_rows

DAY = date(2024, 5, 1)
ORDERS = [
    {"order_id": f"o{n}", "order_date": date(2024, 5, n), "customer_id": None, "status": "shipped",
     "is_counted": True, "currency": "EUR"}
    for n in (3, 1, 2)
]  # fmt: skip
PRODUCTS = [
    {"product_id": "p", "category_id": "now", "is_current": True},
    {"product_id": "p", "category_id": "before", "is_current": False},
]
LINE = {"product_id": "p", "quantity": "3", "unit_price": "0.335", "discount": ""}
ITEMS = [
    {"order_id": "o1", "order_item_id": "1", **LINE},
    {"order_id": "o3", "order_item_id": "1", **LINE, "discount": "1"},
    {"order_id": "o2", "order_item_id": "1", **LINE},
    {"order_id": "o2", "order_item_id": "1", **LINE, "quantity": "4"},  # one of them is wrong
    {"order_id": "o4", "order_item_id": "1", **LINE},  # no such order
    {"order_id": "o1", "order_item_id": "2", **LINE, "unit_price": "0,335"},
    {"order_id": "o1", "order_item_id": "3", **LINE, "product_id": None},
    {"order_id": "o1", "order_item_id": "4", **LINE, "discount": "1.01"},  # more than the line
    {"order_id": "o1", "order_item_id": "5", **LINE, "currency": "USD"},
]
LINES = "silver.commerce_order_lines"


def inputs() -> dict[str, list[Row]]:
    files = ("f" * 64, "e" * 64)
    items = [
        {"_file_sha256": files[n % 2], "_record_number": n, "_layout": "items", **item}
        for n, item in enumerate(ITEMS, 1)
    ]
    return {
        "bronze.commerce_order_items": items,
        "silver.commerce_orders": ORDERS,
        "silver.commerce_products": PRODUCTS,
    }


@pytest.mark.parametrize("tasks", [0, 1, 3])
def test_sound_lines_are_written_and_every_other_record_is_left_out_whole(
    tmp_path: Path, tasks: int
) -> None:
    written, left, _ = plain_rows(tmp_path, LINES, inputs(), tasks)
    told = ("order_id", "order_item_id", "sale_date", "category_id", "quantity", "discount",
            "revenue", "copies", "_file_sha256", "_record_number")  # fmt: skip
    money = Decimal
    assert sorted(tuple(row[name] for name in told) for row in written) == [
        ("o1", "1", DAY, "now", 3, money("0"), money("1.01"), 1, "e" * 64, 1),
        ("o3", "1", date(2024, 5, 3), "now", 3, money("1"), money("0.01"), 1, "f" * 64, 2),
    ]
    assert sorted(row["_record_number"] for row in left) == [3, 4, 5, 6, 7, 8, 9]
    assert {row["_layout"] for row in left} == {"items"}


@pytest.mark.parametrize(
    ("known", "given"),
    [
        # The records are read again for the transform, unless nobody asks for those that are told.
        ({}, 5),
        ({"rows": 7}, 5),
        ({"rows": 7, "told_is_enough": True}, 0),
        # One more is known of than the task has told of: all that were left out are given.
        ({"rows": 8, "told_is_enough": True}, 5),
    ],
)
def test_records_of_which_all_reasons_are_told_are_not_read_again(
    tmp_path: Path, known: dict[str, Any], given: int
) -> None:
    told = inputs()
    told["bronze.commerce_order_items"] = [
        row for row in told["bronze.commerce_order_items"] if row["order_id"] != "o2"
    ]
    written, left, done = plain_rows(tmp_path, LINES, told, 1, **known)
    assert (len(written), len(left), done.left) == (2, given, 5)
    assert sum(rows.num_rows for rows in done.rejected) == 5


def test_of_records_none_of_which_is_left_out_none_is_read_again(tmp_path: Path) -> None:
    sound = inputs()
    sound["bronze.commerce_order_items"] = sound["bronze.commerce_order_items"][:2]
    _, left, done = plain_rows(tmp_path, LINES, sound, 1, rows=2)
    assert (left, done.left, done.rejected) == ([], 0, [])
    # The number counts, not the records, which are not looked at.
    _, left, done = plain_rows(tmp_path / "again", LINES, sound, 1, rows=3)
    assert (left, done.left) == ([], 0)


def test_a_file_lies_in_the_contracts_order_and_its_log_has_its_bounds(tmp_path: Path) -> None:
    many = inputs()
    many["silver.commerce_orders"] = [
        {**ORDERS[0], "order_id": f"x{n}", "order_date": date(2024, 5, 1 + n % 7)}
        for n in range(700)
    ]
    many["bronze.commerce_order_items"] = [
        {"order_id": f"x{n}", "order_item_id": "1", **LINE}
        | {"_file_sha256": "f" * 64, "_record_number": n}
        for n in range(700)
    ]
    written, left, _ = plain_rows(tmp_path, LINES, many)
    days = [row["sale_date"] for row in written]
    assert (len(days), left) == (700, [])
    assert days == sorted(days)
    [path] = (tmp_path / "out").glob("*.parquet")
    group, place = parquet.read_metadata(path).row_group(0), parquet.read_schema(path)
    told = group.column(place.get_field_index("sale_date")).statistics
    assert (told.min, told.max, group.num_rows) == (DAY, date(2024, 5, 7), 700)


def test_a_flipped_bit_in_an_input_is_an_error(tmp_path: Path) -> None:
    """DuckDB would read on: its own reader asks no checksum."""
    many = inputs()
    many["silver.commerce_orders"] = [{**ORDERS[0], "order_id": f"x{n}"} for n in range(5000)]
    folder = tmp_path / "silver.commerce_orders"
    plain_rows(tmp_path, LINES, many)
    path = folder / "b.parquet"
    schema = parquet.read_schema(path)
    parquet.write_table(
        parquet.read_table(path), path, write_page_checksum=True, use_dictionary=False
    )
    place = parquet.read_metadata(path).row_group(0).column(schema.get_field_index("order_id"))
    content = bytearray(path.read_bytes())
    content[place.data_page_offset + place.total_compressed_size // 2] ^= 1
    path.write_bytes(content)
    read = Input("silver.commerce_orders", str(folder), ("b.parquet",), schema)
    with pytest.raises(OSError, match=r"(?i)checksum|crc"):
        read.read().read_all()


SUMS: list[tuple[str, Any, dict[str, int]]] = [
    (
        "gold.commerce_order_revenue",
        [
            ("o1", 2, 3, Decimal("3.03"), 1, Decimal("1.01")),
            ("o2", 1, 1, Decimal("9.99"), 0, Decimal(0)),
        ],
        {},
    ),
    (
        "gold.commerce_daily_product_sales",
        [(DAY, "p", 3, Decimal("3.03"), 1)],
        {"its order is cancelled or returned": 1},
    ),
    (
        "gold.commerce_daily_category_sales",
        [(DAY, "unclassified", 3, Decimal("3.03"), 1)],
        {"its order is cancelled or returned": 1},
    ),
]


@pytest.mark.parametrize("tasks", [0, 1])
@pytest.mark.parametrize(("name", "expected", "folded"), SUMS)
def test_sums_are_of_all_lines_and_tell_what_they_fold(
    tmp_path: Path, name: str, expected: Any, folded: dict[str, int], tasks: int
) -> None:
    line = {"order_id": "o1", "sale_date": DAY, "status": "shipped", "is_counted": True,
            "product_id": "p", "currency": "EUR", "copies": 1}  # fmt: skip
    lines = [
        {**line, "quantity": 1, "revenue": Decimal("2.02")},
        {**line, "quantity": 2, "revenue": Decimal("1.01"), "copies": 2},
        {**line, "order_id": "o2", "is_counted": False, "quantity": 1, "revenue": Decimal("9.99")},
    ]
    written, left, done = plain_rows(tmp_path, name, {LINES: lines}, tasks)
    told = {
        "gold.commerce_order_revenue": ("order_id", "lines", "units", "revenue", "repeated_lines",
                                        "repeated_revenue"),
        "gold.commerce_daily_product_sales": ("sale_date", "product_id", "units", "revenue", "orders"),
        "gold.commerce_daily_category_sales": ("sale_date", "category_id", "units", "revenue", "orders"),
    }[name]  # fmt: skip
    assert sorted(tuple(row[column] for column in told) for row in written) == expected
    assert (left, done.folds) == ([], folded)


def test_a_customers_value_is_of_counted_orders_and_rounds_half_away_from_zero(
    tmp_path: Path,
) -> None:
    order = {"currency": "EUR", "order_date": DAY, "status": "shipped", "is_counted": True}
    orders = [
        {**order, "customer_id": "a", "revenue": Decimal("10.00")},
        {**order, "customer_id": "a", "revenue": Decimal("0.01"), "order_date": date(2024, 5, 3)},
        {**order, "customer_id": "b", "revenue": Decimal("-10.01")},
        {**order, "customer_id": "b", "revenue": Decimal("0.00")},
        {**order, "customer_id": "c", "revenue": Decimal("7"), "is_counted": False}
        | {"status": "returned", "order_date": date(2024, 5, 9)},
        {**order, "customer_id": None, "revenue": Decimal("1")},
    ]
    name = "gold.commerce_customer_value"
    written, _, done = plain_rows(tmp_path, name, {"gold.commerce_order_revenue": orders})
    told = ("customer_id", "lifetime_value", "orders", "average_order_value", "last_order_date",
            "recency_days", "returned_orders")  # fmt: skip
    money = Decimal
    assert sorted(tuple(row[column] for column in told) for row in written) == [
        ("a", money("10.01"), 2, money("5.01"), date(2024, 5, 3), 6, 0),
        ("b", money("-10.01"), 2, money("-5.01"), DAY, 8, 0),
        ("c", money("0"), 0, None, None, None, 1),
    ]
    assert done.folds == {"the order tells no customer": 1}


def test_a_record_that_gives_two_rows_is_answered_for_once(tmp_path: Path) -> None:
    sample = {"source": "points", "soc_unit": "g/kg", "clay_unit": "%", "_file_sha256": "f" * 64,
              "upper_depth_cm": "0", "lower_depth_cm": "30"}  # fmt: skip
    told = [
        {"source_site_id": "a", "soc": "25", "clay": "14.3"},
        {"source_site_id": "b", "soc": "", "clay": "7"},
        {"source_site_id": "c", "soc": "25", "clay": "101"},  # one property is unsound: left out
        {"source_site_id": "d", "soc": "25"},  # its site is not known
        {"source_site_id": "e", "soc": "25"},
        {"source_site_id": "e ", "soc": "25"},  # the same site
    ]
    samples: list[Row] = [{**sample, **one, "_record_number": n} for n, one in enumerate(told, 1)]
    sites: list[Row] = [{"site_id": f"points:{one}", "sampled_on": "1985"} for one in "abce"]
    read = {"bronze.soil_samples": samples, "silver.soil_sites": sites}
    written, left, done = plain_rows(tmp_path, "silver.soil_measurements", read)
    found = [
        (row["site_id"], row["property"], row["value"], row["unit"], row["sampled_on"])
        for row in written
    ]
    assert sorted(found) == [
        ("points:a", "clay", 14.3 / 100, "1", "1985"),
        ("points:a", "soc", 2.5, "%", "1985"),
        ("points:b", "clay", 7 / 100, "1", "1985"),
    ]
    content = "8:points:b6:points--4:clay3:0.04:30.04:0.071:1---4:1985-"
    ids = {(row["site_id"], row["property"]): row["measurement_id"] for row in written}
    assert ids["points:b", "clay"] == hashlib.sha256(content.encode()).hexdigest()
    assert sorted(row["_record_number"] for row in left) == [3, 4, 5, 6]
    # By PyPI's xxhash: XXH64 of records 1 and 2, seeded by that of the file's hash, seeded by 42.
    assert (done.rows, done.identity) == (2, 5060600423238090220)


def test_weeks_and_months_are_of_counted_orders_and_compared_with_the_one_just_before(
    tmp_path: Path,
) -> None:
    order = {"currency": "EUR", "is_counted": True, "units": 2, "revenue": Decimal("2.50")}
    orders = [
        {**order, "order_date": date(2024, 1, 31), "revenue": Decimal("1.50")},
        {**order, "order_date": date(2024, 2, 1)},
        {**order, "order_date": date(2024, 2, 1), "is_counted": False},
        {**order, "order_date": date(2024, 4, 1)},  # none in March
        {**order, "order_date": date(2024, 3, 1), "currency": "USD"},
    ]
    name = "gold.commerce_trends"
    written, _, done = plain_rows(tmp_path, name, {"gold.commerce_order_revenue": orders})
    told = ("period", "period_start", "currency", "orders", "units", "revenue", "revenue_change")
    money = Decimal
    assert sorted(tuple(row[column] for column in told) for row in written) == [
        ("month", date(2024, 1, 1), "EUR", 1, 2, money("1.50"), None),
        ("month", date(2024, 2, 1), "EUR", 1, 2, money("2.50"), money("1.00")),
        ("month", date(2024, 3, 1), "USD", 1, 2, money("2.50"), None),
        ("month", date(2024, 4, 1), "EUR", 1, 2, money("2.50"), None),
        ("week", date(2024, 1, 29), "EUR", 2, 4, money("4.00"), None),
        ("week", date(2024, 2, 26), "USD", 1, 2, money("2.50"), None),
        ("week", date(2024, 4, 1), "EUR", 1, 2, money("2.50"), None),
    ]
    assert done.folds == {"its order is cancelled or returned": 1}


def test_the_best_of_each_category_are_ranked_and_the_others_folded(tmp_path: Path) -> None:
    days = [
        {"product_id": product, "currency": "EUR", "units": 1, "revenue": Decimal(amount)}
        for product, amount in (("a", "1"), ("a", "2"), ("b", "3"), ("c", "9"), ("d", "1"))
    ]
    shoes = {"top_category_id": "1", "top_category_name": "Shoes", "is_current": True}
    products = [
        {"product_id": "a", "product_name": "A", **shoes},
        {"product_id": "b", "product_name": "B", **shoes},
        {"product_id": "b", "product_name": "B before", **shoes, "is_current": False},
        {"product_id": "d", "product_name": "D", **shoes},
        {"product_id": "c", "product_name": "C", "is_current": True},
    ]
    inputs = {"gold.commerce_daily_product_sales": days, "silver.commerce_products": products}
    name, params = "gold.commerce_top_products", {"top_products": 2}
    written, _, done = plain_rows(tmp_path, name, inputs, params=params)
    told = ("category_name", "rank", "product_name", "units", "revenue")
    assert sorted(tuple(row[column] for column in told) for row in written) == [
        ("Shoes", 1, "A", 2, Decimal(3)),  # a before b: as much was paid for both
        ("Shoes", 2, "B", 1, Decimal(3)),
        ("unclassified", 1, "C", 1, Decimal(9)),
    ]
    assert done.folds == {"not among the best of its category": 1}


ORDER_STATES = [
    # (record, order, status, delivered, updated_at)
    (1, "a", "pending", 1, ""),
    (2, "a", "cancelled", 2, ""),  # later
    (3, "b", "shipped", 2, "2024-05-03 10:00:00"),  # updated last, though delivered before
    (4, "b", "pending", 3, "2024-05-03 09:00:00"),
    (5, "c", "pending", 1, ""),
    (6, "c", "shipped", 1, ""),  # nothing tells which is later
    (7, "d", "pending", 1, ""),
    (8, "d", "lost", 2, ""),  # rejected, and supersedes nothing
    (9, "e", "pending", None, ""),
    (10, "e", "returned", 1, ""),  # what has no day is before all
    (11, "f", "pending", 1, ""),
    (12, "f", "shipped", 2, ""),
    (13, "f", "shipped", 2, ""),  # told twice
    (14, "g", "pending", 1, ""),
]


@pytest.mark.parametrize("tasks", [0, 1, 3])
def test_of_an_orders_states_the_latest_sound_one_stands_where_it_is_the_only_one(
    tmp_path: Path, tasks: int
) -> None:
    files = ("f" * 64, "e" * 64)
    orders = [
        {
            "order_id": order,
            "customer_id": "k",
            "order_date": "2024-05-01",
            "status": status,
            "updated_at": updated,
            "_delivery_date": None if day is None else date(2024, 5, day),
            "_file_sha256": files[record % 2],
            "_record_number": record,
        }
        for record, order, status, day, updated in ORDER_STATES
    ]
    read = {"bronze.commerce_orders": orders, "silver.commerce_customers": [{"customer_id": "k"}]}
    written, left, done = plain_rows(tmp_path, "silver.commerce_orders", read, tasks)
    found = sorted((r["order_id"], r["status"], r["_record_number"]) for r in written)
    assert found == [
        ("a", "cancelled", 2), ("b", "shipped", 3), ("d", "pending", 7), ("e", "returned", 10),
        ("g", "pending", 14),
    ]  # fmt: skip
    assert sorted(r["_record_number"] for r in left) == [5, 6, 8, 11, 12, 13]
    assert (done.rows, done.folds) == (5, {"superseded by a later delivery": 3})
    assert rejected(done) == {
        8: ["status must be one of pending, shipped, delivered, cancelled, returned"]
    }


def rejected(done: Done) -> dict[int, list[str]]:
    """The reasons of the records that the queries reject."""
    rows = [row for table in done.rejected for row in table.to_pylist()]
    return {row["_record_number"]: row["_reasons"] for row in rows}


def test_a_corrected_line_stands_whether_the_one_before_was_sound_or_not(tmp_path: Path) -> None:
    many = inputs()
    many["bronze.commerce_order_items"] = [
        {**LINE, "order_id": "o1", "_file_sha256": "f" * 64, "_record_number": n, **one}
        for n, one in enumerate(
            [
                {"order_item_id": "1", "_delivery_date": DAY},
                {"order_item_id": "1", "_delivery_date": date(2024, 5, 2), "quantity": "4"},
                {"order_item_id": "2", "_delivery_date": DAY, "quantity": "123456789012"},
                {"order_item_id": "2", "_delivery_date": date(2024, 5, 2)},
                {"order_item_id": "3", "_delivery_date": DAY, "order_id": "no such order"},
                {"order_item_id": "3", "_delivery_date": DAY},
            ],
            1,
        )
    ]
    written, left, done = plain_rows(tmp_path, LINES, many)
    assert sorted((row["order_item_id"], row["quantity"], row["revenue"]) for row in written) == [
        ("1", 4, Decimal("1.34")), ("2", 3, Decimal("1.01")), ("3", 3, Decimal("1.01"))
    ]  # fmt: skip
    assert sorted(row["_record_number"] for row in left) == [3, 5]
    assert rejected(done) == {
        3: ["quantity must be a whole number of at most 100,000"], 5: ["its order is unknown"]
    }  # fmt: skip
    assert done.folds == {"superseded by a later delivery": 1}


def test_a_customers_latest_record_stands_and_an_unreadable_date_is_left_out(
    tmp_path: Path,
) -> None:
    told = [
        ("a", "SE", "2024-01-02", 1), ("a", "DK", "2024-01-02", 2), ("b", "", "", 1),
        ("c", "DK", "2 January", 1), ("", "DK", "", 1), ("1E+5", "DK", "", 1),
    ]  # fmt: skip
    records = [
        {"customer_id": customer, "country": country, "registration_date": day, "_record_number": n}
        | {"_delivery_date": date(2024, 5, delivered), "_file_sha256": "f" * 64}
        for n, (customer, country, day, delivered) in enumerate(told, 1)
    ]
    read = {"bronze.commerce_customers": records}
    written, left, _ = plain_rows(tmp_path, "silver.commerce_customers", read)
    columns = ("customer_id", "country", "registered_on", "ended_on")
    assert sorted(tuple(row[name] for name in columns) for row in written) == [
        ("a", "DK", date(2024, 1, 2), None), ("b", None, None, None)
    ]  # fmt: skip
    assert [row["_record_number"] for row in left] == [4, 5, 6]


def test_dates_are_those_of_pythons_calendar_over_all_years_of_orders(tmp_path: Path) -> None:
    orders = [{"order_date": date(2019, 12, 30)}, *[{"order_date": date(2021, 3, 1)}] * 2]
    name = "gold.commerce_dates"
    params = {"fiscal_year_starts": 4, "holidays_of": "DE"}
    read = {"gold.commerce_order_revenue": orders}
    written, _, done = plain_rows(tmp_path, name, read, params=params)
    assert done.rows == 3
    found = {row["calendar_date"]: row for row in written}
    days = [date(2019, 1, 1) + timedelta(n) for n in range(365 + 366 + 365)]
    assert sorted(found) == days
    for day in days:
        row, iso = found[day], day.isocalendar()
        told = (row["year"], row["quarter"], row["month"], row["day_of_month"])
        assert told == (day.year, (day.month + 2) // 3, day.month, day.day)
        assert (row["iso_year"], row["iso_week"], row["iso_weekday"]) == tuple(iso)
        assert row["is_weekend"] == (day.weekday() >= 5)
        # It begins in April, and is named for the year in which it ends.
        assert row["fiscal_year"] == day.year + (day.month >= 4)
        assert row["fiscal_quarter"] == (day.month - 4) % 12 // 3 + 1
        assert row["is_holiday"] == (row["holiday"] is not None)
    assert found[date(2020, 10, 3)]["holiday"] == "German Unity Day"
    assert not found[date(2020, 10, 5)]["is_holiday"]
