"""By which compiler Java works: of that which a feed's large sources become."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from strata.declare.feed import load_feed
from strata.run.java import works_little


def plan_of(name: str, records: dict[str, int], **params: Any) -> Any:
    feed = load_feed(name)
    looks = [SimpleNamespace(table=table, records=number) for table, number in records.items()]
    return SimpleNamespace(
        feed=feed,
        looked=SimpleNamespace(new=looks[:1], known=looks[1:]),
        steps=[SimpleNamespace(table=table) for table in feed.table_names],
        params=feed.default_params() | params,
    )


SHOP = {"bronze.commerce_order_items": 10**7, "bronze.commerce_orders": 10**6}


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        (SHOP, True),
        (SHOP | {"bronze.commerce_products": 10**5}, True),
        (SHOP | {"bronze.commerce_products": 10**6}, False),  # Spark alone makes products
        (SHOP | {"bronze.commerce_sales": 10**6}, False),
    ],
)
def test_orders_are_little_of_javas_work_and_products_are_not(
    records: dict[str, int], expected: bool
) -> None:
    assert works_little(plan_of("commerce", records)) is expected


def test_what_a_parameter_leaves_to_the_transform_is_javas_work() -> None:
    records = {"bronze.fleet_events": 10**7}
    everything = plan_of("fleet", records)
    only_fixes = [step for step in everything.steps if step.table == "silver.fleet_fixes"]
    everything.steps = only_fixes
    assert works_little(everything)
    everything.params["not_after"] = "2030-01-01"
    assert not works_little(everything)
