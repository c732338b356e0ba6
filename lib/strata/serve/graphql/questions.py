"""The SQL of each question. Values are always parameters; only names of ours stand in the texts.

A question gives rows whose columns are named as the fields of their type. `answers` nests the rows
of a query in one statement, so an answer is one snapshot and never mixes two publications. The
role of the connection may read the shop and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from strata.serve.graphql.cursors import MOST, Order, assert_text, page_size, unique
from strata.serve.graphql.errors import Refused
from strata.serve.graphql.inputs import (
    Period,
    ProductFilter,
    ProductOrder,
    SalesFilter,
    SalesOrder,
    TrendPeriod,
)

Values = tuple[Any, ...]
Key = tuple[str, Values]
"""What rows are looked for by: SQL, and the values that it marks by %s."""


@dataclass(frozen=True)
class Rows:
    """Rows as SQL, which marks its values by %s."""

    text: str
    values: Values = ()
    order: Order | None = None
    """How pages are sorted; None for what has no pages."""
    first: int = 0
    """Rows of the page. One more is read, to know whether there is a next page."""


MOST_PERIODS = 10_000
"""Weeks of nineteen years in ten currencies. No more are shown: dates ask for others."""
Condition = tuple[str, Any]
"""SQL, and the value that it marks by %s. Without a value it is no condition."""

_PRODUCT = (
    "product_id, product_name AS name, list_price, currency, valid_from, category_id, version"
    " FROM shop.shown_products WHERE product_id = "
)
_CATEGORY = (
    "SELECT category_id, category_name AS name, category_path AS path FROM shop.product_categories"
)
_SALES = "s.product_id, s.currency, s.units, s.revenue, s.orders"
_SUMS = "sum(s.units)::bigint AS units, sum(s.revenue) AS revenue, sum(s.orders)::bigint AS orders"
BY_NEWEST = Order("newest", (("order_date", date), ("order_id", str)), is_descending=True)


def publication() -> Rows:
    """The publication that the shop shows."""
    return Rows(
        "SELECT publication AS number, run_id, published_at, loaded_at FROM strata.loads"
        " WHERE feed = 'commerce' ORDER BY publication DESC LIMIT 1"
    )


def product_sales(
    period: Period, asked: SalesFilter | None, order: SalesOrder, first: int, after: str | None
) -> Rows:
    """One row a period, product and currency."""
    own = asked or SalesFilter()
    _assert_ids("categoryId", [own.category_id])
    _assert_ids("productIds", own.product_ids or [])
    assert_text("currency", own.currency, 3)
    rows, day = _sold(period, own)
    of_category = "s.product_id IN (SELECT product_id FROM shop.products WHERE category_id = %s)"
    where, values = _all_of(
        (f"{day} >= %s", own.from_date),
        (f"{day} <= %s", own.to_date),
        (of_category, own.category_id),
        ("s.currency = %s", own.currency),
    )
    if own.product_ids is None:
        return _page(rows.format(where), values, (order.value, first, after))
    # The rows of each product by its index: PostgreSQL keeps this plan. That of `= ANY` depends on
    # how many there are. OFFSET 0 keeps it from reading all where it reckons with many.
    each = rows.format(f"s.product_id = asked.id AND {where}")
    asked_ids = "unnest(%s::text[]) AS asked (id)"
    text = f"SELECT own.* FROM {asked_ids} CROSS JOIN LATERAL ({each} OFFSET 0) own"
    ids = unique([str(one) for one in own.product_ids])
    return _page(text, (ids, *values), (order.value, first, after))


def _sold(period: Period, asked: SalesFilter) -> tuple[str, str]:
    """Sales by period as SQL with a place for conditions; the column that is compared with days.

    Days stand in a table and whole months in a view, in the order of the pages. Only weeks, and
    parts of months, are added up for each request.
    """
    first, last = asked.from_date, asked.to_date
    if period is Period.DAY:
        return (
            f"SELECT s.sale_date AS period_start, {_SALES} FROM shop.daily_product_sales s"
            " WHERE {}",
            "s.sale_date",
        )
    is_whole = (first is None or first.day == 1) and (last is None or _ends_month(last))
    if period is Period.MONTH and is_whole:
        return (
            f"SELECT s.month_start AS period_start, {_SALES} FROM shop.monthly_product_sales s"
            " WHERE {}",
            "s.month_start",
        )
    return (
        f"SELECT date_trunc('{period.value}', s.sale_date::timestamp)::date AS period_start,"
        f" s.product_id, s.currency, {_SUMS} FROM shop.daily_product_sales s WHERE {{}}"
        " GROUP BY 1, 2, 3",
        "s.sale_date",
    )


def _ends_month(day: date) -> bool:
    return day == date.max or (day + timedelta(days=1)).day == 1


def best_sellers(category: str | None, currency: str | None, first: int) -> Rows:
    """The products that brought most in each currency, of a category and all below it."""
    _assert_ids("categoryId", [category])
    assert_text("currency", currency, 3)
    branch = (
        "category_id IN (SELECT b.category_id FROM shop.product_categories a"
        " JOIN shop.product_categories b ON b.category_path = a.category_path"
        " OR starts_with(b.category_path, a.category_path || ' > ') WHERE a.category_id = %s)"
    )
    where, values = _all_of((branch, category), ("currency = %s", currency))
    return Rows(
        "SELECT * FROM (SELECT row_number() OVER (PARTITION BY currency ORDER BY revenue DESC,"
        " product_id) AS rank, product_id, currency, units, revenue FROM shop.best_sellers"
        f" WHERE {where}) ranked WHERE rank <= %s ORDER BY currency, rank LIMIT 1000",
        (*values, page_size(first)),
    )


def trends(period: TrendPeriod, first: date | None, last: date | None) -> Rows:
    """One row a week or month."""
    where, values = _all_of(
        ("period = %s", period.value), ("period_start >= %s", first), ("period_start <= %s", last)
    )
    return Rows(
        "SELECT period_start, currency, orders, units, revenue, revenue_change FROM shop.trends"
        f" WHERE {where} ORDER BY period_start, currency LIMIT {MOST_PERIODS}",
        values,
    )


def customer(customer_id: str) -> Rows:
    """A customer."""
    _assert_ids("customerId", [customer_id])
    return Rows(
        "SELECT customer_id, country, registered_on FROM shop.customers WHERE customer_id = %s",
        (customer_id,),
    )


def values(parent: str) -> Rows:
    """What a customer brought, one row a currency."""
    return Rows(
        "SELECT currency, lifetime_value, orders, average_order_value, first_order_date,"
        " last_order_date FROM shop.customer_value"
        f" WHERE customer_id = {parent}.customer_id ORDER BY currency"
    )


def orders(parent: str, first: int, after: str | None) -> Rows:
    """One row an order of a customer, the newest first."""
    return _page(
        "SELECT order_id, order_date, status, is_counted, currency, units, revenue"
        f" FROM shop.order_revenue WHERE customer_id = {parent}.customer_id",
        (),
        (BY_NEWEST, first, after),
    )


def items(parent: str) -> Rows:
    """The lines of an order. Its date leads to the month's partition; not every month is opened."""
    return Rows(
        "SELECT order_item_id, product_id, quantity, unit_price, discount, revenue"
        f" FROM shop.order_items WHERE order_id = {parent}.order_id"
        f" AND sale_date = {parent}.order_date"
        ' ORDER BY order_item_id COLLATE "C"'
    )


