"""What the YAML files may hold, as pydantic models, and every mistake in words.

Contracts and source contracts follow the Open Data Contract Standard v3, of which only the keys
named here are known; suites have Great Expectations' own keys. An unknown key is a mistake. What
the parts say of each other is checked by `contract`, `layout` and `suite`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

Text = Annotated[str, Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)


def by_name(value: Any) -> Any:
    """The standard's list of `{property, value}` as a mapping."""
    if not isinstance(value, list):
        return value
    found: dict[str, Any] = {}
    for item in value:
        if not isinstance(item, dict) or item.keys() != {"property", "value"}:
            raise ValueError(f"each has property and value; found {item!r}")
        if item["property"] in found:
            raise ValueError(f"{item['property']} stands twice")
        found[item["property"]] = item["value"]
    return found


# --- contracts of tables ------------------------------------------------------------------------


class TableOptions(_Strict):
    """Custom properties of a table."""

    allowEmpty: bool = False
    orderBy: list[Text] = []


class ColumnOptions(_Strict):
    """Custom properties of a column."""

    unit: Text | None = None


class Column(_Strict):
    """One column of a table."""

    name: Text
    description: Text
    logicalType: Text
    physicalName: Text | None = None
    physicalType: Text | None = None
    required: bool = False
    unique: bool = False
    primaryKey: bool = False
    primaryKeyPosition: int | None = None
    partitioned: bool = False
    partitionKeyPosition: int | None = None
    classification: str | None = None
    tags: list[str] = []
    customProperties: Annotated[ColumnOptions, BeforeValidator(by_name)] = ColumnOptions()
    examples: list[Any] = []
    logicalTypeOptions: dict[str, Any] = {}
    items: dict[str, Any] = {}
    properties: list[Any] = []


class _Thing(_Strict):
    """What the object of either kind of contract may say besides."""

    name: str | None = None
    physicalName: str | None = None
    logicalType: str | None = None
    physicalType: str | None = None
    businessName: str | None = None
    description: str | None = None
    tags: list[str] = []
    authoritativeDefinitions: list[dict[str, Any]] = []


class TableObject(_Thing):
    """The one object of a table's contract."""

    dataGranularityDescription: Text
    properties: list[Column] = []
    customProperties: Annotated[TableOptions, BeforeValidator(by_name)] = TableOptions()


class Purpose(_Strict):
    """Why there is such a table or layout."""

    purpose: Text
    usage: str | None = None
    limitations: str | None = None


class _Document(_Strict):
    """The head of either kind of contract."""

    id: Text
    apiVersion: str | None = None
    kind: str | None = None
    name: str | None = None
    version: str | None = None
    status: str | None = None
    domain: str | None = None
    tags: list[str] = []
    authoritativeDefinitions: list[dict[str, Any]] = []


class TableContract(_Document):
    """The contract of a table."""

    description: Purpose
    objects: Annotated[list[TableObject], Field(alias="schema", min_length=1, max_length=1)]
    customProperties: list[Any] = []


# --- contracts of sources -----------------------------------------------------------------------


class SourceFieldOptions(_Strict):
    """Custom properties of a field of a file."""

    unit: Text | None = None
    protect: Text | None = None
    of: list[Text] | None = None
    values: list[Text] = []
    pattern: Text | None = None
    identifies: Literal["person"] | None = None


class SourceField(_Strict):
    """One field of a file."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*\z")]
    physicalName: Text | None = None
    description: str | None = None
    logicalType: str | None = None
    physicalType: str | None = None
    businessName: str | None = None
    required: bool = False
    classification: str | None = None
    examples: list[Any] = []
    tags: list[str] = []
    authoritativeDefinitions: list[dict[str, Any]] = []
    customProperties: Annotated[SourceFieldOptions, BeforeValidator(by_name)] = SourceFieldOptions()


class SourceObject(_Thing):
    """The one object of a source contract."""

    dataGranularityDescription: str | None = None
    properties: list[SourceField]
    customProperties: list[Any] = []


class SourceOptions(_Strict):
    """Custom properties of a source contract."""

    table: Annotated[str, Field(pattern=r"^bronze\.[a-z][a-z0-9_]*\z")]
    format: Literal["csv", "json", "flatgeobuf", "vector", "overpass"]
    delimiter: Text | None = None
    header: Literal["none"] | None = None
    records: Text | None = None
    constants: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*\z")], Text] = {}
    order: Text | None = None
    crs: Text | None = None
    one_of: list[Text] = []
    years: list[int] = []
    aside: list[Text] = []
    whole: bool = False
    whole_of: Text | None = None


class SourceContract(_Document):
    """The contract of a layout in which a source's files arrive."""

    description: Purpose | None = None
    objects: Annotated[list[SourceObject], Field(alias="schema", min_length=1, max_length=1)]
    customProperties: Annotated[SourceOptions, BeforeValidator(by_name)]


# --- suites -------------------------------------------------------------------------------------


class Rule(_Strict):
    """One expectation of a suite."""

    type: Text
    severity: Literal["critical", "warning"]
    description: Text
    kwargs: dict[str, Any] = {}
    meta: dict[str, Any] = {}


def _share(value: Any) -> Any:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= 1:
        raise ValueError(f"must be a number in [0, 1]; found {value!r}")
    return float(value)


class SuiteDocument(_Strict):
    """The suite of a table."""

    table: Text
    max_rejected_share: Annotated[float, BeforeValidator(_share)]
    expectations: Annotated[list[Rule], Field(min_length=1)]


# --- mistakes in words --------------------------------------------------------------------------

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
