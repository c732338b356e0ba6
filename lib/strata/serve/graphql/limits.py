"""How much a query may ask: its size, depth, aliases and cost are known before it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
)
from strawberry.extensions import (
    AddValidationRules,
    MaxAliasesLimiter,
    MaxTokensLimiter,
    ParserCache,
    QueryDepthLimiter,
    SchemaExtension,
    ValidationCache,
)

from strata.serve.graphql.errors import Refused

DEPTH, ALIASES, TOKENS, COST = 10, 15, 1_000, 5_000
_LISTS = {"productSales": 20, "products": 20, "orders": 20, "bestSellers": 10}
"""Fields that give pages, with the size of a page that asks for none."""
_FIXED = {"items": 5, "history": 5, "decisions": 5, "categories": 50, "salesTrends": 60}
"""Fields that give lists without a page, with what is reckoned for them."""


class CostLimiter(SchemaExtension):
    """Refuses a query whose fields, times the rows that lists multiply them by, cost more than
    COST.
    """

    def on_execute(self) -> Iterator[None]:
        """Refuses a document that costs too much, before it runs."""
        context = self.execution_context
        if context.graphql_document is not None:
            assert_cost(context.graphql_document, context.variables or {}, context.operation_name)
        yield


def assert_cost(
    document: DocumentNode, variables: Mapping[str, Any], operation: str | None = None
) -> int:
    """The cost of the operation that runs; Refused where it is too high."""
    fragments = {
        d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)
    }
    operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
    chosen = [d for d in operations if operation is None or (d.name and d.name.value == operation)]
    cost = sum(_cost(d.selection_set, fragments, variables) for d in chosen)
    if cost > COST:
        raise Refused(
            f"a query costs at most {COST:,}; this one would cost {cost:,}: ask for smaller pages",
            "TOO_COSTLY",
        )
    return cost


def _cost(
    selected: SelectionSetNode | None,
    fragments: Mapping[str, FragmentDefinitionNode],
    variables: Mapping[str, Any],
) -> int:
    """A field costs one, and a list its rows times what is asked of each."""
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


def _rows(node: FieldNode, variables: Mapping[str, Any]) -> int:
    name = node.name.value
    if name not in _LISTS:
        return _FIXED.get(name, 1)
    for argument in node.arguments or ():
        if argument.name.value == "first":
            value = argument.value
            if isinstance(value, IntValueNode):
                return max(1, int(value.value))
            if isinstance(value, VariableNode):
                given = variables.get(value.name.value)
                return max(1, given) if isinstance(given, int) else _LISTS[name]
    return _LISTS[name]


# A client's queries differ by their variables alone: each text is parsed and checked once. The
# cache knows a text by the rules that it was checked by, so these are made once too.
_KEPT_TEXTS = 500
_RULES = [
    *QueryDepthLimiter(max_depth=DEPTH).validation_rules,
    *MaxAliasesLimiter(max_alias_count=ALIASES).validation_rules,
]
LIMITS = [
    lambda: ParserCache(maxsize=_KEPT_TEXTS),
    lambda: ValidationCache(maxsize=_KEPT_TEXTS),
    lambda: AddValidationRules(_RULES),
    lambda: MaxTokensLimiter(max_token_count=TOKENS),
    CostLimiter,
]
