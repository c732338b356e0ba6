"""JSON records: an array (at the top, or at a path such as `features`), JSON Lines, or objects in a row.

Nothing is held in memory but the record at hand. Three parsers, chosen by the look:

- `json-array`: records stand between commas. A document that is cut off or malformed is refused.
- `json-lines`: every line that is not blank is a record; a line that does not parse is quarantined.
- `json-objects`: objects follow each other, on one line or many. A malformed one is refused, for
  nobody can tell where it ends.

Values become text: a string is itself, a number keeps its digits as they stand, an object or array
becomes compact JSON. `null`, `NaN` and `Infinity` are null; the last two are noted, for they are
no JSON, yet Natural Earth's GeoJSON is full of them.

A record that is well-formed but no object, or holds a key twice, a NUL, half a surrogate pair, or
more than 200 levels, is counted and comes back whole in `_raw_record`.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from json.decoder import scanstring  # type: ignore[attr-defined]  # public in all but its stub
from typing import Any

import pyarrow as pa

from strata.errors import BadFile
from strata.formats.chunks import (
    MAX_COLUMNS,
    MAX_RECORD_BYTES,
    Chunk,
    Planner,
    Row,
    Scan,
    batches_of,
    kept_text,
)
from strata.source import Layout, match_layout

ARRAY, LINES, OBJECTS = "json-array", "json-lines", "json-objects"
MAX_DEPTH = 200
# To find each that a line seems to begin something endless takes a long look ahead.
_MAX_ENDLESS_LINES = 3

_SPACE = re.compile(r"[ \t\r\n]*")
_SPACE_IN_LINE = re.compile(r"[ \t\r]*")
_STRING = r'"[^"\\]*(?:\\.[^"\\]*)*"'
_TOKEN = re.compile(rf"{_STRING}|[\[\]{{}}]", re.DOTALL)
_COMPACT = re.compile(rf"({_STRING})|[ \t\r\n]+|(-?Infinity|NaN)", re.DOTALL)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


class _Malformed(Exception):
    """The text is not JSON here, and more of it would not help."""


class _Endless(_Malformed):
    """What begins here goes on up to the end of the file, or further than a record may."""


def _too_long() -> _Malformed:
    return _Endless(f"a record takes at most {MAX_RECORD_BYTES} bytes")


# --- one value --------------------------------------------------------------------------------


@dataclass
class _Decoder:
    """Python's JSON decoder, noting on the way what it would pass over in silence."""

    has_twice: bool = False  # a key stands twice in one object
    has_constant: bool = False  # NaN, Infinity or -Infinity
    decode: Callable[[str, int], tuple[Any, int]] = field(init=False)

    def __post_init__(self) -> None:
        self.decode = json.JSONDecoder(
            object_pairs_hook=self._object,
            parse_constant=self._constant,
            # Numbers are never computed with: text cannot overflow, and 5,000 digits are no error.
            parse_float=str,
            parse_int=str,
        ).raw_decode

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        self.has_twice |= len(found) < len(pairs)
        return found

    def _constant(self, _: str) -> None:
        self.has_constant = True


@dataclass(frozen=True)
class _Record:
    """One value as it stands in the text."""

    text: str
    value: Any  # None where it was too deep to decode
    is_sound: bool  # False: counted, but not parsed
    has_constant: bool = False


def _record_at(text: str, start: int) -> tuple[_Record, int]:
    """The value that begins at `start`, and where it ends.

    JSONDecodeError where there is none, or not yet.
    """
    decoder = _Decoder()
    try:
        value, end = decoder.decode(text, start)
    except RecursionError:
        end = _end_of_brackets(text, start)
        return _Record(text[start:end], None, False), end
    found = text[start:end]
    is_sound = isinstance(value, dict) and not decoder.has_twice and not _is_odd(found, value)
    return _Record(found, value, is_sound, decoder.has_constant), end


def _is_odd(text: str, value: Any) -> bool:
    """Whether it is well-formed JSON that no table could hold."""
    if "\\u0000" in text and _NUL.search(text):
        return True
    if _SURROGATE.search(text) and _has_half_pair(value):
        return True
    return _depth_over(text, MAX_DEPTH)


