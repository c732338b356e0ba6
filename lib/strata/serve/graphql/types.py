"""The types of the API. Descriptions of fields are those of the contracts, where they have one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any, Generic, TypeVar

import strawberry
from strawberry.types import Info

from strata.declare.contract import load_contract
from strata.serve.graphql.ahead import asks
from strata.serve.graphql.context import Context
from strata.serve.graphql.cursors import Order, page_size, unique
from strata.serve.graphql.scalars import Long, Money
from strata.serve.graphql.version import version_of

Told = Info[Context, None]


def said(table: str, column: str) -> Any:
    """A field described as its contract describes the column."""
    field = next(f for f in load_contract(table).fields if f.name == column)
    unit = f" [{field.unit}]" if field.unit else ""
    return strawberry.field(description=f"{field.description}{unit}")


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

    @strawberry.field(
        description="The publication that this page is of. "
        "Another one than the page before means that there are new data."
    )
    async def publication(self, info: Told) -> Long | None:
        shown = await info.context.publication()
        return shown["publication"] if shown else None


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
    category: Category | None = None

    @strawberry.field(description="What it was, from when to when.")
    async def history(self, info: Told) -> list[ProductPeriod]:
        return [
            make_period(row)
            for row in await info.context.loaders.periods.load(str(self.product_id))
        ]

    @strawberry.field(description="Who changed what, and why.")
    async def decisions(self, info: Told) -> list[Decision]:
        return [
            make_decision(row) for row in await info.context.store.decisions(str(self.product_id))
        ]

    @strawberry.field(
        description="What updateProduct expects: it changes with name, category and price."
    )
    def version(self) -> str:
        return version_of(self.name, self.category_id, self.list_price)


@strawberry.type
class ProductSales:
    period_start: date = strawberry.field(description="First day of the period")
    product_id: strawberry.ID
    currency: str = said(_DAILY, "currency")
    units: Long = said(_DAILY, "units")
    revenue: Money = said(_DAILY, "revenue")
    orders: Long = said(_DAILY, "orders")
    product: Product | None = None


@strawberry.type
class BestSeller:
    rank: int
    product_id: strawberry.ID
    currency: str = said(_DAILY, "currency")
    units: Long = said(_DAILY, "units")
    revenue: Money = said(_DAILY, "revenue")
    product: Product | None = None


@strawberry.type
class OrderItem:
    order_item_id: strawberry.ID
    product_id: strawberry.ID
    quantity: int = said(_LINE, "quantity")
    unit_price: Money = said(_LINE, "unit_price")
    discount: Money = said(_LINE, "discount")
    revenue: Money = said(_LINE, "revenue")
    product: Product | None = None


@strawberry.type
class CustomerOrder:
    order_id: strawberry.ID
    order_date: date = said(_ORDER, "order_date")
    status: str = said(_ORDER, "status")
    is_counted: bool = said(_ORDER, "is_counted")
    currency: str = said(_ORDER, "currency")
    units: Long = said(_ORDER, "units")
    revenue: Money = said(_ORDER, "revenue")
    items: list[OrderItem] = strawberry.field(default_factory=list)


BY_NEWEST = Order("newest", (("order_date", date), ("order_id", str)), is_descending=True)


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

    @strawberry.field(description="What they brought, in each currency.")
    async def values(self, info: Told) -> list[CustomerValue]:
        rows = await info.context.store.values(str(self.customer_id))
        return [CustomerValue(**row) for row in rows]

    @strawberry.field(description="What they bought, the newest first.")
    async def orders(
        self, info: Told, first: int = 20, after: str | None = None
    ) -> Page[CustomerOrder]:
        page = (BY_NEWEST, page_size(first), after)
        rows = await info.context.store.orders(str(self.customer_id), page)
        found = page_of((BY_NEWEST, first), rows, lambda row: CustomerOrder(**row))
        if asks(info, "items"):
            await _fill_items(info, found.nodes)
        return found


@strawberry.type(description="What was sold in a week or month.")
class Trend:
    period_start: date = said(_TRENDS, "period_start")
    currency: str = said(_TRENDS, "currency")
    orders: Long = said(_TRENDS, "orders")
    units: Long = said(_TRENDS, "units")
    revenue: Money = said(_TRENDS, "revenue")
    revenue_change: Money | None = said(_TRENDS, "revenue_change")


def page_of(
    asked: tuple[Order, int], rows: list[dict[str, Any]], make: Callable[[dict[str, Any]], Node]
) -> Page[Node]:
    """A page of rows, in an order and of a size, and where the next one begins.

    One row more than asked for was read, to know whether there is a next page.
    """
    order, first = asked
    last = order.encode(rows[:first][-1]) if rows else None
    told = PageInfo(has_next_page=len(rows) > first, end_cursor=last)
    return Page(nodes=[make(row) for row in rows[:first]], page_info=told)


async def fill_products(info: Told, nodes: Sequence[ProductSales | BestSeller | OrderItem]) -> None:
    """Gives each node its product, by one batch, if the query asks for it."""
    if asks(info, "product"):
        found = await load_products(info, [str(node.product_id) for node in nodes])
        for node in nodes:
            node.product = found.get(str(node.product_id))


async def load_products(info: Told, ids: Sequence[str]) -> dict[str, Product]:
    """The products that there are, by their ids."""
    rows = await info.context.loaders.product.load_many(unique(ids))
    made = await make_products(info, [row for row in rows if row])
    return {str(product.product_id): product for product in made}


async def make_products(info: Told, rows: Sequence[dict[str, Any]]) -> list[Product]:
    """Rows of shop.products as the API shows them, with their categories if it is asked for."""
    made = [make_product(row) for row in rows]
    if asks(info, "category"):
        ids = unique([str(one.category_id) for one in made if one.category_id is not None])
        found = dict(zip(ids, await info.context.loaders.category.load_many(ids), strict=True))
        known = {key: make_category(row) for key, row in found.items() if row}
        for product in made:
            product.category = known.get(str(product.category_id))
    return made


async def _fill_items(info: Told, orders: Sequence[CustomerOrder]) -> None:
    """Gives each order its lines, by one batch."""
    names = ("order_item_id", "product_id", "quantity", "unit_price", "discount", "revenue")
    keys = [(str(order.order_id), order.order_date) for order in orders]
    found = await info.context.loaders.items.load_many(keys)
    for order, rows in zip(orders, found, strict=True):
        order.items = [OrderItem(**{name: row[name] for name in names}) for row in rows]
    await fill_products(info, [item for order in orders for item in order.items])


def make_product(row: dict[str, Any]) -> Product:
    """A row of shop.products as the API shows it."""
    return Product(
        product_id=row["product_id"],
        name=row["product_name"],
        list_price=row["list_price"],
        currency=row["currency"],
        valid_from=row["valid_from"],
        category_id=row["category_id"],
    )


def make_category(row: dict[str, Any]) -> Category:
    """A row of shop.product_categories as the API shows it."""
    return Category(
        category_id=row["category_id"], name=row["category_name"], path=row["category_path"]
    )


def make_period(row: dict[str, Any]) -> ProductPeriod:
    """A row of shop.product_periods as the API shows it."""
    return ProductPeriod(
        valid_from=row["valid_from"],
        valid_to=row["valid_to"],
        name=row["product_name"],
        category_id=row["category_id"],
        list_price=row["list_price"],
        currency=row["currency"],
    )


def make_decision(row: dict[str, Any]) -> Decision:
    """A row of shop.product_decisions as the API shows it."""
    kept = {
        key: row[key]
        for key in ("decision_id", "decided_at", "decided_by", "why", "undoes", "taken_in")
    }
    return Decision(changes=[Change(**change) for change in row["changes"]], **kept)
