"""Customers, orders and lines that are plainly sound, by DuckDB: `kit.plain` tells what for.

Each condition is at most as wide as the transform's own. What is written in another way, though the
transform may read it, is left to the second query of each, and then to the transform.
"""

from __future__ import annotations

from strata.feeds.commerce.catalogue import CURRENCY
from strata.feeds.commerce.plain_values import (
    STATUS,
    are_plain,
    currency,
    day,
    is_id,
    is_known_day,
    is_mangled,
    is_told,
    latest,
    money,
    no_day,
    reasons,
    units,
    words,
)
from strata.feeds.commerce.statuses import COUNTED, STATUSES
from strata.kit.plain import EACH, Plain
from strata.kit.sql import literal
from strata.kit.values import NO_CURRENCY

_MONEY = "[0-9]{1,8}([.][0-9]{1,4})?"
_UNITS = "[1-9][0-9]{0,4}"
_DAY = "[12][0-9]{3}-[0-9]{2}-[0-9]{2}"
_DATE = f"{_DAY}([ T][0-9]{{2}}:[0-9]{{2}}(:[0-9]{{2}})?Z?)?"
_TIME = "([ T]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9])?"


def _is_date(name: str) -> str:
    value = f"try_cast(left({name}, 10) AS DATE) IS NOT NULL"
    return f"(regexp_full_match({name}, '{_DATE}') AND {value})"


def _customer(registered_on: str) -> str:
    return f"""
r.customer_id, nullif(r.country, '') AS country, {registered_on} AS registered_on,
    CAST(NULL AS DATE) AS ended_on, r._file_sha256, r._record_number
"""


_IS_SOUND_CUSTOMER = f"""
{is_id("r.customer_id")}
    AND (coalesce(r.registration_date, '') = '' OR {_is_date("r.registration_date")})
"""
_CUSTOMER_REASONS = reasons(
    f"""
{is_id("customer_id")} AND {are_plain("registration_date")} AND {is_known_day("registration_date")}
""",
    no_day(
        "registration_date",
        f"{is_told('registration_date')} AND registered_on",
        "registration_date",
    ),
)

CUSTOMERS = Plain(
    fewest=EACH,
    by="customer_id",
    unique=("customer_id",),
    reads={
        "bronze.commerce_customers": (
            "customer_id",
            "country",
            "registration_date",
            "_delivery_date",
            "_file_sha256",
            "_record_number",
        )
    },
    query=f"""
SELECT {_customer("try_cast(left(r.registration_date, 10) AS DATE)")}
FROM commerce_customers AS r WHERE {_IS_SOUND_CUSTOMER}
""",
    rest=latest(
        f"""
SELECT * EXCLUDE (registration_date), {_CUSTOMER_REASONS} AS _reasons
FROM (
    SELECT {_customer(day("r.registration_date"))}, r.registration_date,
        r._delivery_date AS delivered_on
    FROM commerce_customers AS r
) AS typed
""",
        "customer_id",
        "country, registered_on",
        "delivered_on",
    ),
)

