"""Scalars that lose nothing: money as text, counts of 64 bits."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NewType

import strawberry
from strawberry.schema.types.scalar import ScalarDefinition

from strata.serve.graphql.errors import Refused

_MONEY = re.compile(r"-?\d{1,16}(\.\d{1,4})?")

Money = NewType("Money", Decimal)
Long = NewType("Long", int)


def read_money(value: object) -> Decimal:
    """Text only: a number in JSON or in a query would have gone through a float."""
    if not isinstance(value, str) or not _MONEY.fullmatch(value):
        raise Refused(
            f'an amount is text with at most four decimals, such as "12.50"; got {value!r}'
        )
    return Decimal(value)


def read_long(value: object) -> int:
    """A whole number of 64 bits."""
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        raise Refused(f"a Long is a whole number of 64 bits; got {value!r}")
    return value


SCALARS: dict[object, ScalarDefinition] = {
    Money: strawberry.scalar(
        name="Money",
        description='An exact amount as text, such as "12.50".',
        serialize=lambda value: format(value, "f"),
        parse_value=read_money,
    ),
    Long: strawberry.scalar(
        name="Long",
        description="A whole number of 64 bits; GraphQL's Int ends at 2147483647.",
        serialize=int,
        parse_value=read_long,
    ),
}
