"""The made-up shop of the samples: `python -m bench shop-samples` writes `samples/shop` anew.

The orders, their lines and the planted faults are the benchmark's (`bench/commerce_data.py`), for a
seed. What people look at is put in their places here: a catalogue with names and prices, customers
with names, and a year that overlaps the real shop's of the samples, with its Christmas.
"""

from __future__ import annotations

import datetime as dt
import itertools
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv

from bench import commerce_data

FIRST_DAY = dt.date(2010, 6, 1)
SCALE, SEED, CURRENCY = 0.0006001, 7, "EUR"
"""60 products, 600 customers, 3,000 orders of 12,000 lines."""
MONTHS = (0.80, 0.75, 0.80, 0.95, 1.05, 1.35, 1.75, 0.85, 0.90, 0.95, 1.05, 1.10)
"""How busy each month of the year is, from June on."""
CATALOGUE: dict[str, dict[str, dict[str, str]]] = {
    "Kitchen": {
        "Tea and coffee": {
            "Cast-iron teapot, 0.8 l": "34.90",
            "Glass teapot with sieve": "24.50",
            "Moka pot, 6 cups": "27.90",
            "Enamel mug, blue": "7.90",
            "Tea caddy, tin": "9.50",
        },
        "Pots and pans": {
            "Frying pan, 28 cm": "49.00",
            "Enamel saucepan, 1.5 l": "32.00",
            "Cast-iron casserole, 4 l": "89.00",
            "Steamer basket, bamboo": "16.90",
        },
        "Baking": {
            "Springform tin, 26 cm": "18.50",
            "Rolling pin, beech": "12.90",
            "Cookie cutters, set of 12": "8.90",
            "Mixing bowl, stoneware": "21.00",
        },
        "Knives and boards": {
            "Chef's knife, 20 cm": "59.00",
            "Paring knife": "14.90",
            "Chopping board, oak": "29.90",
        },
    },
    "Home": {
        "Candles": {
            "Beeswax candles, set of 4": "11.90",
            "Tea lights, box of 50": "6.90",
            "Lantern, zinc": "24.90",
            "Candle holder, brass": "17.50",
        },
        "Textiles": {
            "Linen tea towel": "9.90",
            "Wool blanket, grey": "79.00",
            "Cushion cover, 50 x 50 cm": "19.90",
            "Table cloth, linen, 140 x 240 cm": "64.00",
        },
        "Storage": {
            "Willow basket, large": "36.00",
            "Storage jar, 1 l": "8.50",
            "Hat box, striped": "15.90",
        },
        "Lighting": {
            "Desk lamp, black": "69.00",
            "Paper lampshade, 40 cm": "12.50",
            "String lights, 5 m": "18.90",
        },
    },
    "Garden": {
        "Tools": {
            "Hand trowel, copper": "26.00",
            "Pruning shears": "34.50",
            "Watering can, 5 l": "28.90",
            "Garden gloves": "9.90",
        },
        "Pots and planters": {
            "Terracotta pot, 18 cm": "6.50",
            "Hanging planter": "14.50",
            "Window box, zinc": "22.90",
        },
        "Seeds": {
            "Wildflower seeds, 50 g": "4.90",
            "Herb seeds, set of 6": "9.90",
            "Tulip bulbs, bag of 20": "8.90",
            "Bird food, 1 kg": "5.90",
        },
    },
    "Paper": {
        "Notebooks": {
            "Notebook, dotted, A5": "12.90",
            "Sketchbook, A4": "16.50",
            "Pocket notebooks, set of 3": "9.50",
        },
        "Cards and wrapping": {
            "Christmas cards, set of 10": "8.90",
            "Wrapping paper, 5 sheets": "6.50",
            "Gift tags, set of 24": "4.50",
        },
        "Writing": {
            "Fountain pen, medium": "29.00",
            "Bottled ink, blue, 50 ml": "11.50",
            "Pencils, box of 12": "7.90",
        },
    },
    "Children": {
        "Toys": {
            "Wooden train, 3 cars": "32.00",
            "Building blocks, 50 pieces": "27.50",
            "Spinning top, tin": "9.90",
            "Kite, 120 cm": "24.00",
        },
        "Games and puzzles": {
            "Wooden puzzle, Europe": "18.90",
            "Memory game, animals": "14.50",
            "Dominoes, beech": "16.90",
        },
        "School": {
            "Lunch box, steel": "19.50",
            "Pencil case, canvas": "12.50",
            "Coloured pencils, 24": "17.90",
        },
    },
}
BEST_FIRST = (4, 21, 46, 18, 1, 35, 30, 51)
"""Which products of the catalogue sell most: the generator's first ones do."""
_FIRST_NAMES = ("Anna", "Ben", "Clara", "David", "Elena", "Felix", "Greta", "Hugo", "Ines", "Jonas")
_LAST_NAMES = ("Albers", "Bakker", "Costa", "Dupont", "Evans", "Fischer", "Garcia", "Hansen")
Names = dict[str, str]


@dataclass(frozen=True)
class Product:
    """One product of the catalogue."""

    product_id: str
    name: str
    category_id: str
    price: str


