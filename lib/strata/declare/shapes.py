"""What the YAML files may hold, as pydantic models; `mistakes` puts what they find in words.

Contracts and source contracts follow the Open Data Contract Standard v3, of which only the keys
named here are known; suites have Great Expectations' own keys. An unknown key is a mistake. What
the parts say of each other is checked by `contract`, `layout` and `suite`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

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
    told_above_share: Annotated[float, BeforeValidator(_share)] = 0.01
    expectations: Annotated[list[Rule], Field(min_length=1)]
