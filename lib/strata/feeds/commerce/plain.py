"""Customers, orders and lines that are plainly sound, by DuckDB: `kit.plain` tells what for.

Each condition is at most as wide as the transform's own. What is written in another way, though the
transform may read it, is left to the transform: signs, blanks, superfluous zeros, other years.
"""

from __future__ import annotations

from strata.feeds.commerce.statuses import COUNTED, STATUSES, SYNONYMS
from strata.kit.history import SUPERSEDED
from strata.kit.plain import Plain
from strata.kit.values import MANGLED, NO_CURRENCY

_MONEY = "[0-9]{1,8}([.][0-9]{1,4})?"
_UNITS = "[1-9][0-9]{0,4}"
_DAY = "[12][0-9]{3}-[0-9]{2}-[0-9]{2}"
_DATE = f"{_DAY}([ T][0-9]{{2}}:[0-9]{{2}}(:[0-9]{{2}})?Z?)?"
_TIME = "([ T]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9])?"

_IN_SQL = MANGLED.replace("'", "''")


def _words(words: tuple[str, ...]) -> str:
    return ", ".join(f"'{word}'" for word in words)


_STATUS = (
    "CASE lower(r.status) "
    + " ".join(f"WHEN '{told}' THEN '{meant}'" for told, meant in SYNONYMS.items())
    + " ELSE lower(r.status) END"
)


def _latest(typed: str, key: str, *later: str) -> str:
    """The query of records that share their key: the latest stands, the others are superseded.

    `typed` tells of each whether it `is_sound`. Where one of a key is not, or two are as late, all
    of them are left out: the transform decides.
    """
    order = ", ".join(f"{name} DESC NULLS LAST" for name in later)
    return f"""
SELECT * EXCLUDE (is_sound, place, is_told, {", ".join(later)}),
    CASE WHEN place > 1 THEN '{SUPERSEDED}' END AS _fold
FROM (
    SELECT *, bool_and(is_sound) OVER same AND count(*) FILTER (place = 1) OVER same = 1 AS is_told
    FROM (
        SELECT *, rank() OVER (PARTITION BY {key} ORDER BY {order}) AS place
        FROM (SELECT * REPLACE (coalesce(is_sound, false) AS is_sound) FROM ({typed}))
    ) AS ranked
    WINDOW same AS (PARTITION BY {key})
) AS known WHERE is_told
"""


def _is_date(name: str) -> str:
    value = f"try_cast(left({name}, 10) AS DATE) IS NOT NULL"
    return f"(regexp_full_match({name}, '{_DATE}') AND {value})"


_CUSTOMER = """
r.customer_id, nullif(r.country, '') AS country,
    try_cast(left(r.registration_date, 10) AS DATE) AS registered_on,
    CAST(NULL AS DATE) AS ended_on, r._file_sha256, r._record_number
"""
_IS_SOUND_CUSTOMER = f"""
r.customer_id <> '' AND NOT regexp_full_match(r.customer_id, '{_IN_SQL}')
    AND (coalesce(r.registration_date, '') = '' OR {_is_date("r.registration_date")})
"""

CUSTOMERS = Plain(
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
    query=f"SELECT {_CUSTOMER} FROM commerce_customers AS r WHERE {_IS_SOUND_CUSTOMER}",
    several=_latest(
        f"SELECT {_CUSTOMER}, {_IS_SOUND_CUSTOMER} AS is_sound, _delivery_date AS delivered_on "
        "FROM commerce_customers AS r",
        "customer_id",
        "delivered_on",
    ),
)

_ORDER = f"""
r.order_id, nullif(r.customer_id, '') AS customer_id,
    try_cast(left(r.order_date, 10) AS DATE) AS order_date, {_STATUS} AS status,
    CASE WHEN coalesce(r.currency, '') = '' THEN '{NO_CURRENCY}'
        ELSE upper(r.currency) END AS currency,
    {_STATUS} IN ({_words(COUNTED)}) AS is_counted, r._file_sha256, r._record_number
"""
_IS_SOUND_ORDER = f"""
r.order_id <> '' AND NOT regexp_full_match(r.order_id, '{_IN_SQL}')
    AND (coalesce(r.customer_id, '') = '' OR c.customer_id IS NOT NULL
        AND NOT regexp_full_match(r.customer_id, '{_IN_SQL}'))
    AND {_is_date("r.order_date")}
    AND {_STATUS} IN ({_words(STATUSES)})
    AND (coalesce(r.currency, '') = '' OR regexp_full_match(r.currency, '[A-Za-z]{{3}}'))
    AND (coalesce(r.updated_at, '') = '' OR regexp_full_match(r.updated_at, '{_DAY}{_TIME}')
        AND try_cast(left(r.updated_at, 10) AS DATE) IS NOT NULL)
"""
_ORDERS = """
commerce_orders AS r LEFT JOIN commerce_customers AS c ON r.customer_id = c.customer_id
"""

ORDERS = Plain(
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
    several=_latest(
        f"SELECT {_ORDER}, {_IS_SOUND_ORDER} AS is_sound, "
        "try_cast(nullif(r.updated_at, '') AS TIMESTAMP) AS updated_on, "
        f"r._delivery_date AS delivered_on FROM {_ORDERS}",
        "order_id",
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


def _lines(join: str, more: str = "") -> str:
    return f"""
SELECT r.order_id, r.order_item_id, o.order_date AS sale_date, o.customer_id, o.status,
    o.is_counted, r.product_id, o.currency, p.category_id, r.currency AS told,
    CASE WHEN length(r.quantity) <= 5 THEN try_cast(r.quantity AS INTEGER) END AS quantity,
    try_cast(r.unit_price AS DECIMAL(12, 4)) AS unit_price,
    CASE WHEN coalesce(r.discount, '') = '' THEN CAST(0 AS DECIMAL(12, 4))
        ELSE try_cast(r.discount AS DECIMAL(12, 4)) END AS discount,
    r._file_sha256, r._record_number{more}
FROM commerce_order_items AS r
{join} commerce_orders AS o ON r.order_id = o.order_id
{join} commerce_products AS p ON r.product_id = p.product_id
"""


_DOUBTFUL_TOO = f""",
    {_IS_SOUND_RAW_LINE} AND o.order_id IS NOT NULL AND p.product_id IS NOT NULL AS is_read,
    r._delivery_date AS delivered_on
"""

LINES = Plain(
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
    query=f"""
SELECT {_LINE} FROM ({_lines("JOIN")} WHERE {_IS_SOUND_RAW_LINE}) AS typed WHERE {_IS_SOUND_LINE}
""",
    several=_latest(
        f"""
SELECT {_LINE}, is_read AND {_IS_SOUND_LINE} AS is_sound, delivered_on
FROM ({_lines("LEFT JOIN", _DOUBTFUL_TOO)}) AS typed
""",
        "order_id, order_item_id",
        "delivered_on",
    ),
)
