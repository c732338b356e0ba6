"""How the toy feed's rules on whole tables break, each alone."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from tests.mutants import Whole

_SALE = {"amount_eur": Decimal("1")}
_DAY = {"sale_date": dt.date(2024, 1, 1), "amount_eur": Decimal("1"), "sales": 1}

VIEWS = {"gold.toy_days": {"silver.toy_sales": [_SALE]}}
WHOLE = {
    ("gold.toy_days", "one row per day"): Whole([_DAY, _DAY], {"silver.toy_sales": [_SALE, _SALE]}),
    ("gold.toy_days", "days and sales must add up to the same amount"): Whole(
        [_DAY], {"silver.toy_sales": [_SALE, _SALE]}
    ),
}
