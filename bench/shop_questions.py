"""What is asked of the shop, of the API and by the SQL that a person would write for it."""

from __future__ import annotations

import datetime as dt
from typing import Any

Statement = tuple[str, tuple[Any, ...]]


def question(name: str, number: int, customers: int) -> tuple[dict[str, Any], list[Statement]]:
    """A question to the API with its variables, and the SQL that a person would write for it."""
    product, customer, month = f"p{number % 1000}", f"c{number % customers}", 1 + number % 12
    first, last = dt.date(2024, month, 1), dt.date(2024, month, 28)
    if name == "nothing":
        return as_body("{ __typename }"), [("SELECT 1", ())]
    if name == "sales of a product by month":
        query = """query Q($ids: [ID!]) { productSales(filter: {productIds: $ids}, first: 12)
            { nodes { periodStart units revenue } } }"""
        sql = """SELECT month_start, units, revenue FROM shop.monthly_product_sales
            WHERE product_id = $1 ORDER BY 1 LIMIT 13"""
        return as_body(query, ids=[product]), [(sql, (product,))]
    if name == "sales of all products by month":
        query = """query Q($a: Date) { productSales(filter: {fromDate: $a}, orderBy: PERIOD)
            { nodes { periodStart productId units revenue orders } } }"""
        sql = """SELECT month_start, product_id, currency, units, revenue, orders
            FROM shop.monthly_product_sales WHERE month_start >= $1
            ORDER BY month_start, product_id, currency LIMIT 21"""
        return as_body(query, a=str(first)), [(sql, (first,))]
    if name == "sales of all products in a month":
        query = """query Q($a: Date, $b: Date) { productSales(filter: {fromDate: $a, toDate: $b},
            orderBy: REVENUE) { nodes { productId units orders revenue } } }"""
        sql = """SELECT date_trunc('month', sale_date)::date, product_id, currency, sum(revenue),
            sum(units), sum(orders) FROM shop.daily_product_sales WHERE sale_date BETWEEN $1 AND $2
            GROUP BY 1, 2, 3 ORDER BY 4 DESC LIMIT 21"""
        return as_body(query, a=str(first), b=str(last)), [(sql, (first, last))]
    if name == "what a customer bought":
        query = """query Q($id: ID!) { customer(customerId: $id) { country orders(first: 10) { nodes
            { orderId revenue items { quantity product { name } } } } } }"""
        sql = """SELECT o.order_id, o.revenue, i.quantity, p.product_name FROM (
            SELECT * FROM shop.order_revenue WHERE customer_id = $1
            ORDER BY order_date DESC, order_id DESC LIMIT 11) o
            JOIN shop.order_items i ON i.order_id = o.order_id AND i.sale_date = o.order_date
            JOIN shop.products p USING (product_id)"""
        own = ("SELECT country FROM shop.customers WHERE customer_id = $1", (customer,))
        return as_body(query, id=customer), [own, (sql, (customer,))]
    if name == "best sellers of a category":
        query = """query Q($id: ID) { bestSellers(categoryId: $id)
            { rank revenue product { name } } }"""
        sql = """SELECT b.rank, b.revenue, p.product_name FROM shop.best_sellers b
            JOIN shop.products p USING (product_id)
            WHERE b.category_id = $1 ORDER BY b.rank LIMIT 10"""
        category = str(number % 50)
        return as_body(query, id=category), [(sql, (category,))]
    sql = """SELECT period_start, orders, revenue FROM shop.trends
        WHERE period = 'month' ORDER BY period_start, currency"""
    return as_body("{ salesTrends { periodStart orders revenue } }"), [(sql, ())]


def as_body(query: str, **variables: Any) -> dict[str, Any]:
    """What a client sends."""
    return {"query": query, "variables": variables}


QUESTIONS = (
    "nothing",
    "sales of a product by month",
    "sales of all products by month",
    "sales of all products in a month",
    "what a customer bought",
    "best sellers of a category",
    "trends",
)
