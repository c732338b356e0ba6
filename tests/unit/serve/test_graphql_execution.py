"""Rows that are completed at once are those that graphql-core makes value by value, errors too."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import strawberry
from graphql import ExecutionResult, execute, parse
from strata.serve.graphql.execution import RowExecutor
from strata.serve.graphql.scalars import SCALARS, Long, Money
from strawberry.schema.config import StrawberryConfig


@strawberry.type
class Kind:
    name: str | None
    rank: int


@strawberry.type
class Item:
    item_id: strawberry.ID
    price: Money
    units: Long
    sold_on: date | None
    kind: Kind | None
    kinds: list[Kind | None]

    @strawberry.field
    def twice(self) -> Long:
        return Long(2 * self.units)

    @strawberry.field
    async def later(self) -> str | None:
        await asyncio.sleep(0)
        return self.kind.name if self.kind else None


def item(number: int, **wrong: Any) -> Item:
    kind = Kind(name=None if number % 3 else "tea", rank=number)
    right: dict[str, Any] = {
        "item_id": f"i{number}",
        "price": Decimal(number) / 4,
        "units": 2**40 + number,
        "sold_on": date(2024, 1, number),
        "kind": kind if number % 2 else None,
        "kinds": [kind, None],
    }
    return Item(**(right | wrong))


WRONG: list[dict[str, Any]] = [
    {"price": None},
    {"units": "many"},
    {"item_id": None},
    {"sold_on": "today"},
    {"kind": Kind(name="x", rank=2**40)},
    {"kinds": [Kind(name="x", rank=None)]},  # type: ignore[arg-type]
    {"kinds": None},
]


@strawberry.type
class Query:
    @strawberry.field
    def items(self) -> list[Item]:
        return [item(number) for number in range(1, 5)]

    @strawberry.field
    def broken(self, nth: int) -> list[Item | None] | None:
        return [item(1), item(2, **WRONG[nth]), None]

    @strawberry.field
    async def one(self) -> Item | None:
        return item(3)


SCHEMA = strawberry.Schema(Query, config=StrawberryConfig(scalar_map=SCALARS))
PLAIN = ["itemId", "price", "units", "soldOn", "__typename", "same: price", "other: units"]
RESOLVED = ["twice", "later"]
KIND = ["name", "rank", "__typename", "again: rank"]


def queries(chance: random.Random) -> Iterator[str]:
    """Selections of all shapes, some in fragments, some left out by a variable."""
    while True:
        part = chance.sample(PLAIN, chance.randint(1, 4)) + chance.sample(
            RESOLVED, chance.choice((0, 0, 1))
        )
        for field in chance.sample(["kind", "kinds", "k: kind"], chance.randint(0, 2)):
            inside = " ".join(chance.sample(KIND, chance.randint(1, 3)))
            part.append(f"{field} {{ {inside} }}")
        part[0] += chance.choice(("", " @include(if: $yes)", " @skip(if: $yes)"))
        chance.shuffle(part)
        half = len(part) // 2
        root = chance.choice(("items", "one", f"broken(nth: {chance.randrange(len(WRONG))})"))
        fragment = " ".join(part[half:])
        first = " ".join(part[:half])
        yield (
            f"query Q($yes: Boolean = {chance.choice(('true', 'false'))}) {{ {root} "
            f"{{ __typename {first} ...rest ... on Item {{ itemId }} }} }} "
            f"fragment rest on Item {{ {fragment} }}"
        )


async def answer(query: str, by: type | None) -> tuple[str, list[Any]]:
    found = execute(SCHEMA._schema, parse(query), executor_class=by)
    result = found if isinstance(found, ExecutionResult) else await found
    # As text, for the order of fields is the query's.
    return json.dumps(result.data), [error.formatted for error in result.errors or ()]


def test_every_answer_is_that_of_the_library() -> None:
    by_library = SCHEMA.execution_context_class

    async def compare() -> tuple[int, int]:
        made, failed = queries(random.Random(7)), 0
        for number in range(300):
            query = next(made)
            expected = await answer(query, by_library)
            assert await answer(query, RowExecutor) == expected, (number, query)
            failed += bool(expected[1])
        return number + 1, failed

    asked, failed = asyncio.run(compare())
    assert asked == 300
    assert 30 < failed < 200, "errors are among what is compared"
