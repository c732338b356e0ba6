"""A small shop as published rows: two categories, three products, three customers, and their orders."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

Row = Mapping[str, Any]
COUNTED = ("delivered", "shipped", "pending")

CATEGORIES: list[Row] = [
    {
        "category_id": "1",
        "category_name": "Drinks",
        "parent_category_id": None,
        "category_path": "Drinks",
        "top_category_id": "1",
        "top_category_name": "Drinks",
        "level": 1,
    },
    {
        "category_id": "2",
        "category_name": "Tea",
        "parent_category_id": "1",
        "category_path": "Drinks > Tea",
        "top_category_id": "1",
        "top_category_name": "Drinks",
        "level": 2,
    },
]
CUSTOMERS: list[Row] = [
    {"customer_id": f"c{n}", "country": country, "registered_on": date(2023, 1, n)}
    for n, country in ((1, "DE"), (2, "FR"), (3, None))
]


def product(number: int, price: str, valid_from: date = date(1900, 1, 1), **more: Any) -> Row:
    """A product's current period."""
    return {
        "product_id": f"p{number}",
        "valid_from": valid_from,
        "valid_to": date(9999, 12, 31),
        "is_current": True,
        "product_name": f"Product {number}",
        "category_id": "2",
        "category_name": "Tea",
        "category_path": "Drinks > Tea",
        "top_category_id": "1",
        "top_category_name": "Drinks",
        "names": None,
        "list_price": Decimal(price),
        "currency": "EUR",
        "created_on": None,
        **more,
    }


PRODUCTS: list[Row] = [
    product(1, "2.5000"),
    product(2, "9.9900"),
    product(3, "0.0100", product_name="\\.", category_id=None, category_name=None),
]


def order(number: int, day: date, customer: str | None, status: str = "delivered") -> Row:
    """An order's row."""
    counted = status in COUNTED
    return {
        "order_id": f"o{number}",
        "customer_id": customer,
        "order_date": day,
        "status": status,
        "is_counted": counted,
        "currency": "EUR",
    }


def line(own: Row, item: int, bought: str, quantity: int, price: str) -> Row:
    """A line of an order."""
    category = next(p["category_id"] for p in PRODUCTS if p["product_id"] == bought)
    return {
        "order_id": own["order_id"],
        "order_item_id": f"{item}",
        "sale_date": own["order_date"],
        "customer_id": own["customer_id"],
        "status": own["status"],
        "is_counted": own["is_counted"],
        "product_id": bought,
        "currency": own["currency"],
        "copies": 1,
        "category_id": category,
        "quantity": quantity,
        "unit_price": Decimal(price),
        "discount": Decimal(0),
        "revenue": (Decimal(price) * quantity).quantize(Decimal("0.01")),
    }


ORDERS: list[Row] = [
    order(1, date(2024, 1, 30), "c1"),
    order(2, date(2024, 2, 1), "c1"),
    order(3, date(2024, 2, 1), "c2", "cancelled"),
    order(4, date(2024, 3, 15), None),
]
LINES: list[Row] = [
    line(ORDERS[0], 1, "p1", 2, "2.5"),
    line(ORDERS[0], 2, "p2", 1, "9.99"),
    line(ORDERS[1], 1, "p2", 3, "9.99"),
    line(ORDERS[2], 1, "p1", 100, "2.5"),
    line(ORDERS[3], 1, "p3", 5, "0.01"),
]


def published(
    orders: Iterable[Row] = ORDERS, lines: Iterable[Row] = LINES, products: Iterable[Row] = PRODUCTS
) -> dict[str, list[Row]]:
    """The published tables of such a shop; gold is added up here, by plain Python."""
    orders, lines = list(orders), list(lines)
    daily = _sums(lines, ("sale_date", "product_id", "currency"))
    return {
        "silver.commerce_categories": CATEGORIES,
        "silver.commerce_products": list(products),
        "silver.commerce_customers": CUSTOMERS,
        "silver.commerce_orders": orders,
        "silver.commerce_order_lines": lines,
        "gold.commerce_order_revenue": [_revenue(own, lines) for own in orders],
        "gold.commerce_daily_product_sales": daily,
        "gold.commerce_daily_category_sales": _sums(
            [{**row, "category_id": row["category_id"] or "unclassified"} for row in lines],
            ("sale_date", "category_id", "currency"),
        ),
    }


def _revenue(own: Row, lines: list[Row]) -> Row:
    mine = [row for row in lines if row["order_id"] == own["order_id"]]
    units, revenue = (
        sum(row["quantity"] for row in mine),
        sum((row["revenue"] for row in mine), Decimal(0)),
    )
    told = {"lines": len(mine), "units": units, "revenue": revenue}
    return {**own, **told, "repeated_lines": 0, "repeated_revenue": Decimal(0)}


def _sums(lines: list[Row], key: tuple[str, ...]) -> list[Row]:
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in lines:
        if row["is_counted"]:
            groups[tuple(row[name] for name in key)].append(row)
    return [
        {
            **dict(zip(key, values, strict=True)),
            "units": sum(row["quantity"] for row in rows),
            "revenue": sum((row["revenue"] for row in rows), Decimal(0)),
            "orders": len({row["order_id"] for row in rows}),
        }
        for values, rows in groups.items()
    ]