def _has_half_pair(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _depth_over(text: str, limit: int) -> bool:
    if text.count("[") + text.count("{") <= limit:
        return False
    depth = 0
    for token in _TOKEN.finditer(text):
        depth += _step(token.group())
        if depth > limit:
            return True
    return False


def _end_of_brackets(text: str, start: int) -> int:
    """Where the array or object ends that is nested too deeply to decode."""
    depth = 0
    for token in _TOKEN.finditer(text, start):
        depth += _step(token.group())
        if depth == 0:
            return token.end()
    raise json.JSONDecodeError("Expecting a closing bracket", text, len(text))


def _step(token: str) -> int:
    return 1 if token in "[{" else -1 if token in "]}" else 0


# --- the text as it comes in ------------------------------------------------------------------


class _Text:
    """A window over the file's text that grows as more is needed and knows its place in bytes."""

    def __init__(self, blocks: Iterable[bytes], offset: int) -> None:
        self._blocks = iter(blocks)
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._is_over = False
        self.window = ""
        self.place = 0  # in the window
        self.offset = offset  # the same place in the file, in bytes

    def more(self) -> bool:
        """Takes at least as much again as the window still holds; False at the end of the file."""
        self.window = self.window[self.place :]
        self.place = 0
        parts, size, wanted = [self.window], 0, max(len(self.window), 1)
        while size < wanted and not self._is_over:
            block = next(self._blocks, b"")
            self._is_over = not block
            parts.append(self._decode(block, final=self._is_over))
            size += len(parts[-1])
        self.window = "".join(parts)
        return size > 0

    def skip(self, end: int) -> None:
        """Moves to a place further on in the window."""
        taken = self.window[self.place : end]
        self.offset += len(taken) if taken.isascii() else len(taken.encode())
        self.place = end

    def next(self) -> str:
        """The next character that is not white space, where it then stands; empty at the end."""
        while True:
            match = _SPACE.match(self.window, self.place)
            assert match, "it may match nothing"
            self.skip(match.end())
            if self.place < len(self.window):
                return self.window[self.place]
            if not self.more():
                return ""

    def take(self, expected: str) -> None:
        """Goes past one character that must be there."""
        found = self.next()
        if not found or found not in expected:
            raise _Malformed(f"expected {' or '.join(expected)}, found {found or 'the end of the file'}")
        self.skip(self.place + 1)

    def record(self) -> _Record:
        """The value that begins here; goes past it."""
        while True:
            try:
                record, end = _record_at(self.window, self.place)
                if end - self.place > MAX_RECORD_BYTES:
                    raise _too_long()
                # A number or word at the end of the window may go on behind it.
                if end < len(self.window) or record.text[:1] in '{["' or not self.more():
                    self.skip(end)
                    return record
            except json.JSONDecodeError as error:
                self._check_hopeful(error)

    def _check_hopeful(self, error: json.JSONDecodeError) -> None:
        """Takes more text where that may mend the error, else raises _Malformed."""
        size = len(self.window) - self.place
        # No token but a string is longer than 16 characters before Python tells an error in it.
        is_cut = error.msg.startswith("Unterminated string") or error.pos > len(self.window) - 16
        if size > MAX_RECORD_BYTES:
            raise _too_long() from None
        if not is_cut:
            raise _Malformed(error.msg) from None
        if not self.more():
            raise _Endless("it is cut off: the file ends within it") from None

    def key(self) -> str:
        """The member name that begins here; goes past it and its colon."""
        self.next()
        record = self.record()
        if not isinstance(record.value, str) or not record.text.startswith('"'):
            raise _Malformed("expected a member name")
        self.take(":")
        return record.value

    def rest_of_line(self) -> str:
        """What stands next on this line, where it then is; empty at the end of the line or file."""
        while True:
            match = _SPACE_IN_LINE.match(self.window, self.place)
            assert match, "it may match nothing"
            self.skip(match.end())
            if self.place < len(self.window):
                found = self.window[self.place]
                return "" if found == "\n" else found
            if not self.more():
                return ""

    def line(self) -> tuple[str, int] | None:
        """The rest of the line, without its LF, and its size; None at the end. Goes past it.

        Of a line over the limit only the beginning is kept.
        """
        kept, size = "", 0
        while True:
            newline = self.window.find("\n", self.place)
            end = newline if newline >= 0 else len(self.window)
            before = self.offset
            if size <= MAX_RECORD_BYTES:
                kept += self.window[self.place : end]
            self.skip(end)
            size += self.offset - before
            if newline >= 0:
                self.skip(end + 1)
                return kept, size
            if not self.more():
                return (kept, size) if size else None


# --- looking ----------------------------------------------------------------------------------


def scan(blocks: Iterator[bytes], base: int, planner: Planner, *, layouts: Sequence[Layout], path: str = "") -> Scan:
    """Counts the records of a file whose bytes from `base` on are `blocks`, and plans its chunks.

    `path` is where the array of records stands; empty: the file is an array or a row of objects.
    """
    text = _Text(blocks, base)
    seen = _Seen(layouts)
    try:
        parser = _scan_text(text, planner, seen, path)
    except _Malformed as error:
        raise BadFile(
            f"JSON must be sound to its last byte; behind record {planner.records}, at byte {text.offset}: {error}",
            record=planner.records + 1,
            offset=text.offset,
        ) from None
    header = tuple(seen.fields)
    if planner.records and not seen.sound:
        raise BadFile(f"some record must be a sound JSON object; none of the {planner.records} is", records=planner.records)
    # An empty array is fine and has no fields to tell a layout by.
    layout = match_layout(header, layouts) if planner.records else min(layouts, key=lambda layout: layout.name)
    return Scan(layout, header, planner.records, planner.finish(), parser, 0, seen.notes())


def _scan_text(text: _Text, planner: Planner, seen: _Seen, path: str) -> str:
    first = text.next()
    if not first:
        raise BadFile("the file is empty: not a single record")
    if path:
        _scan_at_path(text, planner, seen, path.split("."))
        return ARRAY
    if first == "[":
        _scan_array(text, planner, seen)
        _check_end(text)
        return ARRAY
    return _scan_objects(text, planner, seen)


def _check_end(text: _Text) -> None:
    if text.next():
        raise _Malformed("text stands behind the end of the document")


def _scan_array(text: _Text, planner: Planner, seen: _Seen) -> None:
    text.take("[")
    if text.next() == "]":
        return text.take("]")
    while True:
        _scan_record(text, planner, seen)
        if text.next() == "]":
            return text.take("]")
        text.take(",]")


def _scan_record(text: _Text, planner: Planner, seen: _Seen) -> _Record:
    text.next()
    start = text.offset
    record = text.record()
    planner.add_record(start, text.offset)
    seen.add(record)
    return record


def _scan_at_path(text: _Text, planner: Planner, seen: _Seen, path: Sequence[str]) -> None:
    if not _scan_member(text, planner, seen, path):
        raise BadFile(f"the records must stand in an array at {'.'.join(path)}; there is none", records=".".join(path))
    _check_end(text)


def _scan_member(text: _Text, planner: Planner, seen: _Seen, path: Sequence[str]) -> bool:
    """Walks an object and scans the array at the path in it; False where there is none."""
    found = False
    if text.next() != "{":
        return False
    text.take("{")
    if text.next() == "}":
        text.take("}")
        return False
    while True:
        key = text.key()
        is_next = key == path[0] and text.next() == ("[" if len(path) == 1 else "{")
        if is_next and found:
            raise _Malformed(f"{key} stands twice")
        if is_next and len(path) == 1:
            _scan_array(text, planner, seen)
            found = True
        elif is_next:
            found = _scan_member(text, planner, seen, path[1:])
        else:
            text.next()
            text.record()
        if text.next() == "}":
            text.take("}")
            return found
        text.take(",}")


def _scan_objects(text: _Text, planner: Planner, seen: _Seen) -> str:
    """Lines as long as every record is a line of its own; else objects in a row."""
    parser, sound, bad, endless = LINES, 0, 0, 0
    while first := text.next():
        start = text.offset
        record, trouble = _try_record(text)
        behind = "" if trouble else text.rest_of_line()
        if not trouble and (behind == "{" or "\n" in record.text):
            parser = OBJECTS
        elif parser == LINES and (trouble or behind):
            line, _ = text.line() or ("", 0)
            bad += 1
            endless += isinstance(trouble, _Endless)
            if trouble and endless > _MAX_ENDLESS_LINES:
                raise trouble
            if not sound and not (first == "{" and line.rstrip().endswith("}")):
                # Nothing says yet that these are lines, and this looks like a part of something longer.
                raise trouble or _Malformed("text stands behind a record")
            record = _NOT_PARSED
        elif trouble:
            raise trouble
        if bad and parser == OBJECTS:
            raise _Malformed(f"{bad} records do not parse, and not every record is a line of its own")
        sound += record.is_sound
        planner.add_record(start, text.offset)
        seen.add(record)
    return parser


_NOT_PARSED = _Record("", None, is_sound=False)


def _try_record(text: _Text) -> tuple[_Record, _Malformed | None]:
    try:
        return text.record(), None
    except _Malformed as error:
        return _NOT_PARSED, error


@dataclass
class _Seen:
    """The fields seen in any record, in the order in which they came up."""

    layouts: Sequence[Layout]
    fields: dict[str, None] = field(default_factory=dict)
    sound: int = 0  # records that parse
    constants: int = 0  # records with NaN or Infinity

    def __post_init__(self) -> None:
        self._inner = _prefixes(self.layouts)
        self._named = frozenset(name for layout in self.layouts for name in layout.named)

    def add(self, record: _Record) -> None:
        self.constants += record.has_constant
        if not record.is_sound:
            return
        self.sound += 1
        self._walk(record.value, "")
        if len(self.fields) > MAX_COLUMNS:
            raise BadFile(f"a file has at most {MAX_COLUMNS} fields; found more", columns=len(self.fields))

    def _walk(self, value: dict[str, Any], prefix: str) -> None:
        for key, member in value.items():
            path = prefix + key
            if path in self._inner and isinstance(member, dict):
                self._walk(member, path + ".")
                if path not in self._named:
                    continue
            if path not in self._inner or member is not None:
                self.fields[path] = None

    def notes(self) -> tuple[str, ...]:
        if not self.constants:
            return ()
        return (f"NaN or Infinity stands in {self.constants} records and is taken as null",)


def _prefixes(layouts: Sequence[Layout]) -> frozenset[str]:
    """The objects to look into: `a` and `a.b` for a field `a.b.c`."""
    names = [name.split(".") for layout in layouts for name in layout.named]
    return frozenset(".".join(parts[:i]) for parts in names for i in range(1, len(parts)))


# --- reading ----------------------------------------------------------------------------------


def read(blocks: Iterable[bytes], chunk: Chunk, header: Sequence[str], parser: str, layout: Layout) -> Iterator[pa.RecordBatch]:
    """The chunk's records as the layout's bronze columns, in file order."""
    text = _Text(blocks, chunk.start)
    rows = _line_rows if parser == LINES else _value_rows
    yield from batches_of(rows(text, chunk, layout), layout)


def _value_rows(text: _Text, chunk: Chunk, layout: Layout) -> Iterator[Row]:
    inner = _prefixes([layout])
    for number in range(chunk.first_record, chunk.first_record + chunk.records):
        if text.next() == ",":
            text.take(",")
            text.next()
        start = text.offset
        record = text.record()
        yield _row(record, number, text.offset - start, layout, inner)


def _line_rows(text: _Text, chunk: Chunk, layout: Layout) -> Iterator[Row]:
    inner = _prefixes([layout])
    number = chunk.first_record
    while text.next() and (found := text.line()):
        line, size = found
        yield _row(_line_record(line, size), number, size, layout, inner)
        number += 1


def _line_record(line: str, size: int) -> _Record:
    """The line's record, or the line itself as one that does not parse."""
    line = line.rstrip(" \t\r")
    unparsed = _Record(line, None, is_sound=False)
    if size > MAX_RECORD_BYTES:
        return unparsed
    try:
        record, end = _record_at(line, 0)
    except json.JSONDecodeError:
        return unparsed
    return record if end == len(line) else unparsed


class _Twice(Exception):
    """Two members of a record have the same dotted path."""


def _row(record: _Record, number: int, size: int, layout: Layout, inner: frozenset[str]) -> Row:
    if record.is_sound:
        try:
            values, extra = _values(record.text, layout, inner)
            return Row(number, size, values, extra)
        except _Twice:
            pass
    return Row(number, size, None, raw=kept_text(record.text.encode(), size))


def _values(text: str, layout: Layout, inner: frozenset[str]) -> tuple[dict[str, str | None], str | None]:
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


def _leaves(text: str, start: int, prefix: str, inner: frozenset[str], named: frozenset[str]) -> Iterator[tuple[str, Any, str]]:
    """(path, value, its source text) of each member, and of the members of the objects to look into."""
    for key, value, begin, end in _members(text, start):
        path = prefix + key
        if path in inner and isinstance(value, dict):
            yield from _leaves(text, begin, path + ".", inner, named)
            if path not in named:
                continue
        yield path, value, text[begin:end]


def _members(text: str, start: int) -> Iterator[tuple[str, Any, int, int]]:
    """(key, value, where its source begins and ends) of the sound object that begins at `start`."""
    decode = _Decoder().decode
    place = _skip_space(text, start + 1)
    while text[place] != "}":
        key, end = scanstring(text, place + 1)
        begin = _skip_space(text, _skip_space(text, end) + 1)
        value, end = decode(text, begin)
        yield key, value, begin, end
        place = _skip_space(text, end)
        if text[place] == ",":
            place = _skip_space(text, place + 1)


def _skip_space(text: str, place: int) -> int:
    match = _SPACE.match(text, place)
    assert match, "it may match nothing"
    return match.end()


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
