"""Texts of queries, parsed and checked once each: a client's differ by their variables alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from graphql import (
    DocumentNode,
    GraphQLError,
    OperationDefinitionNode,
    parse,
    specified_rules,
    validate,
)
from strawberry.extensions import MaxAliasesLimiter, QueryDepthLimiter

from strata.serve.graphql.errors import Refused
from strata.serve.graphql.limits import ALIASES, DEPTH, TOKENS, assert_expansion
from strata.serve.graphql.schema import schema

KEPT = 500
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
