"""Money: a line's revenue, and sums of cents that are exact and quick."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F


def revenue_of(quantity: str, unit_price: str, discount: str) -> Column:
    """quantity x unit_price - discount, rounded half away from zero to the cent, as
    `decimal(18,2)`.

    Computed in whole 1/10,000, some times quicker than in decimals. Exact: a double holds every
    amount of at most 12 digits to far less than half of 1/10,000, and the products stay below 2^63.
    """
    units = (
        f"({_scaled(unit_price, 10_000)} * {quantity} - "
        f"{_scaled(f'coalesce({discount}, 0)', 10_000)})"
    )
    # `div` cuts towards zero.
    return money(f"({units} + if({units} < 0, -50, 50)) div 100")


def cents(amount: str) -> str:
    """A `decimal(18,2)` amount in cents, as SQL for a bigint: summed several times quicker. Doubles
    are exact below 9e13; beyond, decimals are asked.
    """
    exact = f"cast({amount} * 100 as bigint)"
    return f"if(abs({amount}) < 90000000000000BD, {_scaled(amount, 100)}, {exact})"


def _scaled(amount: str, by: int) -> str:
    return f"cast(rint(cast({amount} as double) * {by}) as bigint)"


def money(total_cents: str) -> Column:
    """A sum of cents as `decimal(18,2)`."""
    return F.expr(f"cast(cast({total_cents} as decimal(18,0)) * 0.01BD as decimal(18,2))")
