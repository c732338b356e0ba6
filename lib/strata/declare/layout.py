"""Source contracts: the layouts in which a feed's files are known to arrive."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from strata.declare import protection as protect
from strata.declare import resources
from strata.declare.contract import read_yaml
from strata.declare.protection import Protection
from strata.errors import BadFile, DeclarationError

FORMATS = ("csv", "json", "flatgeobuf")
DELIVERY = "delivery"

_COMMON = {"name", "physicalName", "description", "customProperties", "tags", "businessName",
           "logicalType", "physicalType", "authoritativeDefinitions"}  # fmt: skip
_TOP_KEYS = {"apiVersion", "kind", "id", "name", "version", "status", "domain", "description",
             "schema", "customProperties", "tags", "authoritativeDefinitions"}  # fmt: skip
_OBJECT_KEYS = _COMMON | {"properties", "dataGranularityDescription"}
_FIELD_KEYS = _COMMON | {"required", "classification", "examples"}
_CUSTOM = {"table", "format", "delimiter", "header", "records", "constants", "order"}
_FIELD_CUSTOM = {"unit", "protect", "of", "values", "pattern", "identifies"}
_OPTION_OF = {"delimiter": "csv", "header": "csv", "records": "json"}
NO_HEADER = "none"
_TABLE = re.compile(r"bronze\.[a-z][a-z0-9_]*")
_COLUMN = re.compile(r"[a-z][a-z0-9_]*")
_FILE = re.compile(r"(?P<feed>[a-z0-9]+)_(?P<source>[a-z0-9_]+)\.(?P<layout>[a-z0-9_]+)\.yaml")

READER = 1
"""Part of every bronze table's fingerprint: raise it when a mend changes what is read from the same
bytes.
"""


@dataclass(frozen=True)
class Field:
    """One field of a layout and the bronze column it becomes."""

    column: str
    name: str  # in the file: a header name, or a dotted path such as `properties.name`
    required: bool = False  # the file's header must have it
    protect: str | None = (
        None  # what becomes of a personal field, one of protect.WAYS; None: it is open
    )
    pattern: str | None = (
        # without a header: what its text must match in the first record, or be empty if not
        # required
        None
    )
    values: tuple[str, ...] = ()  # of a field protected as `listed`: what is let through
    identifies: bool = False  # a person is known by it, and found by it who asks to be forgotten

    @property
    def is_personal(self) -> bool:
        return self.protect is not None


@dataclass(frozen=True)
class Layout:
    """One known way in which a source's files arrive, as its source contract tells it."""

    name: str  # the last part of the contract's name: `isis` in `soil_samples.isis.yaml`
    feed: str
    source: str
    table: str  # the bronze table it fills
    format: str  # one of FORMATS
    fields: tuple[Field, ...]
    options: Mapping[str, str] = field(default_factory=dict)  # delimiter, header, records
    constants: Mapping[str, str] = field(default_factory=dict)  # bronze column -> its fixed text
    order: str | None = None  # a bronze column, or `delivery`; None: records have no order
    made: tuple[Protection, ...] = ()  # personal columns that the reader makes of other fields

    @property
    def delimiter(self) -> str:
        """What stands between the fields of a CSV."""
        return self.options.get("delimiter", ",")

    @property
    def has_header(self) -> bool:
        """Whether its files tell the names of their fields; else these stand in the order of
        `fields`.
        """
        return self.options.get("header") != NO_HEADER

    @property
    def columns(self) -> tuple[str, ...]:
        """What is read from the file: its fields, then its constants."""
        return (*(f.column for f in self.fields), *self.constants)

    @property
    def bronze_columns(self) -> tuple[str, ...]:
        """The bronze columns it fills: without the fields that the reader drops, and with those it
        makes.
        """
        dropped = {f.column for f in self.fields if f.protect == "drop"}
        return (
            *(name for name in self.columns if name not in dropped),
            *(rule.column for rule in self.made),
        )

    @property
    def personal(self) -> tuple[Protection, ...]:
        """What becomes of each personal field, and what is made of them; empty for a source without
        any.
        """
        return (
            *(
                Protection(f.column, f.protect, values=f.values, identifies=f.identifies)
                for f in self.fields
                if f.protect
            ),
            *self.made,
        )

    @property
    def identifying(self) -> tuple[Protection, ...]:
        """The personal fields by which a person is known."""
        return tuple(rule for rule in self.personal if rule.identifies)

    @property
    def required(self) -> frozenset[str]:
        """The fields by which it is known."""
        return frozenset(f.name for f in self.fields if f.required)

    @property
    def named(self) -> frozenset[str]:
        """Every field it names."""
        return frozenset(f.name for f in self.fields)


