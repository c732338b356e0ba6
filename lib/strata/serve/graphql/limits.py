"""How much a query may ask: its size, depth, aliases and cost are known before it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
)

from strata.serve.graphql.cursors import MOST
from strata.serve.graphql.errors import Refused

DEPTH, ALIASES, TOKENS, COST, SELECTIONS, OBJECTS = 10, 15, 1_000, 5_000, 2_000, 40
_LISTS = {"productSales": 20, "products": 20, "orders": 20, "bestSellers": 10}
"""Fields that give pages, with the size of a page that asks for none."""
_FIXED = {
    "items": 5,
    "history": 5,
    "decisions": 5,
    "categories": 50,
    "salesTrends": 60,
    "__schema": 30,
}
"""Fields that give lists without a page, with what is reckoned for them. One description of the
schema is what tools ask for; one under each alias would hold up everybody else.
"""


def assert_expansion(document: DocumentNode) -> None:
    """Refused where the document is too large, written out.

    A few fragments that each name the next one twice are a small text and a query without end.
    Each list and object becomes a part of an SQL statement, which PostgreSQL plans.
    """
    every = OperationDefinitionNode | FragmentDefinitionNode
    selections = _written_out(document, every, lambda _: 1)
    if selections > SELECTIONS:
        raise Refused(f"a query selects at most {SELECTIONS:,} fields; this one has {selections:,}")
    objects = _written_out(document, OperationDefinitionNode, _is_object)
    if objects > OBJECTS:
        raise Refused(
            f"a query asks for at most {OBJECTS} lists and objects; this one asks for {objects}: "
            "ask in several requests",
            "TOO_COSTLY",
        )


def _is_object(node: SelectionNode) -> int:
    """Descriptions of the schema are no part of a statement."""
    is_own = isinstance(node, FieldNode) and not node.name.value.startswith("__")
    return int(is_own and node.selection_set is not None)  # type: ignore[attr-defined]


def _written_out(document: DocumentNode, kinds: Any, weight: Callable[[SelectionNode], int]) -> int:
    """The weight of all selections, with each fragment in every place that names it. What stands
    below a field without a weight has none.
    """
    sizes: dict[str, int] = {}
    bodies = {
        d.name.value: d.selection_set
        for d in document.definitions
        if isinstance(d, FragmentDefinitionNode)
    }

    def size(selected: SelectionSetNode | None) -> int:
        total = 0
        for node in selected.selections if selected else ():
            own = weight(node)
            total += own
            if isinstance(node, FragmentSpreadNode):
                name = node.name.value
                if name not in sizes:
                    sizes[name] = 0  # A circle of fragments is another rule's to refuse.
                    sizes[name] = size(bodies.get(name))
                total += sizes[name]
            elif isinstance(node, InlineFragmentNode) or (isinstance(node, FieldNode) and own):
                total += size(node.selection_set)
        return total

    return sum(size(d.selection_set) for d in document.definitions if isinstance(d, kinds))


def assert_cost(
    document: DocumentNode, operation: OperationDefinitionNode, variables: Mapping[str, Any]
) -> int:
    """The cost of the operation; Refused where it is too high.

    A field costs one, and a list its rows times what is asked of each.
    """
    cost = cost_of(document, operation, _given(operation, variables))
    if cost > COST:
        raise Refused(
            f"a query costs at most {COST:,}; this one would cost {cost:,}: ask for smaller pages",
            "TOO_COSTLY",
        )
    return cost


def cost_of(
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Mapping[str, Any] | None = None,
) -> int:
    """The cost of the operation; without variables, with the largest pages that they may ask."""
    fragments = {
        d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)
    }
    return _cost(operation.selection_set, fragments, variables)


def _given(operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> dict[str, Any]:
    """The variables, with the values that the operation gives those that are left out."""
    defaults = {
        definition.variable.name.value: int(definition.default_value.value)
        for definition in operation.variable_definitions or ()
        if isinstance(definition.default_value, IntValueNode)
    }
    return {**defaults, **variables}


def _cost(
    selected: SelectionSetNode | None,
    fragments: Mapping[str, FragmentDefinitionNode],
    variables: Mapping[str, Any] | None,
) -> int:
    if selected is None:
        return 0
    total = 0
    for node in selected.selections:
        if isinstance(node, FieldNode):
            total += 1 + _rows(node, variables) * _cost(node.selection_set, fragments, variables)
        elif isinstance(node, FragmentSpreadNode):
            total += _cost(fragments[node.name.value].selection_set, fragments, variables)
        elif isinstance(node, InlineFragmentNode):
            total += _cost(node.selection_set, fragments, variables)
    return total


def _rows(node: FieldNode, variables: Mapping[str, Any] | None) -> int:
    name = node.name.value
    if name not in _LISTS:
        return _FIXED.get(name, 1)
    for argument in node.arguments or ():
        if argument.name.value == "first":
            value = argument.value
            if isinstance(value, IntValueNode):
                return max(1, int(value.value))
            if isinstance(value, VariableNode):
                if variables is None:
                    return MOST
                return _number(variables.get(value.name.value, _LISTS[name]))
    return _LISTS[name]


def _number(given: Any) -> int:
    """As GraphQL reads a size: 100.0 is 100. What is no number is refused when the query runs."""
    if isinstance(given, float) and given.is_integer():
        return max(1, int(given))
    return max(1, given) if isinstance(given, int) else 1
