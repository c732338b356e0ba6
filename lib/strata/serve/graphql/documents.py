"""Texts of queries, parsed and checked once each: a client's differ by their variables alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    OperationDefinitionNode,
    parse,
    specified_rules,
    validate,
)
from graphql.execution.values import VariableValues
from strawberry.extensions import MaxAliasesLimiter, QueryDepthLimiter

from strata.serve.graphql.answers import Plan
from strata.serve.graphql.errors import Refused
from strata.serve.graphql.limits import (
    ALIASES,
    COST,
    DEPTH,
    TOKENS,
    assert_cost,
    assert_expansion,
    cost_of,
)
from strata.serve.graphql.schema import schema
from strata.serve.graphql.selections import select

KEPT, _PLANS = 500, 2
_RULES = (
    *specified_rules,
    *QueryDepthLimiter(max_depth=DEPTH).validation_rules,
    *MaxAliasesLimiter(max_alias_count=ALIASES).validation_rules,
)


@dataclass(frozen=True)
class Document:
    """A text that was parsed, and what is wrong with it."""

    parsed: DocumentNode | None
    errors: tuple[GraphQLError, ...] = ()
    plans: dict[object, Plan] = field(default_factory=dict)
    """What its operations select, by their names and what decides on directives."""
    largest: dict[str | None, int] = field(default_factory=dict)
    """What its operations cost at most, by their names."""

    def operation(self, name: str | None) -> OperationDefinitionNode:
        """The operation that runs. Refused where none is meant, or it is not clear which."""
        every = [
            each
            for each in (self.parsed.definitions if self.parsed else ())
            if isinstance(each, OperationDefinitionNode)
        ]
        chosen = [each for each in every if name is None or (each.name and each.name.value == name)]
        if not chosen:
            raise Refused("operationName is that of an operation of the query")
        if len(chosen) > 1:
            raise Refused("a request with several operations names the one that runs")
        return chosen[0]

    def assert_cost(self, operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> None:
        """Refused where the operation costs too much. Most don't, whatever pages are asked."""
        assert self.parsed is not None
        name = _name(operation)
        if name not in self.largest:
            self.largest[name] = cost_of(self.parsed, operation)
        if self.largest[name] > COST:
            assert_cost(self.parsed, operation, variables)

    def plan(self, operation: OperationDefinitionNode, variables: VariableValues) -> Plan:
        """What a query selects. Only @skip and @include take variables that are true or false."""
        flags = tuple(item for item in variables.coerced.items() if isinstance(item[1], bool))
        key = (_name(operation), flags)
        found = self.plans.get(key) or self._plan(operation, variables)
        if len(self.plans) < _PLANS:
            self.plans[key] = found
        return found

    def _plan(self, operation: OperationDefinitionNode, variables: VariableValues) -> Plan:
        assert self.parsed is not None
        assert schema._schema.query_type is not None
        fragments = {
            each.name.value: each
            for each in self.parsed.definitions
            if isinstance(each, FragmentDefinitionNode)
        }
        own = [operation.selection_set]
        return Plan(select(schema._schema.query_type, own, fragments, variables))


def _name(operation: OperationDefinitionNode) -> str | None:
    return operation.name.value if operation.name else None


@lru_cache(maxsize=KEPT)
def read(text: str) -> Document:
    """Parses and checks a text. Refused where it is too large, written out."""
    try:
        parsed = parse(text, max_tokens=TOKENS)
        # The rules walk through fragments as if they were written out: these are counted first.
        assert_expansion(parsed)
        return Document(parsed, tuple(validate(schema._schema, parsed, _RULES)))
    except GraphQLError as error:
        return Document(None, (error,))
    except RecursionError:
        raise Refused(f"a query is at most {DEPTH} deep") from None