# --- which layout a file has ------------------------------------------------------------------


def match_layout(header: Iterable[str], layouts: Sequence[Layout]) -> Layout:
    """The layout whose required fields are all in the header; of several, the most demanding.

    BadFile tells the nearest layout and what is missing; DeclarationError where two are equal.
    """
    found = frozenset(header)
    fits = [layout for layout in layouts if layout.required <= found]
    if not fits:
        raise _no_layout(found, layouts)
    most = max(len(layout.required) for layout in fits)
    return _only([layout for layout in fits if len(layout.required) == most], "header")


def _only(best: Sequence[Layout], what: str) -> Layout:
    if len(best) > 1:
        names = " and ".join(sorted(layout.name for layout in best))
        raise DeclarationError(
            f"a file has one layout; {names} fit this {what} equally well: require another "
            "field in one of them",
            layouts=[layout.name for layout in best],
        )
    return best[0]


def _no_layout(found: frozenset[str], layouts: Sequence[Layout]) -> BadFile:
    nearest = min(
        layouts,
        key=lambda layout: (-len(layout.required & found), len(layout.required), layout.name),
    )
    missing = sorted(nearest.required - found)
    # Where people are told of, a "header" may be somebody's record: then only its length is told.
    told = (
        f"{len(found)} fields"
        if any(layout.personal for layout in layouts)
        else _listed(sorted(found)) or "none"
    )
    return BadFile(
        f"its fields must be those of a known layout; the nearest, {nearest.name}, also needs "
        f"{_listed(missing)}; found {told}",
        nearest=nearest.name,
        missing=missing,
    )


def match_record(values: Sequence[str], layouts: Sequence[Layout]) -> Layout:
    """The layout without a header that the first record of a file fits; of several, the one with
    most patterns.

    BadFile tells what the record breaks of each; DeclarationError where two are equal.
    """
    broken = {layout.name: _why_not(values, layout) for layout in layouts}
    fits = [layout for layout in layouts if not broken[layout.name]]
    if not fits:
        told = "; ".join(f"{name}: {why}" for name, why in broken.items())
        raise BadFile(
            "a file without a header is known by its first record, and this one fits no "
            f"layout: {told}; "
            "take a header row away, or mend that record",
            nearest=layouts[0].name,
        )
    most = max(sum(f.pattern is not None for f in layout.fields) for layout in fits)
    return _only(
        [layout for layout in fits if sum(f.pattern is not None for f in layout.fields) == most],
        "record",
    )


def _why_not(values: Sequence[str], layout: Layout) -> str:
    """What of the layout a record breaks; empty where it fits."""
    if len(values) != len(layout.fields):
        return f"it has {len(layout.fields)} columns, not {len(values)}"
    for number, (known, value) in enumerate(zip(layout.fields, values, strict=True), 1):
        if not value and not known.required:
            continue
        if not value or (known.pattern and not re.fullmatch(known.pattern, value)):
            # Only the place is told: the value may be personal.
            return (
                f"column {number}, {known.name}, must "
                f"{'match ' + known.pattern if known.pattern else 'not be empty'}"
            )
    return ""


