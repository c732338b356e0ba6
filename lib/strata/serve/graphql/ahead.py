"""What a query asks below a field. It is read for all rows at once, before there are rows: a row
that waits for a batch of its own costs more than the batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import FieldNode, FragmentDefinitionNode, FragmentSpreadNode, SelectionSetNode


def asks(info: Any, name: str) -> bool:
    """Whether a field of this name stands anywhere below the one that is answered.

    `info.selected_fields` would say it too, and turns every argument into a value for it.
    """
    raw = info._raw_info
    return any(_has(field.selection_set, name, raw.fragments) for field in raw.field_nodes)


def _has(
    selected: SelectionSetNode | None, name: str, fragments: Mapping[str, FragmentDefinitionNode]
) -> bool:
    for node in selected.selections if selected else ():
        if isinstance(node, FragmentSpreadNode):
            below = fragments[node.name.value].selection_set
        elif isinstance(node, FieldNode) and node.name.value == name:
            return True
        else:
            below = node.selection_set  # type: ignore[attr-defined]
        if _has(below, name, fragments):
            return True
    return False
