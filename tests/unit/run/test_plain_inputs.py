"""Which inputs are so large that plain rows gain."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from strata.declare.feed import load_feed
from strata.ledger.publication import TableState
from strata.run.inputs.read import _is_large


@pytest.mark.parametrize(
    ("rows", "archived", "expected"),
    [(500_000, 0, True), (499_999, 0, False), (70_000, 930_000, True), (70_000, 400_000, False)],
)
def test_archived_records_count_when_an_input_is_found_to_be_large(
    rows: int, archived: int, expected: bool
) -> None:
    """Else one more day beside an archive would go by Spark, whose days are few in bronze."""
    context: Any = SimpleNamespace(options=SimpleNamespace(fewest_plain_rows=None))
    table = load_feed("fleet").table("silver.fleet_fixes")
    state = TableState("bronze.fleet_events", 3, rows, archived=archived)
    assert _is_large(context, table, {state.table: state}) is expected
