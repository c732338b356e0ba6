"""A copy goes forward, and holds one publication of each feed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from strata.errors import UsageError
from strata.lake.versions import Warehouse
from strata.ledger import publication as ledger
from strata.serve.export.source import Pinned, choose


def with_held(
    warehouse: Warehouse, chosen: tuple[Pinned, ...], before: dict[str, dict[str, Any]], place: str
) -> tuple[Pinned, ...]:
    """The chosen tables, and those of their feeds that the copy has already: no copy mixes two
    publications of a feed.

    UsageError where the copy is of another warehouse or of a newer publication.
    """
    asked = {pinned.feed: pinned for pinned in chosen}
    for row in before.values():
        if row["feed"] in asked:
            assert_newer(warehouse, row, asked[row["feed"]], place)
    # What is in the copy was allowed when it came in.
    again = {row["source"] for row in before.values() if row["feed"] in asked}
    return choose(warehouse, again | {pinned.table for pinned in chosen}, allow_internal=True)


def assert_newer(warehouse: Warehouse, row: dict[str, Any], pinned: Pinned, place: str) -> None:
    """UsageError if the copy holds a publication that the warehouse lacks: never older over
    newer.
    """
    known: Callable[[int], str | None] = {
        p.publication: p.run_id for p in ledger.read(warehouse, row["feed"])
    }.get
    if known(row["publication"]) != row["run_id"]:
        raise UsageError(
            f"a copy goes forward in one warehouse; {place} holds publication "
            f"{row['publication']} of {row['feed']} "
            f"(run {row['run_id']}), which {warehouse.root} lacks at publication "
            f"{pinned.publication}: "
            "name another place, or remove that one",
            place=place,
        )
