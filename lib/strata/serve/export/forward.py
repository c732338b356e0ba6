"""A copy goes forward, and holds one publication of each feed."""

from __future__ import annotations

from collections.abc import Iterable
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
    for pinned in asked.values():
        assert_newer(warehouse, before.values(), pinned, place)
    # What is in the copy was allowed when it came in.
    again = {row["source"] for row in before.values() if row["feed"] in asked}
    return choose(warehouse, again | {pinned.table for pinned in chosen}, allow_internal=True)


def assert_newer(
    warehouse: Warehouse, held: Iterable[dict[str, Any]], pinned: Pinned, place: str
) -> None:
    """UsageError if the copy holds a publication of the feed that the warehouse lacks: never older
    over newer.
    """
    own = {(row["publication"], row["run_id"]) for row in held if row["feed"] == pinned.feed}
    if not own:
        return
    known = {(p.publication, p.run_id) for p in ledger.read(warehouse, pinned.feed)}
    for publication, run_id in sorted(own - known):
        raise UsageError(
            f"a copy goes forward in one warehouse; {place} holds publication {publication} of "
            f"{pinned.feed} (run {run_id}), which {warehouse.root} lacks at publication "
            f"{pinned.publication}: name another place, or remove that one",
            place=place,
        )
