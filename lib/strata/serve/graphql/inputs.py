"""What a question is asked with: periods, sortings, filters, and a change of a product."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import Enum

import strawberry

from strata.serve.graphql.cursors import Order
from strata.serve.graphql.scalars import Money


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
