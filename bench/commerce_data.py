"""Made-up raw files of a shop, at any scale, the same for the same seed, with a known number of
faults of each kind.

At scale 1: 500 categories, 100,000 products, 1,000,000 customers, 5,000,000 orders and 20,000,000
lines over a year, about 1 GB. A further delivery holds one more day: its orders, and new states of
some earlier ones.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv as pa_csv

FIRST_DAY = dt.date(2024, 1, 1)
DAYS = 365
STATUSES = np.array(["pending", "shipped", "delivered", "cancelled", "returned"])
_STATUS_SHARES = (0.03, 0.07, 0.80, 0.06, 0.04)
_COUNTRIES = np.array(["DE", "FR", "GB", "IT", "NL", "ES", "PL", "SE"])
_LINES_AN_ORDER = 4
_PIECE = 1_000_000
_FAULTS_A_MILLION = 50
_NEXT_DELIVERY = FIRST_DAY + dt.timedelta(DAYS + 1)


@dataclass(frozen=True)
class Size:
    """How many there are of each."""

    categories: int
    products: int
    customers: int
    orders: int

    @property
    def lines(self) -> int:
        return self.orders * _LINES_AN_ORDER


def size_of(scale: float) -> Size:
    """The size at a scale, by which all but the categories grow."""
    return Size(
        500,
        max(20, int(100_000 * scale)),
        max(50, int(1_000_000 * scale)),
        max(200, int(5_000_000 * scale)),
    )


def make(raw: Path, scale: float, seed: int, faults: bool = True) -> dict[str, int]:
    """Writes the full load below `raw`/commerce/…, as the delivery of the day before the first;
    counts the faults planted.
    """
    size, chance = size_of(scale), np.random.default_rng(seed)
    writer = _Writer(raw, FIRST_DAY + dt.timedelta(DAYS))
    planted: dict[str, int] = {}
    writer.write("product_categories", iter([_categories(size)]))
    writer.write("products", iter([_products(size, chance, planted if faults else None)]))
    writer.write("customers", _customers(size, chance))
    writer.write("orders", _orders(size, chance, planted if faults else None))
    writer.write("order_items", _lines(size, chance, planted if faults else None))
    (raw / "commerce_faults.json").write_text(
        json.dumps(planted, indent=1, sort_keys=True) + "\n", encoding="utf-8"
    )
    return planted


def make_next_day(raw: Path, scale: float, seed: int) -> None:
    """Adds the delivery of one more day: a day's orders with their lines, and late states of earlier
    ones.
    """
    size, chance = size_of(scale), np.random.default_rng(seed + 1)
    day = DAYS
    writer = _Writer(raw, _NEXT_DELIVERY)
    orders = max(2, size.orders // DAYS)
    new = np.arange(size.orders, size.orders + orders)
    customers = chance.integers(0, size.customers, orders)
    late = np.arange(size.orders - orders, size.orders, 10)
    writer.write(
        "orders",
        iter(
            [
                _order_table(new, customers, np.full(orders, day), np.full(orders, "pending")),
                _order_table(
                    late,
                    _customer_of(late, size),
                    _day_of(late, size),
                    np.full(len(late), "cancelled"),
                ),
            ]
        ),
    )
    numbers = np.arange(size.lines, size.lines + orders * _LINES_AN_ORDER)
    writer.write("order_items", iter([_line_table(numbers, chance, size)]))


def remove_next_day(raw: Path) -> None:
    """Takes that delivery away again, as far as it is there."""
    for folder in (raw / "commerce").glob(f"*/delivery={_NEXT_DELIVERY}"):
        shutil.rmtree(folder)


class _Writer:
    def __init__(self, raw: Path, delivered: dt.date) -> None:
        self.folder, self.delivered = raw / "commerce", delivered

    def write(self, source: str, pieces: Iterator[pa.Table]) -> None:
        path = self.folder / source / f"delivery={self.delivered}" / f"{source}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        first = next(pieces)
        options = pa_csv.WriteOptions(quoting_style="needed")
        with pa_csv.CSVWriter(str(path), first.schema, write_options=options) as out:
            out.write_table(first)
            for piece in pieces:
                out.write_table(piece)


# --- the parts -----------------------------------------------------------------------------------


def _text(values: np.ndarray) -> pa.Array:
    return pa.array(values).cast(pa.string())


def _money(cents: np.ndarray) -> pa.Array:
    """Cents as text with two decimals."""
    whole, rest = np.divmod(cents, 100)
    return pa.array(
        np.char.add(np.char.add(whole.astype("U9"), "."), np.char.zfill(rest.astype("U2"), 2))
    )


def _dates(days: np.ndarray) -> pa.Array:
    return pa.array(np.datetime64(FIRST_DAY) + days.astype("timedelta64[D]")).cast(pa.string())


def _plant(
    column: pa.Array,
    kind: str,
    value: str | None,
    chance: np.random.Generator,
    planted: dict[str, int] | None,
) -> pa.Array:
    """The column with some values replaced; counts them under the fault's name. Each row has one
    fault at most by the caller's care.
    """
    if planted is None:
        return column
    rows = len(column)
    number = max(1, rows * _FAULTS_A_MILLION // 1_000_000)
    texts = column.to_pylist() if rows < 10_000 else None
    at = np.sort(chance.choice(rows, number, replace=False))
    planted[kind] = planted.get(kind, 0) + number
    if texts is not None:
        for place in at:
            texts[place] = value
        return pa.array(texts, pa.string())
    mask = np.zeros(rows, bool)
    mask[at] = True
    return pa.compute.if_else(pa.array(mask), pa.scalar(value, pa.string()), column)


def _categories(size: Size) -> pa.Table:
    ids = np.arange(1, size.categories + 1)
    # Twenty at the top, each with branches of two levels below.
    parents = pa.array(
        [
            None if n <= 20 else str((n - 1) % 20 + 1 if n <= 120 else (n - 1) % 100 + 21)
            for n in ids
        ],
        pa.string(),
    )
    return pa.table(
        {
            "category_id": _text(ids),
            "category_name": pa.array([f"Category {n}" for n in ids]),
            "parent_category_id": parents,
            "description": pa.array([f"What is in category {n}" for n in ids]),
        }
    )


def _products(size: Size, chance: np.random.Generator, planted: dict[str, int] | None) -> pa.Table:
    ids = np.arange(1, size.products + 1)
    categories = _text(chance.integers(1, size.categories + 1, size.products))
    # What refers to such a product is rejected too, so the last ones get the fault, which no line
    # names.
    names = pa.array(np.char.add("Product, no. ", ids.astype("U8")))
    return pa.table(
        {
            "product_id": _text(ids),
            "product_name": names,
            "category_id": categories,
            "price": _money(_price_of(ids)),
            "stock_quantity": _text(chance.integers(0, 1000, size.products)),
            "created_at": _dates(-chance.integers(1, 700, size.products)),
        }
    )


def _customers(size: Size, chance: np.random.Generator) -> Iterator[pa.Table]:
    for start in range(0, size.customers, _PIECE):
        ids = np.arange(start, min(start + _PIECE, size.customers))
        text = ids.astype("U8")
        yield pa.table(
            {
                "customer_id": _text(ids),
                "first_name": pa.array(np.char.add("First", text)),
                "last_name": pa.array(np.char.add("Last", text)),
                "email": pa.array(np.char.add(np.char.add("c", text), "@example.org")),
                "country": pa.array(_COUNTRIES[chance.integers(0, len(_COUNTRIES), len(ids))]),
                "registration_date": _dates(-chance.integers(1, 1000, len(ids))),
            }
        )


def _mixed(numbers: np.ndarray, salt: int) -> np.ndarray:
    """A fixed scattering of whole numbers (the finaliser of MurmurHash3): the same for a number
    wherever it is used.
    """
    x = numbers.astype(np.uint64) + np.uint64(salt * 0x9E3779B9)
    x ^= x >> np.uint64(33)
    x *= np.uint64(0xFF51AFD7ED558CCD)
    x ^= x >> np.uint64(33)
    return (x >> np.uint64(1)).astype(np.int64)


def _customer_of(orders: np.ndarray, size: Size) -> np.ndarray:
    return _mixed(orders, 1) % size.customers


def _day_of(orders: np.ndarray, size: Size) -> np.ndarray:
    return orders * DAYS // size.orders


def _price_of(products: np.ndarray) -> np.ndarray:
    return 99 + _mixed(products, 2) % 20_000


def _orders(
    size: Size, chance: np.random.Generator, planted: dict[str, int] | None
) -> Iterator[pa.Table]:
    for start in range(0, size.orders, _PIECE):
        ids = np.arange(start, min(start + _PIECE, size.orders))
        status = STATUSES[chance.choice(len(STATUSES), len(ids), p=_STATUS_SHARES)]
        table = _order_table(ids, _customer_of(ids, size), _day_of(ids, size), status)
        for kind, column, value in (
            ("order of an unknown customer", "customer_id", "no such customer"),
            ("order_date that is no date", "order_date", "2024-13-45"),
            ("status that is none", "status", "lost"),
        ):
            table = _replace(
                table, column, _plant(table[column].combine_chunks(), kind, value, chance, planted)
            )
        yield table


def _order_table(
    ids: np.ndarray, customers: np.ndarray, days: np.ndarray, status: np.ndarray
) -> pa.Table:
    return pa.table(
        {
            "order_id": _text(ids),
            "customer_id": _text(customers),
            "order_date": _dates(days),
            "status": pa.array(status),
        }
    )


def _lines(
    size: Size, chance: np.random.Generator, planted: dict[str, int] | None
) -> Iterator[pa.Table]:
    for start in range(0, size.lines, _PIECE):
        table = _line_table(np.arange(start, min(start + _PIECE, size.lines)), chance, size)
        for kind, column, value in (
            ("line of an unknown order", "order_id", "no such order"),
            ("line of an unknown product", "product_id", "no such product"),
            ("quantity that is no number", "quantity", "many"),
            ("quantity below 1", "quantity", "-3"),
            ("unit_price with a comma", "unit_price", "1,99"),
            ("negative discount", "discount", "-0.50"),
        ):
            table = _replace(
                table, column, _plant(table[column].combine_chunks(), kind, value, chance, planted)
            )
        if planted is not None:
            again = max(1, table.num_rows * _FAULTS_A_MILLION // 1_000_000)
            planted["line told twice"] = planted.get("line told twice", 0) + again
            table = pa.concat_tables([table, table.slice(0, again)])
        yield table


def _line_table(ids: np.ndarray, chance: np.random.Generator, size: Size) -> pa.Table:
    rows = len(ids)
    # A few products sell most.
    products = 1 + (size.products * chance.random(rows) ** 2).astype(np.int64)
    is_discounted = chance.random(rows) < 0.2
    return pa.table(
        {
            "order_item_id": _text(ids),
            "order_id": _text(ids // _LINES_AN_ORDER),
            "product_id": _text(products),
            "quantity": _text(chance.integers(1, 6, rows)),
            "unit_price": _money(_price_of(products)),
            "discount": _money(np.where(is_discounted, chance.integers(1, 99, rows), 0)),
        }
    )


def _replace(table: pa.Table, column: str, values: pa.Array) -> pa.Table:
    return table.set_column(table.schema.get_field_index(column), column, values)