_ORDER = f"""
r.order_id, nullif(r.customer_id, '') AS customer_id,
    try_cast(left(r.order_date, 10) AS DATE) AS order_date, {STATUS} AS status,
    CASE WHEN coalesce(r.currency, '') = '' THEN '{NO_CURRENCY}'
        ELSE upper(r.currency) END AS currency,
    {STATUS} IN ({words(COUNTED)}) AS is_counted, r._file_sha256, r._record_number
"""
_IS_SOUND_MOMENT = f"""
(coalesce(r.updated_at, '') = '' OR regexp_full_match(r.updated_at, '{_DAY}{_TIME}')
    AND try_cast(left(r.updated_at, 10) AS DATE) IS NOT NULL)
"""
_IS_SOUND_ORDER = f"""
{is_id("r.order_id")}
    AND (coalesce(r.customer_id, '') = '' OR c.customer_id IS NOT NULL
        AND NOT {is_mangled("r.customer_id")})
    AND {_is_date("r.order_date")}
    AND {STATUS} IN ({words(STATUSES)}) AND {are_plain("r.status")}
    AND (coalesce(r.currency, '') = '' OR regexp_full_match(r.currency, '[A-Za-z]{{3}}'))
    AND {_IS_SOUND_MOMENT}
"""
_ORDERS = """
commerce_orders AS r LEFT JOIN commerce_customers AS c ON r.customer_id = c.customer_id
"""
_ORDER_REASONS = reasons(
    "is_known",
    ("currency IS NULL", literal(CURRENCY)),
    no_day("day_told", "order_date", "order_date"),
    (
        f"NOT coalesce(status IN ({words(STATUSES)}), false)",
        literal(f"status must be one of {', '.join(STATUSES)}"),
    ),
    ("customer_id IS NOT NULL AND NOT is_customer", literal("its customer is unknown")),
)
_REST_OF_ORDERS = f"""
SELECT * EXCLUDE (day_told, is_known, is_customer)
    REPLACE (is_counted AND coalesce(len(_reasons) = 0, false) AS is_counted)
FROM (
    SELECT *, {_ORDER_REASONS} AS _reasons
    FROM (
        SELECT r.order_id, nullif(r.customer_id, '') AS customer_id,
            {day("r.order_date")} AS order_date, {STATUS} AS status,
            {currency("r.currency")} AS currency,
            coalesce({STATUS} IN ({words(COUNTED)}), false) AS is_counted,
            r._file_sha256, r._record_number, r.order_date AS day_told,
            c.customer_id IS NOT NULL AS is_customer,
            {is_id("r.order_id")} AND NOT {is_mangled("coalesce(r.customer_id, '')")}
                AND {are_plain("r.order_date", "r.status", "r.currency")}
                AND {is_known_day("r.order_date")} AND {_IS_SOUND_MOMENT} AS is_known,
            try_cast(nullif(r.updated_at, '') AS TIMESTAMP) AS updated_on,
            r._delivery_date AS delivered_on
        FROM {_ORDERS}
    ) AS typed
) AS judged
"""

ORDERS = Plain(
    fewest=EACH,
    by="order_id",
    unique=("order_id",),
    reads={
        "bronze.commerce_orders": (
            "order_id",
            "customer_id",
            "order_date",
            "status",
            "currency",
            "updated_at",
            "_delivery_date",
            "_file_sha256",
            "_record_number",
        ),
        "silver.commerce_customers": ("customer_id",),
    },
    query=f"SELECT {_ORDER} FROM {_ORDERS} WHERE {_IS_SOUND_ORDER}",
    rest=latest(
        _REST_OF_ORDERS,
        "order_id",
        "customer_id, order_date, status, currency",
        "updated_on",
        "delivered_on",
    ),
)