def _listed(names: Sequence[str], most: int = 20) -> str:
    shown = ", ".join(repr(name[:60]) for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


# --- reading source contracts -----------------------------------------------------------------


def load_layouts(feed: str, folder: Path | None = None) -> tuple[Layout, ...]:
    """Every layout of the feed's sources, sorted by source and name.

    DeclarationError lists every finding in every file at once.
    """
    paths = (
        sorted(folder.glob("*.yaml")) if folder else resources.search("schemas", "source/*.yaml")
    )
    findings: list[str] = []
    layouts = [
        _parse_file(path, findings)
        for path in paths
        if path.name.startswith(f"{feed}_") and _names_feed(path, feed, findings)
    ]
    if findings:
        raise DeclarationError(
            "source contracts must keep the rules:\n  " + "\n  ".join(findings), findings=findings
        )
    return tuple(
        sorted(
            (layout for layout in layouts if layout),
            key=lambda layout: (layout.source, layout.name),
        )
    )


def _names_feed(path: Path, feed: str, findings: list[str]) -> bool:
    match = _FILE.fullmatch(path.name)
    if not match:
        findings.append(f"{path.name}: a source contract is named <feed>_<source>.<layout>.yaml")
    return bool(match and match["feed"] == feed)


def _parse_file(path: Path, findings: list[str]) -> Layout | None:
    """The layout, or None with at least one finding added."""
    before = len(findings)
    check = _Check(path.name, findings)
    try:
        document = read_yaml(path)
    except DeclarationError as error:
        findings.append(str(error))
        return None
    layout = _parse(path.name, document, check)
    return layout if len(findings) == before else None


@dataclass(frozen=True)
class _Check:
    """Collects findings about one file."""

    file: str
    findings: list[str]

    def add(self, key: str, rule: str) -> None:
        self.findings.append(f"{self.file}: {key}: {rule}")

    def keys(self, where: str, found: Mapping[str, Any], known: set[str]) -> None:
        for key in found:
            if key not in known:
                self.add(f"{where}{key}", "is not a key of a source contract")

    def text(self, where: str, value: Any, pattern: re.Pattern[str] | None = None) -> str:
        if not isinstance(value, str) or not value:
            self.add(where, f"must be text; got {value!r}")
            return ""
        if pattern and not pattern.fullmatch(value):
            self.add(where, f"must match {pattern.pattern}; got {value!r}")
        return value

    def custom(self, where: str, holder: Mapping[str, Any], known: set[str]) -> dict[str, Any]:
        """customProperties as a mapping; an unknown, repeated or misshapen one is a finding."""
        values: dict[str, Any] = {}
        for item in holder.get("customProperties") or []:
            if not isinstance(item, dict) or not {"property", "value"} <= item.keys():
                self.add(f"{where}customProperties", f"each has property and value; got {item!r}")
            elif item["property"] not in known:
                self.add(
                    f"{where}{item['property']}", "is not a custom property of a source contract"
                )
            elif item["property"] in values:
                self.add(f"{where}{item['property']}", "stands twice")
            else:
                values[item["property"]] = item["value"]
        return values


def _parse(file: str, document: Mapping[str, Any], check: _Check) -> Layout:
    name = _FILE.fullmatch(file)
    assert name, "its caller matched the name"
    check.keys("", document, _TOP_KEYS)
    custom = check.custom("", document, _CUSTOM)
    format_ = custom.get("format")
    if format_ not in FORMATS:
        check.add("format", f"must be one of {', '.join(FORMATS)}; got {format_!r}")
    fields, made = _parse_fields(document.get("schema"), check)
    options = _parse_options(custom, format_, check)
    _check_patterns(fields, options, check)
    constants = _parse_constants(custom.get("constants"), fields, check)
    columns = {f.column for f in fields} | constants.keys()
    return Layout(
        name=name["layout"],
        feed=name["feed"],
        source=name["source"],
        table=check.text("table", custom.get("table"), _TABLE),
        format=str(format_),
        fields=fields,
        options=options,
        constants=constants,
        order=_parse_order(custom.get("order"), columns, check),
        made=made,
    )


def _parse_fields(schema: Any, check: _Check) -> tuple[tuple[Field, ...], tuple[Protection, ...]]:
    """The fields of the file, and the columns that the reader makes of personal ones."""
    if not isinstance(schema, list) or len(schema) != 1 or not isinstance(schema[0], dict):
        check.add("schema", "must hold exactly one object")
        return (), ()
    check.keys("schema.", schema[0], _OBJECT_KEYS)
    properties = schema[0].get("properties")
    if not isinstance(properties, list) or not all(isinstance(p, dict) for p in properties):
        check.add("schema.properties", "must be a list of mappings")
        return (), ()
    parsed = [_parse_field(entry, check) for entry in properties]
    fields = tuple(item for item in parsed if isinstance(item, Field))
    made = tuple(item for item in parsed if isinstance(item, Protection))
    _check_once("name", [item.column for item in parsed], check)
    _check_once("physicalName", [f.name for f in fields], check)
    if not any(f.required for f in fields):
        check.add("required", "at least one field must be required: the layout is known by them")
    personal = {f.column for f in fields if f.protect}
    for rule in made:
        for name in rule.of:
            if name not in personal:
                check.add(
                    f"{rule.column}.of", f"names personal fields of the layout; {name} is none"
                )
    return fields, made


def _parse_field(entry: Mapping[str, Any], check: _Check) -> Field | Protection:
    column = check.text("name", entry.get("name"), _COLUMN)
    check.keys(f"{column}.", entry, _FIELD_KEYS)
    custom = check.custom(f"{column}.", entry, _FIELD_CUSTOM)
    way, pattern = custom.get("protect"), custom.get("pattern")
    if pattern is not None:
        pattern = _parse_pattern(f"{column}.pattern", pattern, check)
    is_personal = entry.get("classification") == "personal"
    if is_personal and way not in protect.WAYS:
        check.add(
            f"{column}.protect",
            f"a personal field is protected by one of {', '.join(protect.WAYS)}; got {way!r}",
        )
    if way is not None and not is_personal:
        check.add(f"{column}.protect", "is for a field classified as personal")
    required = entry.get("required", False)
    if not isinstance(required, bool):
        check.add(f"{column}.required", f"must be true or false; got {required!r}")
    values = _parse_texts(f"{column}.values", custom.get("values", []), check)
    if bool(values) != (way == "listed"):
        check.add(f"{column}.values", "stands with protect: listed, and with nothing else")
    identifies = custom.get("identifies")
    if identifies is not None and (
        identifies != "person" or way not in ("keyed_hash", "email") or "of" in custom
    ):
        check.add(
            f"{column}.identifies",
            "is person, for a field of the file that is protected as keyed_hash or email",
        )
    if "of" not in custom:
        name = check.text(f"{column}.physicalName", entry.get("physicalName", column))
        return Field(column, name, required is True, way, pattern, values, identifies == "person")
    of = _parse_texts(f"{column}.of", custom["of"], check)
    if not of or "physicalName" in entry or required:
        check.add(
            f"{column}.of",
            "names the personal fields that the column is made of; it is no field itself, "
            "and not required",
        )
    if len(of) > 1 and way != "keyed_hash":
        check.add(f"{column}.of", f"several fields give a keyed_hash, not {way!r}")
    return Protection(column, str(way), of, values)


def _parse_texts(where: str, value: Any, check: _Check) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(text, str) and text for text in value):
        check.add(where, f"must be a list of texts; got {value!r}")
        return ()
    return tuple(value)