def product(key: Key) -> Rows:
    """A product, with the decisions that wait for a publication."""
    return Rows(f"SELECT {_PRODUCT}{key[0]}", key[1])


def product_named(product_id: str) -> Rows:
    """The product of an id."""
    _assert_ids("productId", [product_id])
    return product(("%s", (product_id,)))


def products(
    asked: ProductFilter | None, order: ProductOrder, first: int, after: str | None
) -> Rows:
    """One row a product; a name is looked for as it stands, without wild cards."""
    own = asked or ProductFilter()
    _assert_ids("categoryId", [own.category_id])
    assert_text("nameContains", own.name_contains)
    where, values = _all_of(
        ("category_id = %s", own.category_id),
        ("position(lower(%s) IN lower(product_name)) > 0", own.name_contains),
        ("list_price >= %s", own.price_from),
        ("list_price <= %s", own.price_to),
    )
    page = _page(
        "SELECT product_id, coalesce(product_name, '') AS sort_name,"
        f" coalesce(list_price, -1) AS sort_price FROM shop.products WHERE {where}",
        values,
        (order.value, first, after),
    )
    # The products of the page only: decisions are looked up for each.
    text = (
        f"SELECT shown.*, page.sort_name, page.sort_price FROM ({page.text}) page"
        f" CROSS JOIN LATERAL (SELECT {_PRODUCT}page.product_id OFFSET 0) shown"
        f" {order.value.ordering()}"
    )
    return Rows(text, page.values, page.order, page.first)


def category(parent: str) -> Rows:
    """The category of a product."""
    return Rows(f"{_CATEGORY} WHERE category_id = {parent}.category_id")


def categories(above: str | None) -> Rows:
    """The categories below one, or at the top."""
    _assert_ids("parentCategoryId", [above])
    where, values = _all_of(("parent_category_id = %s", above))
    where = where if values else "parent_category_id IS NULL"
    return Rows(f"{_CATEGORY} WHERE {where} ORDER BY category_name, category_id LIMIT 1000", values)


def history(parent: str) -> Rows:
    """What a product was, from when to when."""
    return Rows(
        "SELECT valid_from, valid_to, product_name AS name, category_id, list_price, currency"
        f" FROM shop.product_periods WHERE product_id = {parent}.product_id ORDER BY valid_from"
    )


def decisions(parent: str) -> Rows:
    """Every decision on a product, the oldest first."""
    return Rows(
        "SELECT decision_id, decided_at, decided_by, why, changes, undoes, taken_in"
        f" FROM shop.product_decisions WHERE product_id = {parent}.product_id"
        " ORDER BY decided_at, decision_id LIMIT 1000"
    )


def _page(text: str, values: Values, asked: tuple[Order, int, str | None]) -> Rows:
    """One page of rows: how they are sorted, how many, and after which."""
    order, first, after = asked
    condition, own = order.sql(after)
    size = page_size(first)
    sorted_text = f"SELECT * FROM ({text}) every {condition} {order.ordering()} LIMIT %s"
    return Rows(sorted_text, (*values, *own, size + 1), order, size)


def _all_of(*conditions: Condition) -> tuple[str, Values]:
    """The conditions that have a value, as SQL, and their values."""
    used = [(text, value) for text, value in conditions if value is not None]
    where = " AND ".join(text for text, _ in used) or "true"
    return where, tuple(value for _, value in used)


def _assert_ids(name: str, ids: Sequence[str | None]) -> None:
    if len(ids) > MOST:
        raise Refused(f"{name} names at most {MOST}; got {len(ids)}")
    for one in ids:
        assert_text(name, one)
