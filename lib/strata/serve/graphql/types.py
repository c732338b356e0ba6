"""The types of the API. Descriptions of fields are those of the contracts, where they have one.

A field is a column of its type's rows, or it has rows of its own: then its resolver says them as
SQL, after the name by which its parent's rows are known there.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any, Generic, TypeVar

import strawberry
from strawberry.types import Info

from strata.declare.contract import load_contract
from strata.serve.graphql import questions
from strata.serve.graphql.context import Context
from strata.serve.graphql.questions import Rows
from strata.serve.graphql.scalars import Long, Money

Told = Info[Context, None]
Parent = strawberry.Parent[str]


def said(table: str, column: str) -> Any:
    """A field described as its contract describes the column."""
    field = next(f for f in load_contract(table).fields if f.name == column)
    unit = f" [{field.unit}]" if field.unit else ""
    return strawberry.field(description=f"{field.description}{unit}")


def rows_of(kind: Any, description: str | None = None) -> Callable[[Callable[..., Rows]], Any]:
    """A field of rows: its resolver gives them as SQL."""
    return strawberry.field(graphql_type=kind, description=description)


_PRODUCT, _ORDER = "silver.commerce_products", "gold.commerce_order_revenue"
_LINE, _VALUE = "silver.commerce_order_lines", "gold.commerce_customer_value"
_DAILY, _TRENDS = "gold.commerce_daily_product_sales", "gold.commerce_trends"


@strawberry.type(description="What the shop shows: a publication of the commerce feed.")
class Publication:
    number: Long
    run_id: str
    published_at: datetime | None
    loaded_at: datetime


@strawberry.type
class PageInfo:
    has_next_page: bool
    end_cursor: str | None

    publication: Long | None = strawberry.field(
        description="The publication that this page is of. "
        "Another one than the page before means that there are new data."
    )


Node = TypeVar("Node")


@strawberry.type
class Page(Generic[Node]):
    nodes: list[Node]
    page_info: PageInfo


@strawberry.type
class Category:
    category_id: strawberry.ID
    name: str
    path: str = strawberry.field(description="The names from the top down, joined by ' > '")


@strawberry.type(description="A period in which a product was the same.")
class ProductPeriod:
    valid_from: date = said(_PRODUCT, "valid_from")
    valid_to: date = said(_PRODUCT, "valid_to")
    name: str | None = said(_PRODUCT, "product_name")
    category_id: strawberry.ID | None = said(_PRODUCT, "category_id")
    list_price: Money | None = said(_PRODUCT, "list_price")
    currency: str = said(_PRODUCT, "currency")


@strawberry.type
class Change:
    field: str
    was: str | None
    becomes: str | None


@strawberry.type(description="Somebody's word on a product: who, when, why and what.")
class Decision:
    decision_id: strawberry.ID
    decided_at: datetime
    decided_by: str
    why: str
    changes: list[Change]
    undoes: strawberry.ID | None
    taken_in: Long | None = strawberry.field(
        description="The publication that took it; null until then."
    )


@strawberry.type
class Product:
    product_id: strawberry.ID
    name: str | None = said(_PRODUCT, "product_name")
    list_price: Money | None = said(_PRODUCT, "list_price")
    currency: str = said(_PRODUCT, "currency")
    valid_from: date = said(_PRODUCT, "valid_from")
    category_id: strawberry.ID | None = said(_PRODUCT, "category_id")
    version: str = strawberry.field(
        description="What updateProduct expects: it changes with name, category and price."
    )

    @rows_of(Category | None)
    def category(self, parent: Parent) -> Rows:
        return questions.category(parent)

    @rows_of(list[ProductPeriod], "What it was, from when to when.")
    def history(self, parent: Parent) -> Rows:
        return questions.history(parent)

    @rows_of(list[Decision], "Who changed what, and why.")
    def decisions(self, parent: Parent) -> Rows:
        return questions.decisions(parent)


@strawberry.type
class ProductSales:
    period_start: date = strawberry.field(description="First day of the period")
    product_id: strawberry.ID
    currency: str = said(_DAILY, "currency")
    units: Long = said(_DAILY, "units")
    revenue: Money = said(_DAILY, "revenue")
    orders: Long = said(_DAILY, "orders")

    @rows_of(Product | None)
    def product(self, parent: Parent) -> Rows:
        return questions.product((f"{parent}.product_id", ()))


@strawberry.type
class BestSeller:
    rank: int
    product_id: strawberry.ID
    currency: str = said(_DAILY, "currency")
    units: Long = said(_DAILY, "units")
    revenue: Money = said(_DAILY, "revenue")

    @rows_of(Product | None)
    def product(self, parent: Parent) -> Rows:
        return questions.product((f"{parent}.product_id", ()))


@strawberry.type
class OrderItem:
    order_item_id: strawberry.ID
    product_id: strawberry.ID
    quantity: int = said(_LINE, "quantity")
    unit_price: Money = said(_LINE, "unit_price")
    discount: Money = said(_LINE, "discount")
    revenue: Money = said(_LINE, "revenue")

    @rows_of(Product | None)
    def product(self, parent: Parent) -> Rows:
        return questions.product((f"{parent}.product_id", ()))


@strawberry.type
class CustomerOrder:
    order_id: strawberry.ID
    order_date: date = said(_ORDER, "order_date")
    status: str = said(_ORDER, "status")
    is_counted: bool = said(_ORDER, "is_counted")
    currency: str = said(_ORDER, "currency")
    units: Long = said(_ORDER, "units")
    revenue: Money = said(_ORDER, "revenue")

    @rows_of(list[OrderItem])
    def items(self, parent: Parent) -> Rows:
        return questions.items(parent)


@strawberry.type(description="What a customer brought, in one currency.")
class CustomerValue:
    currency: str = said(_VALUE, "currency")
    lifetime_value: Money = said(_VALUE, "lifetime_value")
    orders: Long = said(_VALUE, "orders")
    average_order_value: Money | None = said(_VALUE, "average_order_value")
    first_order_date: date | None = said(_VALUE, "first_order_date")
    last_order_date: date | None = said(_VALUE, "last_order_date")


@strawberry.type(description="A customer without name and address: no table of Strata has them.")
class Customer:
    customer_id: strawberry.ID
    country: str | None
    registered_on: date | None

    @rows_of(list[CustomerValue], "What they brought, in each currency.")
    def values(self, parent: Parent) -> Rows:
        return questions.values(parent)

    @rows_of(Page[CustomerOrder], "What they bought, the newest first.")
    def orders(self, parent: Parent, first: int = 20, after: str | None = None) -> Rows:
        return questions.orders(parent, first, after)


@strawberry.type(description="What was sold in a week or month.")
class Trend:
    period_start: date = said(_TRENDS, "period_start")
    currency: str = said(_TRENDS, "currency")
    orders: Long = said(_TRENDS, "orders")
    units: Long = said(_TRENDS, "units")
    revenue: Money = said(_TRENDS, "revenue")
    revenue_change: Money | None = said(_TRENDS, "revenue_change")


def make_decision(row: dict[str, Any]) -> Decision:
    """A row of shop.product_decisions as the API shows it."""
    kept = {
        key: row[key]
        for key in ("decision_id", "decided_at", "decided_by", "why", "undoes", "taken_in")
    }
    return Decision(changes=[Change(**change) for change in row["changes"]], **kept)
