"""A document read as its shape, with every mistake in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

M = TypeVar("M", bound=BaseModel)


def read_shape(model: type[M], document: Mapping[str, Any], findings: list[str]) -> M | None:
    """The document as the model has it; None where it has not its shape.

    Every mistake is added to `findings`. Unknown keys alone are left out, so that what the rest
    says can still be checked.
    """
    try:
        return model.model_validate(document)
    except ValidationError as error:
        mistakes = error.errors(include_url=False)
    findings += [_in_words(details, document) for details in mistakes]
    if all(details["type"] == "extra_forbidden" for details in mistakes):
        return model.model_validate(document, extra="ignore")
    return None


def _in_words(details: ErrorDetails, document: Mapping[str, Any]) -> str:
    where, key, is_custom = _place(details["loc"], document)
    known = _missing if details["input"] is None else _WORDS.get(details["type"])
    said = known(key, details) if known else f"{key} {_plain(details)}"
    if is_custom:
        said = said.replace("unknown key", "unknown custom property")
    return f"{where}: {said}" if where else said


def _place(loc: tuple[int | str, ...], document: Mapping[str, Any]) -> tuple[str, str, bool]:
    """Where in the file, by the names that stand there; the key; whether a custom property."""
    names: list[str] = []
    holder: Any = document
    for step in loc[:-1]:
        holder = _inside(holder, step)
        if step == "schema" and loc[-1] not in ("dataGranularityDescription",) and len(loc) == 3:
            names.append("schema")
        elif isinstance(step, int) and isinstance(holder, dict) and "type" in holder:
            names.append(f"expectation {step + 1}")
        elif isinstance(step, int) and isinstance(holder, dict) and "properties" not in holder:
            names.append(str(holder.get("name") or f"column {step + 1}"))
        elif step in ("description", "constants", "kwargs"):
            names.append(str(step))
    last = loc[-1]
    key = str(last)
    if isinstance(last, int):
        key = f"expectation {last + 1}" if loc[:-1] == ("expectations",) else str(loc[-2])
    return ".".join(names), key, "customProperties" in loc[:-1]


def _inside(holder: Any, step: int | str) -> Any:
    if isinstance(holder, list) and isinstance(step, int):
        return holder[step]
    return holder.get(step) if isinstance(holder, dict) else None


def _plain(details: ErrorDetails) -> str:
    text = details["msg"].removeprefix("Value error, ")
    return text[0].lower() + text[1:]


def _kind_of(details: ErrorDetails) -> str:
    return type(details["input"]).__name__


def _must(rule: str) -> Callable[[str, ErrorDetails], str]:
    return lambda key, details: f"{key} must be {rule}; found {details['input']!r}"


def _must_be_of(kind: str) -> Callable[[str, ErrorDetails], str]:
    return lambda key, details: f"{key} must be {kind}; found {_kind_of(details)}"


def _literal(key: str, details: ErrorDetails) -> str:
    allowed = str(details.get("ctx", {}).get("expected", "")).replace("'", "")
    return f"{key} must be {allowed}; found {details['input']!r}"


def _length(key: str, details: ErrorDetails) -> str:
    if key == "schema":
        return f"schema must hold exactly one object; found {len(details['input'])}"
    return f"{key} must hold at least one; without any it would pass anything"


def _pattern(key: str, details: ErrorDetails) -> str:
    return f"{key} must match {details.get('ctx', {}).get('pattern')}; found {details['input']!r}"


def _missing(key: str, _: ErrorDetails) -> str:
    return f"{key} is missing"


_WORDS: dict[str, Callable[[str, ErrorDetails], str]] = {
    "missing": _missing,
    "string_too_short": _missing,
    "extra_forbidden": lambda key, _: f"unknown key {key}",
    "bool_type": _must("true or false"),
    "string_type": _must("text"),
    "int_type": _must("a whole number"),
    "float_type": _must("a number"),
    "literal_error": _literal,
    "string_pattern_mismatch": _pattern,
    "list_type": _must_be_of("a list"),
    "dict_type": _must_be_of("a mapping"),
    "model_type": _must_be_of("a mapping"),
    "too_short": _length,
    "too_long": _length,
}