_LINE = """
order_id, order_item_id, sale_date, customer_id, status, is_counted, product_id, currency,
    category_id, quantity, unit_price, discount,
    CAST(CAST((CAST(unit_price * 10000 AS BIGINT) * quantity - CAST(discount * 10000 AS BIGINT)
        + 50) // 100 AS DECIMAL(18, 0)) * 0.01 AS DECIMAL(18, 2)) AS revenue,
    CAST(1 AS BIGINT) AS copies, _file_sha256, _record_number
"""
_IS_SOUND_RAW_LINE = f"""
r.order_item_id <> '' AND r.order_id <> '' AND r.product_id <> ''
    AND regexp_full_match(r.quantity, '{_UNITS}')
    AND regexp_full_match(r.unit_price, '{_MONEY}')
    AND (coalesce(r.discount, '') = '' OR regexp_full_match(r.discount, '{_MONEY}'))
"""
_IS_SOUND_LINE = """
(coalesce(told, '') = '' OR told = currency) AND discount <= unit_price * quantity
"""
_LINES = f"""
SELECT r.order_id, r.order_item_id, o.order_date AS sale_date, o.customer_id, o.status,
    o.is_counted, r.product_id, o.currency, p.category_id, r.currency AS told,
    CASE WHEN length(r.quantity) <= 5 THEN try_cast(r.quantity AS INTEGER) END AS quantity,
    try_cast(r.unit_price AS DECIMAL(12, 4)) AS unit_price,
    CASE WHEN coalesce(r.discount, '') = '' THEN CAST(0 AS DECIMAL(12, 4))
        ELSE try_cast(r.discount AS DECIMAL(12, 4)) END AS discount,
    r._file_sha256, r._record_number
FROM commerce_order_items AS r
JOIN commerce_orders AS o ON r.order_id = o.order_id
JOIN commerce_products AS p ON r.product_id = p.product_id
WHERE {_IS_SOUND_RAW_LINE}
"""
_LINE_REASONS = reasons(
    "is_known",
    ("product_id IS NULL", literal("a line must tell its product")),
    ("quantity IS NULL", literal("quantity must be a whole number of at most 100,000")),
    ("quantity = 0", literal("quantity must not be 0")),
    (
        "unit_price IS NULL",
        literal("unit_price must be a plain number below 100,000,000 with at most four decimals"),
    ),
    ("unit_price < 0", literal("unit_price must not be negative")),
    ("quantity < 1", literal("quantity must be at least 1")),
    ("discount IS NULL", literal("discount must be a plain number with at most four decimals")),
    ("discount < 0", literal("discount must not be negative")),
    ("sale_date IS NULL", literal("its order is unknown")),
    ("product_id IS NOT NULL AND NOT is_product", literal("its product is unknown")),
    ("told <> of_order", literal("its currency must be that of its order")),
    (
        "quantity > 0 AND discount > quantity * unit_price",
        literal("discount must not be more than quantity x unit_price"),
    ),
)
_TEN_THOUSANDTHS = """
(CAST(unit_price * 10000 AS BIGINT) * quantity - CAST(coalesce(discount, 0) * 10000 AS BIGINT))
"""
_REST_OF_LINES = f"""
SELECT order_id, order_item_id, sale_date, customer_id, status, is_counted, product_id,
    coalesce(of_order, '{NO_CURRENCY}') AS currency, category_id, quantity, unit_price, discount,
    CAST(CAST(({_TEN_THOUSANDTHS} + CASE WHEN {_TEN_THOUSANDTHS} < 0 THEN -50 ELSE 50 END) // 100
        AS DECIMAL(18, 0)) * 0.01 AS DECIMAL(18, 2)) AS revenue,
    CAST(1 AS BIGINT) AS copies, _file_sha256, _record_number, delivered_on,
    {_LINE_REASONS} AS _reasons
FROM (
    SELECT r.order_id, r.order_item_id, o.order_date AS sale_date, o.customer_id, o.status,
        o.is_counted, nullif(r.product_id, '') AS product_id, o.currency AS of_order,
        p.category_id, upper(nullif(r.currency, '')) AS told,
        {units("r.quantity")} AS quantity, {money("r.unit_price")} AS unit_price,
        CASE WHEN {is_told("r.discount")} THEN {money("r.discount")}
            ELSE CAST(0 AS DECIMAL(12, 4)) END AS discount,
        p.product_id IS NOT NULL AS is_product,
        {is_id("r.order_id")} AND r.order_item_id <> ''
            AND NOT {is_mangled("coalesce(r.product_id, '')")}
            AND {are_plain("r.quantity", "r.unit_price", "r.discount", "r.currency")} AS is_known,
        r._delivery_date AS delivered_on, r._file_sha256, r._record_number
    FROM commerce_order_items AS r
    LEFT JOIN commerce_orders AS o ON r.order_id = o.order_id
    LEFT JOIN commerce_products AS p ON r.product_id = p.product_id
) AS typed
"""

LINES = Plain(
    fewest=EACH,
    by="order_id",
    unique=("order_id", "order_item_id"),
    reads={
        "bronze.commerce_order_items": (
            "order_item_id",
            "order_id",
            "product_id",
            "quantity",
            "unit_price",
            "discount",
            "currency",
            "_delivery_date",
            "_file_sha256",
            "_record_number",
        ),
        "silver.commerce_orders": (
            "order_id",
            "customer_id",
            "order_date",
            "status",
            "currency",
            "is_counted",
        ),
        "silver.commerce_products": ("product_id", "category_id", "is_current"),
    },
    query=f"SELECT {_LINE} FROM ({_LINES}) AS typed WHERE {_IS_SOUND_LINE}",
    rest=latest(
        _REST_OF_LINES,
        "order_id, order_item_id",
        "product_id, quantity, unit_price, discount",
        "delivered_on",
    ),
)
