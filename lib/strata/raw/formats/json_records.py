"""JSON records: an array (at the top, or at a path such as `features`), JSON Lines, or objects in a
row.

Nothing is held in memory but the record at hand. Three parsers, chosen by the look:

- `json-array`: records stand between commas. A document that is cut off or malformed is refused.
- `json-lines`: every line that is not blank is a record; a line that does not parse is quarantined.
- `json-objects`: objects follow each other, on one line or many. A malformed one is refused, for
  nobody can tell where it ends.
- `json-members`: the members of one object, whose names are the field `*`, where a layout says
  `records: "*"`.

Values become text: a string is itself, a number keeps its digits as they stand, an object or array
becomes compact JSON. `null`, `NaN` and `Infinity` are null; the last two are noted, for they are no
JSON, yet Natural Earth's GeoJSON is full of them.

A record that is well-formed but no object, or holds a key twice, a NUL, half a surrogate pair, or
more than 200 levels, is counted and comes back whole in `_raw_record`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa

from strata.declare.layout import Layout, match_layout
from strata.errors import BadFile
from strata.raw.formats import crs, json_rows
from strata.raw.formats.chunks import Chunk, Planner, Scan
from strata.raw.formats.json_rows import MEMBER_NAME, member_record
from strata.raw.formats.json_seen import Seen
from strata.raw.formats.json_text import Endless, Malformed, Record, Text

ARRAY, LINES, OBJECTS, MEMBERS = "json-array", "json-lines", "json-objects", "json-members"
# To find each that a line seems to begin something endless takes a long look ahead.
_MAX_ENDLESS_LINES = 3


def scan(
    blocks: Iterator[bytes],
    base: int,
    planner: Planner,
    *,
    layouts: Sequence[Layout],
    path: str = "",
) -> Scan:
    """Counts the records of a file whose bytes from `base` on are `blocks`, and plans its chunks.

    `path` is where the array of records stands; empty: the file is an array or a row of objects.
    """
    text = Text(blocks, base)
    seen = Seen(layouts)
    try:
        parser = _scan_text(text, planner, seen, path)
    except Malformed as error:
        raise BadFile(
            f"JSON must be sound to its last byte; behind record {planner.records}, at byte "
            f"{text.offset}: {error}",
            record=planner.records + 1,
            offset=text.offset,
        ) from None
    header = tuple(seen.fields)
    if planner.records and not seen.sound:
        raise BadFile(
            f"some record must be a sound JSON object; none of the {planner.records} is",
            records=planner.records,
        )
    # An empty array is fine and has no fields to tell a layout by.
    layout = (
        _match(header, seen, planner.records)
        if planner.records
        else min(layouts, key=lambda layout: layout.name)
    )
    return Scan(
        layout,
        header,
        planner.records,
        planner.finish(),
        parser,
        0,
        seen.notes(),
        seen.crs,
        {name: frozenset(found) for name, found in seen.texts.items() if name not in layout.known},
        seen.taken_as_null(layout),
    )


def _match(header: tuple[str, ...], seen: Seen, records: int) -> Layout:
    """The layout of these fields; where one object holds all records in an array, BadFile says
    so.
    """
    try:
        return match_layout(header, seen.layouts)
    except BadFile as error:
        if records > 1 or not seen.array:
            raise
        # A name may be somebody's, but not one of these.
        is_open = seen.array in _USUAL or not any(layout.personal for layout in seen.layouts)
        where = f"its array {seen.array[:60]!r}" if is_open else "an array within that"
        told = str(error).partition("; perhaps")[0]
        raise BadFile(
            f"{told}; the file is one object, and its records perhaps stand in {where}: give "
            "that array alone",
            **error.facts,
        ) from None


def _scan_text(text: Text, planner: Planner, seen: Seen, path: str) -> str:
    first = text.next()
    if not first:
        raise BadFile("the file is empty: not a single record")
    if path == MEMBER_NAME:
        _scan_members(text, planner, seen)
        return MEMBERS
    if path:
        _scan_at_path(text, planner, seen, path.split("."))
        return ARRAY
    if first == "[":
        _scan_array(text, planner, seen)
        _check_end(text)
        return ARRAY
    return _scan_objects(text, planner, seen)


def _check_end(text: Text) -> None:
    if text.next():
        raise Malformed("text stands behind the end of the document")


def _scan_array(text: Text, planner: Planner, seen: Seen) -> None:
    text.take("[")
    if text.next() == "]":
        return text.take("]")
    while True:
        _scan_record(text, planner, seen)
        if text.next() == "]":
            return text.take("]")
        text.take(",]")


def _scan_record(text: Text, planner: Planner, seen: Seen) -> Record:
    text.next()
    start = text.offset
    record = text.record()
    planner.add_record(start, text.offset)
    seen.add(record)
    return record


def _scan_members(text: Text, planner: Planner, seen: Seen) -> None:
    text.take("{")
    if text.next() != "}":
        while True:
            text.next()
            start = text.offset
            record = member_record(text)[1]
            planner.add_record(start, text.offset)
            seen.add(record)
            if text.next() == "}":
                break
            text.take(",}")
    text.take("}")
    if planner.records:
        seen.fields[MEMBER_NAME] = None
    _check_end(text)


def _scan_at_path(text: Text, planner: Planner, seen: Seen, path: Sequence[str]) -> None:
    if not _scan_member(text, planner, seen, path):
        raise BadFile(
            f"the records must stand in an array at {'.'.join(path)}; there is none",
            records=".".join(path),
        )
    _check_end(text)


def _scan_member(text: Text, planner: Planner, seen: Seen, path: Sequence[str]) -> bool:
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
        if key != path[0] or text.next() != ("[" if len(path) == 1 else "{"):
            _pass_over(text, seen, key)
        elif found:
            raise Malformed(f"{key} stands twice")
        elif len(path) == 1:
            _scan_array(text, planner, seen)
            found = True
        else:
            found = _scan_member(text, planner, seen, path[1:])
        if text.next() == "}":
            text.take("}")
            return found
        text.take(",}")


def _pass_over(text: Text, seen: Seen, key: str) -> None:
    """Reads a member that leads to no record; a coordinate system is kept in mind."""
    text.next()
    member = text.record()
    if key in ("crs", "coordRefSys"):
        seen.crs = crs.of_geojson(json.loads(member.text)) or seen.crs


def _scan_objects(text: Text, planner: Planner, seen: Seen) -> str:
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
            endless += isinstance(trouble, Endless)
            if trouble and endless > _MAX_ENDLESS_LINES:
                raise trouble
            if not sound and not (first == "{" and line.rstrip().endswith("}")):
                # Nothing says yet that these are lines, and this looks like a part of something
                # longer.
                raise trouble or Malformed("text stands behind a record")
            record = _NOT_PARSED
        elif trouble:
            raise trouble
        if bad and parser == OBJECTS:
            raise Malformed(
                f"{bad} records do not parse, and not every record is a line of its own"
            )
        sound += record.is_sound
        planner.add_record(start, text.offset)
        seen.add(record)
    return parser


_USUAL = frozenset(
    {"data", "docs", "hits", "items", "list", "people", "records", "results", "rows", "users",
     "value", "values"}
)  # fmt: skip
"""What interfaces call the array of their records."""
_NOT_PARSED = Record("", None, is_sound=False)


def _try_record(text: Text) -> tuple[Record, Malformed | None]:
    try:
        return text.record(), None
    except Malformed as error:
        return _NOT_PARSED, error


_ROWS = {LINES: json_rows.line_rows, MEMBERS: json_rows.member_rows}


def read(
    blocks: Iterable[bytes], chunk: Chunk, parser: str, layout: Layout
) -> Iterator[pa.RecordBatch]:
    """The chunk's records as the layout's bronze columns, in file order."""
    return json_rows.read(blocks, chunk, _ROWS.get(parser, json_rows.value_rows), layout)
