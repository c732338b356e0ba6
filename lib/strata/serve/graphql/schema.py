"""What can be asked, and the one thing that can be changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from enum import Enum

import strawberry
from strawberry.schema.config import StrawberryConfig

from strata.serve.graphql import types
from strata.serve.graphql.cursors import MOST, Order, assert_text, page_size
from strata.serve.graphql.errors import Refused
from strata.serve.graphql.scalars import SCALARS, Money
from strata.serve.graphql.types import Told


@strawberry.enum
class Period(Enum):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@strawberry.enum
class TrendPeriod(Enum):
    WEEK = "week"
    MONTH = "month"


_SOLD = (("period_start", date), ("product_id", str), ("currency", str))


@strawberry.enum(description="How sales are sorted. What is equal is sorted by period and product.")
class SalesOrder(Enum):
    PERIOD = Order("period", _SOLD)
    NEWEST = Order("newest", _SOLD, True)
    REVENUE = Order("revenue", (("revenue", Decimal), *_SOLD), True)
    UNITS = Order("units", (("units", int), *_SOLD), True)


@strawberry.enum
class ProductOrder(Enum):
    ID = Order("id", (("product_id", str),))
    NAME = Order("name", (("sort_name", str), ("product_id", str)))
    CHEAPEST = Order("cheapest", (("sort_price", Decimal), ("product_id", str)))
    DEAREST = Order("dearest", (("sort_price", Decimal), ("product_id", str)), True)


@strawberry.input
class SalesFilter:
    from_date: date | None = None
    to_date: date | None = None
    category_id: strawberry.ID | None = None
    currency: str | None = strawberry.field(
        default=None, description="Amounts of several currencies do not compare: name one to sort."
    )
    product_ids: list[strawberry.ID] | None = None


@strawberry.input
class ProductFilter:
    category_id: strawberry.ID | None = None
    name_contains: str | None = None
    price_from: Money | None = None
    price_to: Money | None = None


@strawberry.input
class ProductChange:
    product_id: strawberry.ID
    expected_version: str = strawberry.field(description="Product.version as it was read.")
    why: str
    name: str | None = strawberry.UNSET
    category_id: strawberry.ID | None = strawberry.UNSET
    list_price: Money | None = strawberry.UNSET


@strawberry.type
class Query:
    @strawberry.field(description="What the shop shows at present.")
    async def publication(self, info: Told) -> types.Publication | None:
        row = await info.context.publication()
        if row is None:
            return None
        return types.Publication(
            number=row["publication"],
            run_id=row["run_id"],
            published_at=row["published_at"],
            loaded_at=row["loaded_at"],
        )

    @strawberry.field(description="What was sold of each product in each period.")
    async def product_sales(
        self,
        info: Told,
        period: Period = Period.MONTH,
        filter: SalesFilter | None = None,
        order_by: SalesOrder = SalesOrder.PERIOD,
        first: int = 20,
        after: str | None = None,
    ) -> types.Page[types.ProductSales]:
        own = filter or SalesFilter()
        _assert_ids("categoryId", [own.category_id])
        _assert_ids("productIds", own.product_ids or [])
        assert_text("currency", own.currency, 3)
        page = (order_by.value, page_size(first), after)
        products = None if own.product_ids is None else list(map(str, own.product_ids))
        days = (own.from_date, own.to_date)
        rows = await info.context.store.product_sales(
            period.value, days, (own.category_id, own.currency), products, page
        )
        found = types.page_of((order_by.value, first), rows, lambda row: types.ProductSales(**row))
        await types.fill_products(info, found.nodes)
        return found

    @strawberry.field(
        description="The products that brought most in each currency, of a category and all below."
    )
    async def best_sellers(
        self,
        info: Told,
        category_id: strawberry.ID | None = None,
        currency: str | None = None,
        first: int = 10,
    ) -> list[types.BestSeller]:
        _assert_ids("categoryId", [category_id])
        assert_text("currency", currency, 3)
        rows = await info.context.store.best_sellers(category_id, currency, page_size(first))
        found = [types.BestSeller(**row) for row in rows]
        await types.fill_products(info, found)
        return found

    @strawberry.field(description="Sales by week or month.")
    async def sales_trends(
        self,
        info: Told,
        period: TrendPeriod = TrendPeriod.MONTH,
        from_date: date | None = None,
        to_date: date | None = None,
    ) -> list[types.Trend]:
        rows = await info.context.store.trends(period.value, (from_date, to_date))
        return [types.Trend(**row) for row in rows]

    @strawberry.field(description="A customer, and by `orders` what they bought.")
    async def customer(self, info: Told, customer_id: strawberry.ID) -> types.Customer | None:
        _assert_ids("customerId", [customer_id])
        row = await info.context.store.customer(str(customer_id))
        if row is None:
            return None
        return types.Customer(**row)

    @strawberry.field
    async def product(self, info: Told, product_id: strawberry.ID) -> types.Product | None:
        _assert_ids("productId", [product_id])
        return (await types.load_products(info, [str(product_id)])).get(str(product_id))

    @strawberry.field
    async def products(
        self,
        info: Told,
        filter: ProductFilter | None = None,
        order_by: ProductOrder = ProductOrder.ID,
        first: int = 20,
        after: str | None = None,
    ) -> types.Page[types.Product]:
        own = filter or ProductFilter()
        _assert_ids("categoryId", [own.category_id])
        assert_text("nameContains", own.name_contains)
        filters = {
            "category": own.category_id,
            "name": own.name_contains,
            "from": own.price_from,
            "to": own.price_to,
        }
        rows = await info.context.store.products(filters, (order_by.value, page_size(first), after))
        found = types.page_of((order_by.value, first), rows, lambda row: row)
        made = await types.make_products(info, found.nodes)
        return types.Page(nodes=made, page_info=found.page_info)

    @strawberry.field(description="The categories below one; without one, those at the top.")
    async def categories(
        self, info: Told, parent_category_id: strawberry.ID | None = None
    ) -> list[types.Category]:
        _assert_ids("parentCategoryId", [parent_category_id])
        rows = await info.context.store.categories(parent_category_id)
        return [types.make_category(row) for row in rows]


@strawberry.type
class Mutation:
    @strawberry.mutation(
        description="Decides on a product; it holds against loads that repeat the old value."
    )
    async def update_product(self, info: Told, change: ProductChange) -> types.Decision:
        _assert_editor(info)
        wanted = {
            "product_name": change.name,
            "category_id": change.category_id,
            "list_price": change.list_price,
        }
        named = {key: value for key, value in wanted.items() if value is not strawberry.UNSET}
        row = await info.context.decide.update(
            info.context.caller.name,
            str(change.product_id),
            change.expected_version,
            named,
            change.why,
        )
        return types.make_decision(row)

    @strawberry.mutation(
        description="Decides that a product is again what it was before a decision."
    )
    async def undo_decision(
        self, info: Told, decision_id: strawberry.ID, why: str
    ) -> types.Decision:
        _assert_editor(info)
        row = await info.context.decide.undo(info.context.caller.name, str(decision_id), why)
        return types.make_decision(row)


def _assert_ids(name: str, ids: Sequence[str | None]) -> None:
    if len(ids) > MOST:
        raise Refused(f"{name} names at most {MOST}; got {len(ids)}")
    for one in ids:
        assert_text(name, one)


def _assert_editor(info: Told) -> None:
    if info.context.caller.role != "editor":
        raise Refused("only an editor decides on products; this token is a reader's", "FORBIDDEN")


schema = strawberry.Schema(Query, Mutation, config=StrawberryConfig(scalar_map=SCALARS))
