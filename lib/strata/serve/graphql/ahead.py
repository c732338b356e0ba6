"""What a query asks below a field. It is read for all rows at once, before there are rows: a row
that waits for a batch of its own costs more than the batch.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from strawberry.types.nodes import SelectedField, Selection


def asks(info: Any, name: str) -> bool:
    """Whether a field of this name stands anywhere below the one that is answered."""
    return any(_has(field.selections, name) for field in info.selected_fields)


def _has(selections: Iterable[Selection], name: str) -> bool:
    return any(
        (isinstance(one, SelectedField) and one.name == name) or _has(one.selections, name)
        for one in selections
    )