def main(folder: Path) -> None:
    """Writes the raw files of the shop below the folder, in place of those that are there."""
    with tempfile.TemporaryDirectory() as place:
        commerce_data.make(Path(place), SCALE, SEED)
        made = {path.stem: read(path) for path in Path(place).rglob("*.csv")}
        faults = (Path(place) / "commerce_faults.json").read_text(encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    for source, rows in dress(made).items():
        delivered = FIRST_DAY + dt.timedelta(commerce_data.DAYS)
        path = folder / "commerce" / source / f"delivery={delivered}" / f"{source}.csv"
        path.parent.mkdir(parents=True)
        csv.write_csv(pa.Table.from_pylist(rows), path, csv.WriteOptions(quoting_style="needed"))
        print(f"{len(rows):6,} records  {path}")
    (folder / "commerce_faults.json").write_text(faults, encoding="utf-8")


def read(path: Path) -> list[Names]:
    """The records of a file, every value as text."""
    names = path.open(encoding="utf-8").readline().replace('"', "").strip().split(",")
    types = dict.fromkeys(names, pa.string())
    options = csv.ConvertOptions(column_types=types, strings_can_be_null=True)
    return list(csv.read_csv(path, convert_options=options).to_pylist())


def dress(made: dict[str, list[Names]]) -> dict[str, list[dict[str, Any]]]:
    """The generator's records with names, prices and dates that a person would believe.

    A value that the generator has spoilt stays as it is.
    """
    days = season()
    catalogue = sorted_catalogue()
    if len(catalogue) != len(made["products"]):
        raise SystemExit(
            f"the catalogue has {len(catalogue)} products, not {len(made['products'])}"
        )
    products = {str(n): product for n, product in enumerate(catalogue, 1)}
    return {
        "product_categories": list(categories()),
        "products": [
            {
                "product_id": own.product_id,
                "product_name": own.name,
                "category_id": own.category_id,
                "price": own.price,
                "currency": CURRENCY,
                "stock_quantity": row["stock_quantity"],
                "created_at": str(moved(row["created_at"])),
            }
            for own, row in zip(products.values(), made["products"], strict=True)
        ],
        "customers": [customer(row) for row in made["customers"]],
        "orders": [
            {
                "order_id": order_id(row["order_id"]),
                "customer_id": customer_id(row["customer_id"]),
                "order_date": days.get(row["order_date"], row["order_date"]),
                "status": row["status"],
                "currency": CURRENCY,
            }
            for row in made["orders"]
        ],
        "order_items": [line(row, products) for row in made["order_items"]],
    }


def season() -> Names:
    """The generator's days, which are equally busy, as days of a year that is not."""
    starts = [FIRST_DAY]
    while len(starts) <= 12:
        starts.append((starts[-1] + dt.timedelta(31)).replace(day=1))
    lengths = [(after - start).days for start, after in itertools.pairwise(starts)]
    busy = np.cumsum(np.repeat(MONTHS, lengths))
    # The busier a day, the more of the generator's days fall on it.
    places = np.searchsorted(busy / busy[-1], (np.arange(commerce_data.DAYS) + 0.5) / len(busy))
    return {
        str(commerce_data.FIRST_DAY + dt.timedelta(day)): str(FIRST_DAY + dt.timedelta(int(place)))
        for day, place in enumerate(places)
    }


def moved(day: str) -> dt.date:
    """A day of the generator's calendar, as far from the first day of this shop."""
    return dt.date.fromisoformat(day) - commerce_data.FIRST_DAY + FIRST_DAY


def categories() -> Iterator[dict[str, str | None]]:
    """Those at the top, each followed by those below it."""
    for number, (top, below) in enumerate(CATALOGUE.items(), 1):
        yield category(str(number), top, None)
        for place, name in enumerate(below, 1):
            yield category(f"{number}{place:02}", name, str(number))


def category(category_id: str, name: str, parent: str | None) -> dict[str, str | None]:
    """A record of the file."""
    return {
        "category_id": category_id,
        "category_name": name,
        "parent_category_id": parent,
        "description": f"All of {name.lower()}",
    }


def sorted_catalogue() -> list[Product]:
    """Every product, those that sell best first."""
    every = [
        Product(f"P{number}{place:02}{rank}", name, f"{number}{place:02}", price)
        for number, below in enumerate(CATALOGUE.values(), 1)
        for place, products in enumerate(below.values(), 1)
        for rank, (name, price) in enumerate(products.items(), 1)
    ]
    return [every[n] for n in BEST_FIRST] + [
        one for n, one in enumerate(every) if n not in BEST_FIRST
    ]


def customer(row: Names) -> dict[str, Any]:
    """A made-up person: the names repeat, the address does not."""
    number = int(row["customer_id"])
    first = _FIRST_NAMES[number % len(_FIRST_NAMES)]
    last = _LAST_NAMES[number // len(_FIRST_NAMES) % len(_LAST_NAMES)]
    return {
        "customer_id": customer_id(row["customer_id"]),
        "first_name": first,
        "last_name": last,
        "email": f"{first}.{last}.{number}@example.org".lower(),
        "country": row["country"],
        "registration_date": str(moved(row["registration_date"])),
    }


def line(row: Names, products: dict[str, Product]) -> dict[str, Any]:
    """A line at its product's price; where the generator gave a discount, it is a tenth."""
    own = products.get(row["product_id"])
    price, discount = row["unit_price"], Decimal(row["discount"])
    if own and "," not in price:
        price = own.price
    if own and discount > 0 and row["quantity"].isdecimal():
        discount = (Decimal(own.price) * int(row["quantity"]) / 10).quantize(Decimal("0.01"))
    return {
        "order_item_id": str(int(row["order_item_id"]) % 4 + 1),
        "order_id": order_id(row["order_id"]),
        "product_id": own.product_id if own else row["product_id"],
        "quantity": row["quantity"],
        "unit_price": price,
        "discount": str(discount),
        "currency": CURRENCY,
    }


def order_id(number: str) -> str:
    """Of the generator's number; what is none stays."""
    return f"R{100_001 + int(number)}" if number.isdecimal() else number


def customer_id(number: str) -> str:
    """Of the generator's number; what is none stays."""
    return f"C{1_001 + int(number)}" if number.isdecimal() else number
