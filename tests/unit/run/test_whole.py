"""Which deliveries are whole, by what the ledger holds of their files."""

from __future__ import annotations

from datetime import date

import pytest
from strata.declare.layout import Field, Layout
from strata.ledger.publication import FileEntry
from strata.run.deliveries import whole_days

D1, D2 = date(2024, 1, 1), date(2024, 1, 2)


def layout(name: str, whole: bool = False, whole_of: str = "") -> Layout:
    key = (Field("id", "id", required=True),)
    of = whole_of or name
    return Layout(name, "shop", "goods", "bronze.goods", "csv", key, whole=whole, whole_of=of)


def entry(
    path: str, day: date | None, name: str = "a", status: str = "taken", records: int = 1
) -> FileEntry:
    return FileEntry("goods", path, path, 1, records, status, name, "bronze.goods", "", day)


CASES = {
    "a partial delivery": ([layout("a")], [entry("delivery=2024-01-01/x", D1)], {}),
    "a folder says so": (
        [layout("a")],
        [entry("whole/delivery=2024-01-01/x", D1), entry("delivery=2024-01-02/x", D2)],
        {"a": (D1,)},
    ),
    "the source contract says so": (
        [layout("a", whole=True)],
        [entry("delivery=2024-01-02/x", D2), entry("delivery=2024-01-01/x", D1)],
        {"a": (D1, D2)},
    ),
    "without a day it comes before nothing": (
        [layout("a", whole=True)],
        [entry("whole/x", None)],
        {},
    ),
    "a folder of another name says nothing": (
        [layout("a")],
        [entry("wholesale/delivery=2024-01-01/whole", D1)],
        {},
    ),
    "an empty file ends nothing": (
        [layout("a", whole=True)],
        [entry("delivery=2024-01-01/x", D1, records=0)],
        {},
    ),
    "layouts of one stock": (
        [layout("old", True, "stock"), layout("new", True, "stock")],
        [
            entry("delivery=2024-01-01/x", D1, "old"),
            entry("delivery=2024-01-02/x", D2, "new"),
        ],
        {"stock": (D1, D2)},
    ),
    "a rejected file makes its delivery partial": (
        [layout("a", whole=True)],
        [
            entry("delivery=2024-01-01/x", D1),
            entry("delivery=2024-01-01/y", None, "", "rejected"),
            entry("delivery=2024-01-02/x", D2),
        ],
        {"a": (D2,)},
    ),
    "until a sound one stands in its place": (
        [layout("a", whole=True)],
        [
            entry("delivery=2024-01-01/x", D1),
            entry("delivery=2024-01-01/y", None, "", "rejected"),
            entry("delivery=2024-01-01/y", D1),
        ],
        {"a": (D1,)},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_delivery_is_whole_where_its_source_says_so(case: str) -> None:
    layouts, entries, days = CASES[case]
    assert whole_days(layouts, entries) == days
    assert whole_days(layouts, reversed(entries)) == days
