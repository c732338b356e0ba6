"""The SQL behind the API. Values are always parameters; only names of ours stand in the texts.

All statements of a request run in one read-only transaction of one snapshot, so an answer never
mixes two publications. The role of the connection may read the shop and nothing else.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

import asyncpg
from strawberry.dataloader import DataLoader

from strata.serve.graphql.cursors import Order

Row = dict[str, Any]
_PRODUCT = (
    "product_id, product_name, category_id, list_price, currency, valid_from,"
    # Decisions that no publication has taken yet.
    " (SELECT jsonb_agg(d.changes ORDER BY d.decision_id) FROM shop.product_decisions d"
    " WHERE d.taken_in IS NULL AND d.product_id = shown.product_id) AS waiting"
)


_OF_IDS = "json_array_elements_text(%s::json) AS asked (id)"
_EACH = "SELECT own.* FROM {keys} CROSS JOIN LATERAL ({rows} OFFSET 0) own"
"""The rows of each key of a batch, by the index. PostgreSQL keeps this plan; that of `= ANY`
depends on how many keys there are, and is made for each statement, which takes as long as the
answer. OFFSET 0 keeps it from reading whole tables where it reckons with many keys.
"""
_SALES = "s.product_id, s.currency, s.units, s.revenue, s.orders"
_SUMS = "sum(s.units)::bigint AS units, sum(s.revenue) AS revenue, sum(s.orders)::bigint AS orders"


def _sold(period: str, days: tuple[date | None, date | None]) -> tuple[str, str]:
    """Rows of sales by period as SQL, and the column that is compared with the days.

    Days stand in a table and whole months in a view, in the order of the pages. Only weeks, and
    parts of months, are added up for each request.
    """
    first, last = days
    if period == "day":
        return (
            f"SELECT s.sale_date AS period_start, {_SALES} FROM shop.daily_product_sales s"
            " WHERE {where}",
            "s.sale_date",
        )
    is_whole = (first is None or first.day == 1) and (last is None or _ends_month(last))
    if period == "month" and is_whole:
        return (
            f"SELECT s.month_start AS period_start, {_SALES} FROM shop.monthly_product_sales s"
            " WHERE {where}",
            "s.month_start",
        )
    return (
        "SELECT date_trunc(%s, s.sale_date::timestamp)::date AS period_start, "
        "s.product_id, s.currency, "
        f"{_SUMS} FROM shop.daily_product_sales s WHERE {{where}} GROUP BY 1, 2, 3",
        "s.sale_date",
    )


def _ends_month(day: date) -> bool:
    return day == date.max or (day + timedelta(days=1)).day == 1


@lru_cache(maxsize=500)
def numbered(query: str) -> str:
    """The text with its values marked as PostgreSQL does: $1, $2, …"""
    first, *rest = query.split("%s")
    return first + "".join(f"${n}{part}" for n, part in enumerate(rest, 1))


@dataclass
class Store:
    """One request's view of the database."""

    connection: asyncpg.Connection
    statements: int = 0
    """How many statements the request has cost."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def rows(self, query: str, values: Sequence[Any] = ()) -> list[Row]:
        """Runs one statement."""
        async with self.lock:
            self.statements += 1
            found = await self.connection.fetch(numbered(query), *values)
        return [dict(row) for row in found]

    async def publication(self) -> Row | None:
        """The publication that the shop shows."""
        found = await self.rows(
            "SELECT publication, run_id, published_at, loaded_at FROM strata.loads"
            " WHERE feed = 'commerce' ORDER BY publication DESC LIMIT 1"
        )
        return found[0] if found else None

    async def product_sales(
        self,
        period: str,
        days: tuple[date | None, date | None],
        of: tuple[str | None, str | None],
        products: Sequence[str] | None,
        page: tuple[Order, int, str | None],
    ) -> list[Row]:
        """One row a period, product and currency; `of` a category and a currency."""
        order, first, after = page
        after_sql, after_values = order.sql(after)
        rows, day = _sold(period, days)
        wheres, values = ["true"], [period] if "%s" in rows else []
        for condition, value in (
            (f"{day} >= %s", days[0]),
            (f"{day} <= %s", days[1]),
            (
                "s.product_id IN (SELECT product_id FROM shop.products WHERE category_id = %s)",
                of[0],
            ),
            ("s.currency = %s", of[1]),
            ("s.product_id = ANY (%s)", list(products) if products is not None else None),
        ):
            if value is not None:
                wheres.append(condition)
                values.append(value)  # type: ignore[arg-type]
        sold = rows.format(where=" AND ".join(wheres))
        return await self.rows(
            f"SELECT * FROM ({sold}) sold {after_sql} LIMIT %s",
            [*values, *after_values, first + 1],
        )

    async def products(
        self, filters: dict[str, Any], page: tuple[Order, int, str | None]
    ) -> list[Row]:
        """One row a product; a name is looked for as it stands, without wild cards."""
        order, first, after = page
        after_sql, after_values = order.sql(after)
        conditions = {
            "category": "category_id = %s",
            "name": "position(lower(%s) IN lower(product_name)) > 0",
            "from": "list_price >= %s",
            "to": "list_price <= %s",
        }
        used = [(conditions[key], value) for key, value in filters.items() if value is not None]
        where = " AND ".join(["true", *(condition for condition, _ in used)])
        found = await self.rows(
            f"SELECT * FROM (SELECT {_PRODUCT}, coalesce(product_name, '') AS sort_name,"
            f" coalesce(list_price, -1) AS sort_price FROM shop.products shown WHERE {where}) p "
            f"{after_sql} LIMIT %s",
            [*(value for _, value in used), *after_values, first + 1],
        )
        return [as_decided(row) for row in found]

    async def orders(self, customer: str, page: tuple[Order, int, str | None]) -> list[Row]:
        """One row an order of a customer, the newest first."""
        order, first, after = page
        after_sql, values = order.sql(after)
        return await self.rows(
            "SELECT * FROM (SELECT order_id, order_date, status, is_counted, currency, units, "
            "revenue"
            f" FROM shop.order_revenue WHERE customer_id = %s) o {after_sql} LIMIT %s",
            [customer, *values, first + 1],
        )

    async def customer(self, customer_id: str) -> Row | None:
        """A customer."""
        found = await self.rows(
            "SELECT customer_id, country, registered_on FROM shop.customers WHERE customer_id = %s",
            [customer_id],
        )
        return found[0] if found else None

    async def values(self, customer_id: str) -> list[Row]:
        """What a customer brought, one row a currency."""
        return await self.rows(
            "SELECT currency, lifetime_value, orders, average_order_value, first_order_date,"
            " last_order_date FROM shop.customer_value WHERE customer_id = %s ORDER BY currency",
            [customer_id],
        )

    async def best_sellers(
        self, category: str | None, currency: str | None, first: int
    ) -> list[Row]:
        """The products that brought most in each currency, of a category and all below it."""
        branch = (
            "category_id IN (SELECT b.category_id FROM shop.product_categories a"
            " JOIN shop.product_categories b ON b.category_path = a.category_path"
            " OR starts_with(b.category_path, a.category_path || ' > ') WHERE a.category_id = %s)"
        )
        wheres, values = ["true"], []
        for condition, value in ((branch, category), ("currency = %s", currency)):
            if value is not None:
                wheres.append(condition)
                values.append(value)
        return await self.rows(
            "SELECT * FROM (SELECT row_number() OVER (PARTITION BY currency ORDER BY revenue DESC,"
            " product_id) AS rank, product_id, currency, units, revenue FROM shop.best_sellers"
            f" WHERE {' AND '.join(wheres)}) ranked WHERE rank <= %s ORDER BY currency, rank "
            "LIMIT 1000",
            [*values, first],
        )

    async def trends(self, period: str, days: tuple[date | None, date | None]) -> list[Row]:
        """One row a week or month."""
        return await self.rows(
            "SELECT period_start, currency, orders, units, revenue, revenue_change FROM "
            "shop.trends "
            "WHERE period = %s"
            " AND period_start >= coalesce(%s, date '0001-01-01')"
            " AND period_start <= coalesce(%s, date '9999-12-31') ORDER BY period_start, "
            "currency LIMIT 1000",
            [period, *days],
        )

    async def categories(self, parent: str | None) -> list[Row]:
        """The categories below one, or at the top."""
        return await self.rows(
            "SELECT category_id, category_name, category_path FROM shop.product_categories"
            " WHERE parent_category_id IS NOT DISTINCT FROM %s ORDER BY category_name, "
            "category_id LIMIT 1000",
            [parent],
        )

    async def decisions(self, product_id: str) -> list[Row]:
        """Every decision on a product, the oldest first."""
        return await self.rows(
            "SELECT decision_id, decided_at, decided_by, why, changes, undoes, taken_in"
            " FROM shop.product_decisions WHERE product_id = %s ORDER BY decided_at, "
            "decision_id LIMIT 1000",
            [product_id],
        )


def as_decided(product: Row) -> Row:
    """A product with the decisions that wait for a publication."""
    waiting = product.pop("waiting") or []
    return apply_changes(product, [change for changes in waiting for change in changes])


def apply_changes(product: Row, changes: Sequence[Row]) -> Row:
    """A product after decisions: each replaces the value that it was made against, and no other."""
    state = dict(product)
    for change in changes:
        name, becomes = change["field"], change["becomes"]
        if name in state and as_text(state[name]) == change["was"]:
            state[name] = Decimal(becomes) if name == "list_price" and becomes else becomes
    return state


def as_text(value: Any) -> str | None:
    """A value as decisions write it."""
    return None if value is None else str(value)


class Loaders:
    """One batch a table in place of a statement a row. They live as long as the request."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.product: DataLoader[str, Row | None] = DataLoader(self._products)
        self.category: DataLoader[str, Row | None] = DataLoader(self._categories)
        self.items: DataLoader[tuple[str, date], list[Row]] = DataLoader(self._items)
        self.periods: DataLoader[str, list[Row]] = DataLoader(self._periods)

    async def _products(self, ids: list[str]) -> list[Row | None]:
        query = f"SELECT {_PRODUCT} FROM shop.products shown WHERE product_id = asked.id"
        rows = await self._of(_OF_IDS, query, ids)
        found = {row["product_id"]: as_decided(row) for row in rows}
        return [found.get(one) for one in ids]

    async def _categories(self, ids: list[str]) -> list[Row | None]:
        query = (
            "SELECT category_id, category_name, category_path FROM shop.product_categories"
            " WHERE category_id = asked.id"
        )
        found = {row["category_id"]: row for row in await self._of(_OF_IDS, query, ids)}
        return [found.get(one) for one in ids]

    async def _items(self, orders: list[tuple[str, date]]) -> list[list[Row]]:
        """The date leads to the month's partition, so that not every month is opened."""
        rows = await self._of(
            "json_to_recordset(%s::json) AS asked (id text, day date)",
            "SELECT order_id, order_item_id, product_id, quantity, unit_price, discount, revenue"
            " FROM shop.order_items WHERE order_id = asked.id AND sale_date = asked.day",
            [{"id": own, "day": str(day)} for own, day in orders],
        )
        found = _by(rows, "order_id", "order_item_id")
        return [found.get(own, []) for own, _ in orders]

    async def _periods(self, ids: list[str]) -> list[list[Row]]:
        query = (
            "SELECT product_id, valid_from, valid_to, product_name, category_id, list_price, "
            "currency FROM shop.product_periods WHERE product_id = asked.id"
        )
        found = _by(await self._of(_OF_IDS, query, ids), "product_id", "valid_from")
        return [found.get(own, []) for own in ids]

    async def _of(self, keys: str, rows: str, values: Sequence[Any]) -> list[Row]:
        query = _EACH.format(keys=keys, rows=rows)
        return await self.store.rows(query, [json.dumps(values)])


def _by(rows: Sequence[Row], key: str, order: str) -> dict[str, list[Row]]:
    """The rows of each key, in an order."""
    found: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda one: one[order]):
        found.setdefault(row[key], []).append(row)
    return found
