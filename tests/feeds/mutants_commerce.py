"""What the commerce feed's contracts and suites do not tell of valid rows, and how rules on its
whole tables break.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from tests.mutants import Row, Whole

_PRODUCTS, _REVENUE = "silver.commerce_products", "gold.commerce_order_revenue"
_BY_PRODUCT, _BY_CATEGORY = (
    "gold.commerce_daily_product_sales",
    "gold.commerce_daily_category_sales",
)
_VALUE, _TRENDS = "gold.commerce_customer_value", "gold.commerce_trends"

_OPEN = dt.date(9999, 12, 31)
_PRODUCT: Row = {
    "product_id": "p1",
    "valid_from": dt.date(2024, 1, 1),
    "valid_to": _OPEN,
    "is_current": True,
    "created_on": dt.date(2023, 12, 31),
}
_ORDER: Row = {
    "order_id": "o1",
    "customer_id": "c1",
    "is_counted": True,
    "revenue": Decimal("10.00"),
}
_ORDERS = {
    _REVENUE: [
        _ORDER,
        {**_ORDER, "order_id": "o2", "revenue": Decimal("99.00"), "is_counted": False},
    ]
}
_DAY: Row = {"revenue": Decimal("10.00")}
_CUSTOMER: Row = {"lifetime_value": Decimal("10.00"), "orders": 1, "recency_days": 0}
_MONTH: Row = {"period": "month", "revenue": Decimal("10.00")}
_TWO: Row = {"revenue": Decimal("5.00")}

VALID = {
    _PRODUCTS: (_PRODUCT,),
    _REVENUE: ({"repeated_lines": 0},),
    _BY_PRODUCT: (_DAY,),
    _BY_CATEGORY: (_DAY,),
    _VALUE: (_CUSTOMER,),
    _TRENDS: (_MONTH,),
}
VIEWS = {_BY_PRODUCT: _ORDERS, _BY_CATEGORY: _ORDERS, _VALUE: _ORDERS, _TRENDS: _ORDERS}
WHOLE = {
    (_PRODUCTS, "a product must have one period from a date"): Whole(
        # The second takes no day, so that the two do not overlap.
        [_PRODUCT, {**_PRODUCT, "valid_to": dt.date(2024, 1, 1), "is_current": False}]
    ),
    (_PRODUCTS, "a product should not be created after the delivery that tells of it"): Whole(
        [{**_PRODUCT, "created_on": dt.date(2024, 1, 2)}]
    ),
    (_PRODUCTS, "the periods of a product must not overlap"): Whole(
        [
            {**_PRODUCT, "valid_to": dt.date(2024, 3, 1), "is_current": False},
            {**_PRODUCT, "valid_from": dt.date(2024, 2, 1)},
        ]
    ),
    (_PRODUCTS, "a product must have one current period"): Whole(
        [{**_PRODUCT, "is_current": False}]
    ),
    (_BY_PRODUCT, "a day, product and currency must have one row"): Whole([_TWO, _TWO], _ORDERS),
    (_BY_PRODUCT, "the days' revenue must add up to the orders' revenue, to the cent"): Whole(
        [{"revenue": Decimal("10.01")}], _ORDERS
    ),
    (_BY_CATEGORY, "a day, category and currency must have one row"): Whole([_TWO, _TWO], _ORDERS),
    (_BY_CATEGORY, "the days' revenue must add up to the orders' revenue, to the cent"): Whole(
        [{"revenue": Decimal("9.99")}], _ORDERS
    ),
    (_VALUE, "a customer must have one row a currency"): Whole(
        [{"lifetime_value": Decimal("5.00")}, {"lifetime_value": Decimal("5.00")}], _ORDERS
    ),
    (_VALUE, "the customers' value must add up to their orders' revenue, to the cent"): Whole(
        [{"lifetime_value": Decimal("109.00")}], _ORDERS
    ),
    (_TRENDS, "a period must have one row a currency"): Whole(
        [{**_MONTH, **_TWO}, {**_MONTH, **_TWO}], _ORDERS
    ),
    (
        _TRENDS,
        "the weeks' and the months' revenue must add up to the orders' revenue, to the cent",
    ): Whole([{**_MONTH, "revenue": Decimal("11.00")}], _ORDERS),
}
