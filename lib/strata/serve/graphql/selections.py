"""What a query selects: a tree of fields with their types, with its fragments written out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLIncludeDirective,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSkipDirective,
    SelectionNode,
    SelectionSetNode,
    get_named_type,
)
from graphql.execution.values import VariableValues, get_directive_values

from strata.serve.graphql.arguments import Arguments, arguments_of, nothing
from strata.serve.graphql.errors import Refused

LONGEST = 63
"""Letters of the longest name that PostgreSQL keeps whole: an answer's names are its columns."""
Fragments = Mapping[str, FragmentDefinitionNode]


@dataclass(frozen=True)
class Selected:
    """A field that is asked for."""

    key: str
    """Its name in the answer."""
    node: FieldNode
    field: GraphQLField | None
    """None for __typename."""
    arguments: Arguments = nothing
    """How its arguments are read."""
    below: tuple[Selected, ...] = ()
    """What is asked of it."""

    @property
    def name(self) -> str:
        """Its name in the schema."""
        return self.node.name.value

    @property
    def kind(self) -> GraphQLNamedType:
        """The type of its values, or of each of them."""
        assert self.field is not None
        return get_named_type(self.field.type)


def select(
    kind: GraphQLObjectType,
    sets: Iterable[SelectionSetNode | None],
    fragments: Fragments,
    variables: VariableValues,
) -> tuple[Selected, ...]:
    """What is selected of a type, each key once. The query has passed the rules of GraphQL, so
    fields of one key ask the same, and a fragment on this place is one of this type.
    """
    found: dict[str, list[FieldNode]] = {}
    seen: set[str] = set()
    for selected in sets:
        for node in _fields(selected, fragments, variables, seen):
            found.setdefault(node.alias.value if node.alias else node.name.value, []).append(node)
    made = []
    for key, nodes in found.items():
        field = kind.fields.get(nodes[0].name.value)
        inner = get_named_type(field.type) if field else None
        below: tuple[Selected, ...] = ()
        if isinstance(inner, GraphQLObjectType):
            below = select(inner, [node.selection_set for node in nodes], fragments, variables)
        if len(key) > LONGEST:
            raise Refused(f"a name in an answer has at most {LONGEST} letters; got {key}")
        arguments = arguments_of(field, nodes[0]) if field else nothing
        made.append(Selected(key, nodes[0], field, arguments, below))
    return tuple(made)


def _fields(
    selected: SelectionSetNode | None,
    fragments: Fragments,
    variables: VariableValues,
    seen: set[str],
) -> Iterator[FieldNode]:
    for node in selected.selections if selected else ():
        if not _is_included(node, variables):
            continue
        if isinstance(node, FieldNode):
            yield node
            continue
        inner: Any = node
        if isinstance(node, FragmentSpreadNode):
            name = node.name.value
            if name in seen:
                continue
            seen.add(name)
            inner = fragments[name]
        yield from _fields(inner.selection_set, fragments, variables, seen)


def _is_included(node: SelectionNode, variables: VariableValues) -> bool:
    if not node.directives:
        return True
    skip = get_directive_values(GraphQLSkipDirective, node, variables)
    include = get_directive_values(GraphQLIncludeDirective, node, variables)
    return not (skip and skip["if"]) and (not include or bool(include["if"]))
