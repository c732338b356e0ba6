"""A contract's columns as Delta's log and Spark write a schema: JSON, made without Spark."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Protocol

from strata.errors import DeclarationError


class Column(Protocol):
    """What a schema says of a column; a contract's `Field` is one."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def type(self) -> str:
        """Its type in Spark SQL."""
        ...

    @property
    def description(self) -> str:
        """What it holds."""
        ...

    @property
    def unit(self) -> str | None:
        """Its unit; None without one."""
        ...

    @property
    def required(self) -> bool:
        """Whether no row may hold NULL."""
        ...


_NAMES = {"bigint": "long", "int": "integer", "smallint": "short", "tinyint": "byte"}
"""Where Spark's SQL and its JSON call one type by two names."""
_NESTED = re.compile(r"(array|map|struct)\s*<(.*)>", re.DOTALL)


def schema_json(fields: Sequence[Column], enforce_required: bool = True) -> dict[str, Any]:
    """The columns in their order, with descriptions as comments; a required one is NOT NULL."""
    return {
        "type": "struct",
        "fields": [
            {
                "name": field.name,
                "type": type_json(field.type),
                "nullable": not (enforce_required and field.required),
                "metadata": {"comment": comment(field)},
            }
            for field in fields
        ],
    }


def comment(field: Column) -> str:
    """What a column's comment says: its description, and its unit if it has one."""
    return f"{field.description} [{field.unit}]" if field.unit else field.description


def type_json(text: str) -> Any:
    """`map<string,bigint>` and its like, as JSON has them; DeclarationError for what is no type."""
    nested = _NESTED.fullmatch(text.strip())
    if nested is None:
        name = text.strip().replace(" ", "")
        return _NAMES.get(name, name)
    parts = _parts(nested[2])
    if nested[1] == "array" and len(parts) == 1:
        return {"type": "array", "elementType": type_json(parts[0]), "containsNull": True}
    if nested[1] == "map" and len(parts) == 2:
        key, value = map(type_json, parts)
        return {"type": "map", "keyType": key, "valueType": value, "valueContainsNull": True}
    if nested[1] == "struct" and all(":" in part for part in parts):
        return {"type": "struct", "fields": [_member(part) for part in parts]}
    raise DeclarationError(
        "a nested type is array<T>, map<K,V> or struct<name:T,…>; found " + repr(text), found=text
    )


def _member(part: str) -> dict[str, Any]:
    name, _, kind = part.partition(":")
    return {"name": name.strip(), "type": type_json(kind), "nullable": True, "metadata": {}}


def _parts(text: str) -> list[str]:
    """Cut at the commas that stand within no brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "<(") - (letter in ">)")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]
