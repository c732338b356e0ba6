"""Source contracts: `schemas/source/<feed>_<source>.<layout>.yaml` read as layouts.

Needs no Spark. A mistake in any of a feed's source contracts refuses all of them, and all mistakes
are told at once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strata.declare import known, resources
from strata.declare import protection as protect
from strata.declare.documents import read_yaml
from strata.declare.layout import DELIVERY, NO_HEADER, Field, Layout
from strata.declare.protection import Protection
from strata.errors import DeclarationError

if TYPE_CHECKING:
    from strata.declare import shapes

_FILE = re.compile(r"(?P<feed>[a-z0-9]+)_(?P<source>[a-z0-9_]+)\.(?P<layout>[a-z0-9_]+)\.yaml")


def load_layouts(feed: str, folder: Path | None = None) -> tuple[Layout, ...]:
    """Every layout of the feed's sources, sorted by source and name.

    DeclarationError lists every finding in every file at once.
    """
    paths = (
        sorted(folder.glob("*.yaml")) if folder else resources.search("schemas", "source/*.yaml")
    )
    findings: list[str] = []
    layouts = [
        layout
        for path in paths
        if path.name.startswith(f"{feed}_") and _names_feed(path, feed, findings)
        for layout in _parse_file(path, findings)
    ]
    if findings:
        raise DeclarationError(
            "source contracts must keep the rules:\n  " + "\n  ".join(findings), findings=findings
        )
    return tuple(
        sorted(
            layouts,
            key=lambda layout: (layout.source, layout.name),
        )
    )


def known_layouts(feed: str) -> tuple[Layout, ...]:
    """The same of the program's own source contracts, which are checked once for each state of
    them.
    """
    told = known.recall(f"layouts {feed}", lambda: [asdict(own) for own in load_layouts(feed)])
    return tuple(map(layout_again, told))


def layout_again(told: dict[str, Any]) -> Layout:
    """A layout as it was, from what JSON keeps of it."""
    lists = {name: tuple(told[name]) for name in ("aside", "one_of")}
    fields = tuple(Field(**{**own, "values": tuple(own["values"])}) for own in told["fields"])
    made = tuple(
        Protection(**{**own, "of": tuple(own["of"]), "values": tuple(own["values"])})
        for own in told["made"]
    )
    return Layout(**{**told, **lists, "fields": fields, "made": made})


def _names_feed(path: Path, feed: str, findings: list[str]) -> bool:
    match = _FILE.fullmatch(path.name)
    if not match:
        findings.append(f"{path.name}: a source contract is named <feed>_<source>.<layout>.yaml")
    return bool(match and match["feed"] == feed)


def _parse_file(path: Path, findings: list[str]) -> tuple[Layout, ...]:
    """The layout, or one for each of its years; none with at least one finding added."""
    from strata.declare import mistakes, shapes  # Pydantic takes a quarter of a second to import.

    own: list[str] = []
    try:
        document = read_yaml(path)
    except DeclarationError as error:
        findings.append(str(error))
        return ()
    shape = mistakes.read_shape(shapes.SourceContract, document, own)
    layout = _layout(path.name, shape, own) if shape else None
    findings += [f"{path.name}: {finding}" for finding in own]
    if own or not layout or not shape:
        return ()
    return _by_year(layout, shape.customProperties.years)


def _by_year(layout: Layout, years: Sequence[int]) -> tuple[Layout, ...]:
    """A publisher who names a field by the year of its release (`LAD25CD`) gives one layout a year:
    `{yy}` in a name stands for it.
    """
    if not years:
        return (layout,)
    return tuple(
        replace(
            layout,
            name=f"{layout.name}_{year:02}",
            contract=layout.name,
            fields=tuple(
                replace(f, name=f.name.replace("{yy}", f"{year:02}")) for f in layout.fields
            ),
        )
        for year in range(min(years), max(years) + 1)
    )


def _layout(file: str, shape: shapes.SourceContract, findings: list[str]) -> Layout:
    name = _FILE.fullmatch(file)
    assert name, "its caller matched the name"
    custom, entries = shape.customProperties, shape.objects[0].properties
    fields = tuple(_field(entry, findings) for entry in entries if _is_read(entry))
    made = tuple(_made(entry, findings) for entry in entries if not _is_read(entry))
    _check_fields(fields, made, findings)
    options = _options(custom, findings)
    _check_patterns(fields, options, findings)
    columns = {f.column for f in fields}
    findings += [
        f"constants.{column} is a field of the layout already"
        for column in custom.constants
        if column in columns
    ]
    known = columns | custom.constants.keys()
    if custom.crs in known:
        findings.append(f"crs is a column that the file's system fills; {custom.crs} is a field")
    findings += [
        f"one_of names columns of the layout; {column} is none"
        for column in custom.one_of
        if column not in columns
    ]
    findings += [
        f"aside names fields that are not read; {item} is one that is"
        for item in custom.aside
        if item in {f.name for f in fields}
    ]
    if custom.order is not None and custom.order != DELIVERY and custom.order not in known:
        findings.append(
            f"order must be {DELIVERY} or a column of the layout; found {custom.order!r}"
        )
    return Layout(
        name=name["layout"],
        feed=name["feed"],
        source=name["source"],
        table=custom.table,
        format=custom.format,
        fields=fields,
        options=options,
        constants=dict(custom.constants),
        order=custom.order,
        made=made,
        crs=custom.crs,
        one_of=tuple(custom.one_of),
        aside=tuple(custom.aside),
        whole=custom.whole,
        whole_of=custom.whole_of or name["layout"],
    )


def _is_read(entry: shapes.SourceField) -> bool:
    """Whether the entry is a field of the file; else the reader makes it of others."""
    return entry.customProperties.of is None


def _field(entry: shapes.SourceField, findings: list[str]) -> Field:
    custom = entry.customProperties
    _check_protection(entry, findings)
    if custom.pattern is not None:
        _check_pattern(entry.name, custom.pattern, findings)
    return Field(
        column=entry.name,
        name=entry.physicalName or entry.name,
        required=entry.required,
        protect=custom.protect,
        pattern=custom.pattern,
        values=tuple(custom.values),
        identifies=custom.identifies == "person",
    )


def _made(entry: shapes.SourceField, findings: list[str]) -> Protection:
    column, custom = entry.name, entry.customProperties
    of = tuple(custom.of or ())
    _check_protection(entry, findings)
    if not of or entry.physicalName is not None or entry.required:
        findings.append(
            f"{column}.of names the personal fields that the column is made of; it is no field "
            "itself, and not required"
        )
    if len(of) > 1 and custom.protect != "keyed_hash":
        findings.append(f"{column}.of: several fields give a keyed_hash, not {custom.protect!r}")
    return Protection(column, str(custom.protect), of, tuple(custom.values))


def _check_protection(entry: shapes.SourceField, findings: list[str]) -> None:
    column, custom = entry.name, entry.customProperties
    way, is_personal = custom.protect, entry.classification == "personal"
    if is_personal and way not in protect.WAYS:
        findings.append(
            f"{column}: a personal field is protected by one of {', '.join(protect.WAYS)}; "
            f"found {way!r}"
        )
    if way is not None and not is_personal:
        findings.append(f"{column}.protect is for a field classified as personal")
    if bool(custom.values) != (way == "listed"):
        findings.append(f"{column}.values stands with protect: listed, and with nothing else")
    is_whole = way in ("keyed_hash", "email") and custom.of is None
    if custom.identifies is not None and not is_whole:
        findings.append(
            f"{column}.identifies is for a field of the file that is protected as keyed_hash or "
            "email"
        )


def _check_pattern(column: str, pattern: str, findings: list[str]) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        findings.append(f"{column}.pattern must be a regular expression of Python; {error}")


def _check_fields(fields: Sequence[Field], made: Sequence[Protection], findings: list[str]) -> None:
    columns = [f.column for f in fields] + [rule.column for rule in made]
    findings += _twice("name", columns) + _twice("physicalName", [f.name for f in fields])
    if not any(f.required for f in fields):
        findings.append("at least one field must be required: the layout is known by them")
    personal = {f.column for f in fields if f.protect}
    findings += [
        f"{rule.column}.of names personal fields of the layout; {name} is none"
        for rule in made
        for name in rule.of
        if name not in personal
    ]


def _twice(key: str, names: Sequence[str]) -> list[str]:
    return [f"{key} {name} stands twice" for name in sorted(set(names)) if names.count(name) > 1]


def _check_patterns(
    fields: Sequence[Field], options: Mapping[str, str], findings: list[str]
) -> None:
    patterns = [f.column for f in fields if f.pattern is not None]
    is_bare = options.get("header") == NO_HEADER
    if is_bare and not any(f.required for f in fields if f.pattern is not None):
        findings.append(
            "pattern is missing: without a header some required column must have one, for the "
            "layout is known by them"
        )
    if not is_bare and patterns:
        findings.append(
            f"{patterns[0]}.pattern is for layouts without a header; a suite checks values"
        )


def _options(custom: shapes.SourceOptions, findings: list[str]) -> dict[str, str]:
    given = {
        "delimiter": (custom.delimiter, "csv"),
        "header": (custom.header, "csv"),
        "records": (custom.records, "json"),
    }
    findings += [
        f"{key} is for {of}, not for {custom.format}"
        for key, (value, of) in given.items()
        if value is not None and custom.format != of
    ]
    delimiter = custom.delimiter if custom.delimiter is not None else ","
    if len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n\0':
        findings.append(f"delimiter must be one ASCII character, not a quote; found {delimiter!r}")
    return {key: value for key, (value, _) in given.items() if value is not None}
