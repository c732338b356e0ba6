"""What can be asked, and the one thing that can be changed. A question's resolver says its rows as
SQL; `answers` puts them together.
"""

from __future__ import annotations

from datetime import date

import strawberry
from strawberry.schema.config import StrawberryConfig

from strata.serve.graphql import questions, types
from strata.serve.graphql.errors import Refused
from strata.serve.graphql.inputs import (
    Period,
    ProductChange,
    ProductFilter,
    ProductOrder,
    SalesFilter,
    SalesOrder,
    TrendPeriod,
)
from strata.serve.graphql.questions import Rows
from strata.serve.graphql.scalars import SCALARS
from strata.serve.graphql.types import Told, rows_of


@strawberry.type
class Query:
    @rows_of(types.Publication | None, "What the shop shows at present.")
    def publication(self) -> Rows:
        return questions.publication()

    @rows_of(types.Page[types.ProductSales], "What was sold of each product in each period.")
    def product_sales(
        self,
        period: Period = Period.MONTH,
        filter: SalesFilter | None = None,
        order_by: SalesOrder = SalesOrder.PERIOD,
        first: int = 20,
        after: str | None = None,
    ) -> Rows:
        return questions.product_sales(period, filter, order_by, first, after)

    @rows_of(
        list[types.BestSeller],
        "The products that brought most in each currency, of a category and all below.",
    )
    def best_sellers(
        self,
        category_id: strawberry.ID | None = None,
        currency: str | None = None,
        first: int = 10,
    ) -> Rows:
        return questions.best_sellers(category_id, currency, first)

    @rows_of(list[types.Trend], "Sales by week or month.")
    def sales_trends(
        self,
        period: TrendPeriod = TrendPeriod.MONTH,
        from_date: date | None = None,
        to_date: date | None = None,
    ) -> Rows:
        return questions.trends(period, from_date, to_date)

    @rows_of(types.Customer | None, "A customer, and by `orders` what they bought.")
    def customer(self, customer_id: strawberry.ID) -> Rows:
        return questions.customer(customer_id)

    @rows_of(types.Product | None)
    def product(self, product_id: strawberry.ID) -> Rows:
        return questions.product_named(product_id)

    @rows_of(types.Page[types.Product])
    def products(
        self,
        filter: ProductFilter | None = None,
        order_by: ProductOrder = ProductOrder.ID,
        first: int = 20,
        after: str | None = None,
    ) -> Rows:
        return questions.products(filter, order_by, first, after)

    @rows_of(list[types.Category], "The categories below one; without one, those at the top.")
    def categories(self, parent_category_id: strawberry.ID | None = None) -> Rows:
        return questions.categories(parent_category_id)


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
        row = await info.context.desk.update(
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
        row = await info.context.desk.undo(info.context.caller.name, str(decision_id), why)
        return types.make_decision(row)


def _assert_editor(info: Told) -> None:
    if info.context.caller.role != "editor":
        raise Refused("only an editor decides on products; this token is a reader's", "FORBIDDEN")


schema = strawberry.Schema(Query, Mutation, config=StrawberryConfig(scalar_map=SCALARS))
