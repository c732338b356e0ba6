"""When so much of an input is new that a table is made whole, though few groups could be sought."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from strata.declare.feed import load_feed
from strata.kit.groups import MOST_KEYS
from strata.lake.store import Store
from strata.lake.versions import Warehouse
from strata.ledger.book import Book
from strata.ledger.publication import Publication, TableState
from strata.run.arrivals import Looked
from strata.run.options import Options
from strata.run.plan import Plan
from strata.run.state import Context

LOOKUP = "bronze.residents_postcodes"
NONE: Any = None


def context(folder: Path, before: int | None) -> Context:
    """A run on a publication in which the lookup has so many rows, or on none."""
    warehouse = Warehouse(str(folder))
    tables = (TableState(LOOKUP, 1, before),) if before is not None else ()
    base = Publication("residents", 1, 0, "r", tables=tables)
    plan = Plan(load_feed("residents"), {}, base, Looked(), (), {}, Book(warehouse))
    return Context(NONE, Store(NONE, warehouse, "r"), plan, Options("raw"), cast("Any", print))


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        # A lookup that comes anew: as many rows as before, and more than groups are sought for.
        (1_700_000, 3_400_000, True),
        (1_700_000, 3_399_999, False),
        (1_700_000, 1_700_100, False),
        (1_700_000, 1_000_000, False),
        (MOST_KEYS, 2 * MOST_KEYS, False),
        (MOST_KEYS + 1, 2 * (MOST_KEYS + 1), True),
        (0, MOST_KEYS + 1, True),
        (0, MOST_KEYS, False),
        # Nothing was published: the table is whole anyway.
        (None, 3_400_000, False),
    ],
)
def test_half_of_the_rows_and_more_than_are_sought_must_be_new(
    tmp_path: Path, before: int | None, now: int, expected: bool
) -> None:
    held = TableState(LOOKUP, 2, now)
    assert context(tmp_path, before).is_mostly_new(held) is expected


def test_what_lies_in_an_archive_is_not_made_again(tmp_path: Path) -> None:
    held = TableState(LOOKUP, 2, 3_400_000, archive_version=1, archived=10)
    assert not context(tmp_path, 1_700_000).is_mostly_new(held)