def _parse_pattern(where: str, value: Any, check: _Check) -> str:
    text = check.text(where, value)
    try:
        re.compile(text)
    except re.error as error:
        check.add(where, f"must be a regular expression of Python; {error}")
    return text


def _check_patterns(fields: Sequence[Field], options: Mapping[str, str], check: _Check) -> None:
    patterns = [f.column for f in fields if f.pattern is not None]
    if options.get("header") == NO_HEADER and not any(
        f.required for f in fields if f.pattern is not None
    ):
        check.add(
            "pattern",
            "without a header some required column must have one: the layout is known by them",
        )
    if options.get("header") != NO_HEADER and patterns:
        check.add(
            f"{patterns[0]}.pattern", "is for layouts without a header; a suite checks values"
        )


def _check_once(key: str, names: Sequence[str], check: _Check) -> None:
    for name in sorted({n for n in names if names.count(n) > 1}):
        check.add(key, f"{name} stands twice")


def _parse_options(custom: Mapping[str, Any], format_: Any, check: _Check) -> dict[str, str]:
    options = {}
    for key, of in _OPTION_OF.items():
        if key in custom and format_ != of:
            check.add(key, f"is for {of}, not for {format_}")
        elif key in custom:
            options[key] = check.text(key, custom[key])
    if options.get("header", NO_HEADER) != NO_HEADER:
        check.add("header", f"must be {NO_HEADER}, or left out; got {options['header']!r}")
    delimiter = options.get("delimiter", ",")
    if len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n\0':
        check.add("delimiter", f"must be one ASCII character, not a quote; got {delimiter!r}")
    return options


def _parse_constants(value: Any, fields: Sequence[Field], check: _Check) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        check.add("constants", f"must map bronze columns to texts; got {value!r}")
        return {}
    for column, constant in value.items():
        check.text("constants", column, _COLUMN)
        check.text(f"constants.{column}", constant)
        if column in {f.column for f in fields}:
            check.add(f"constants.{column}", "is a field of the layout already")
    return dict(value)


def _parse_order(value: Any, columns: set[str], check: _Check) -> str | None:
    if value is not None and value != DELIVERY and value not in columns:
        check.add("order", f"must be {DELIVERY} or a column of the layout; got {value!r}")
    return value
