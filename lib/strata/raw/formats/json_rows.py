"""JSON records as the bronze columns of a layout; see `json_records` for the rules."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from json.decoder import scanstring  # type: ignore[attr-defined]  # public in all but its stub
from typing import Any

import pyarrow as pa

from strata.declare.layout import Layout
from strata.raw.formats.chunks import MAX_RECORD_BYTES, Chunk, Row, batches_of, kept_text
from strata.raw.formats.json_text import STRING, Decoder, Record, Text, record_at, skip_space

_COMPACT = re.compile(rf"({STRING})|[ \t\r\n]+|(-?Infinity|NaN)", re.DOTALL)


# Of a sound record: what `Decoder` notes is known.
_DECODE = json.JSONDecoder(parse_constant=lambda _: None, parse_float=str, parse_int=str).raw_decode
MEMBER_NAME = "*"
"""The field of a layout that holds a member's name, where the records are an object's members."""


def read(
    blocks: Iterable[bytes],
    chunk: Chunk,
    rows: Callable[[Text, Chunk, Layout], Iterator[Row]],
    layout: Layout,
) -> Iterator[pa.RecordBatch]:
    """The chunk's records as the layout's bronze columns, in file order."""
    yield from batches_of(rows(Text(blocks, chunk.start), chunk, layout), layout)


def value_rows(text: Text, chunk: Chunk, layout: Layout) -> Iterator[Row]:
    """A chunk's records of JSON values, as rows."""
    inner = prefixes([layout])
    for number in range(chunk.first_record, chunk.first_record + chunk.records):
        if text.next() == ",":
            text.take(",")
            text.next()
        start = text.offset
        record = text.record()
        yield _row(record, number, text.offset - start, layout, inner)


def member_rows(text: Text, chunk: Chunk, layout: Layout) -> Iterator[Row]:
    """The members of an object: each one's value is a record, and its name is the field `*`."""
    inner = prefixes([layout])
    columns = [f.column for f in layout.fields if f.name == MEMBER_NAME]
    for number in range(chunk.first_record, chunk.first_record + chunk.records):
        if text.next() == ",":
            text.take(",")
            text.next()
        start = text.offset
        name, record = member_record(text)
        row = _row(record, number, text.offset - start, layout, inner)
        if row.values is not None:
            row = replace(row, values=row.values | dict.fromkeys(columns, name))
        yield row


def member_record(text: Text) -> tuple[str, Record]:
    """The member that begins here, its name and its value; goes past it.

    A value that is no object, or a name that no table can hold, makes a record that does not parse.
    """
    name = text.key()
    text.next()
    record = text.record()
    if record.is_sound and _can_be_held(name):
        return name, record
    return name, Record(f"{json.dumps(name)}:{record.text}", None, is_sound=False)


def _can_be_held(name: str) -> bool:
    try:
        return b"\0" not in name.encode()
    except UnicodeEncodeError:
        return False


def line_rows(text: Text, chunk: Chunk, layout: Layout) -> Iterator[Row]:
    """A chunk's records of JSON Lines, as rows."""
    inner, decoder = prefixes([layout]), Decoder()
    number = chunk.first_record
    while text.next() and (found := text.line()):
        line, size = found
        yield _row(_line_record(line, size, decoder), number, size, layout, inner)
        number += 1


def _line_record(line: str, size: int, decoder: Decoder) -> Record:
    """The line's record, or the line itself as one that does not parse."""
    line = line.rstrip(" \t\r")
    unparsed = Record(line, None, is_sound=False)
    if size > MAX_RECORD_BYTES:
        return unparsed
    try:
        record, end = record_at(line, 0, decoder)
    except json.JSONDecodeError:
        return unparsed
    return record if end == len(line) else unparsed


class _Twice(Exception):
    """Two members of a record have the same dotted path."""


def _row(record: Record, number: int, size: int, layout: Layout, inner: frozenset[str]) -> Row:
    if record.is_sound:
        try:
            values, extra = _values(record.text, layout, inner)
            return Row(number, size, values, extra)
        except _Twice:
            pass
    return Row(number, size, None, raw=kept_text(record.text.encode(), size))


def _values(
    text: str, layout: Layout, inner: frozenset[str]
) -> tuple[dict[str, str | None], str | None]:
    """The layout's columns, and the JSON of what it does not name, keyed by dotted path."""
    found: dict[str, tuple[Any, str]] = {}
    for path, value, source in _leaves(text, 0, "", inner, layout.named):
        if path in found:
            raise _Twice
        found[path] = value, source
    values = {f.column: _text(*found[f.name]) if f.name in found else None for f in layout.fields}
    extra = [
        f"{json.dumps(path, ensure_ascii=False)}:{_compact(source)}"
        for path, (value, source) in found.items()
        if path not in layout.named and value is not None
    ]
    return values, "{" + ",".join(extra) + "}" if extra else None


def _leaves(
    text: str, start: int, prefix: str, inner: frozenset[str], named: frozenset[str]
) -> Iterator[tuple[str, Any, str]]:
    """(path, value, its source text) of each member, and of the members of the objects to look
    into.
    """
    for key, value, begin, end in _members(text, start):
        path = prefix + key
        if path in inner and isinstance(value, dict):
            yield from _leaves(text, begin, path + ".", inner, named)
            if path not in named:
                continue
        yield path, value, text[begin:end]


def _members(text: str, start: int) -> Iterator[tuple[str, Any, int, int]]:
    """(key, value, where its source begins and ends) of the sound object that begins at `start`."""
    place = skip_space(text, start + 1)
    while text[place] != "}":
        key, end = scanstring(text, place + 1)
        begin = skip_space(text, skip_space(text, end) + 1)
        value, end = _DECODE(text, begin)
        yield key, value, begin, end
        place = skip_space(text, end)
        if text[place] == ",":
            place = skip_space(text, place + 1)


def _text(value: Any, source: str) -> str | None:
    """A value as a bronze column holds it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        return _compact(source)
    return value  # text, the digits of a number, or None


def _compact(source: str) -> str:
    """JSON text without white space between tokens, every token as it stands; NaN becomes null."""
    return _COMPACT.sub(lambda m: m.group(1) or ("null" if m.group(2) else ""), source)


def prefixes(layouts: Sequence[Layout]) -> frozenset[str]:
    """The objects to look into: `a` and `a.b` for a field `a.b.c`."""
    names = [name.split(".") for layout in layouts for name in layout.named]
    return frozenset(".".join(parts[:i]) for parts in names for i in range(1, len(parts)))
