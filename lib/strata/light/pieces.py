"""Text of CSV cut between records, and the fields of each, with Python's csv and no library.

What is a record, and which do not parse, is as `strata.raw.formats.csv` has it; a test compares the
two.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence

from strata.errors import BadFile

MAX_FIELD_BYTES = 1 << 20
MAX_RECORD_BYTES = 16 << 20
# The limit is the process's own: `split` needs it before any record is parsed alone.
csv.field_size_limit(MAX_RECORD_BYTES)
_QUOTED = re.compile(rb'(?:(?<=[,\n])|\A)"(?:[^"]|"")*"(?=[,\r\n]|\Z)')


def pieces(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes, cut between records: at a newline before which the quotes are even.

    BadFile where a quote stands inside an unquoted field, for there that is no safe place.
    """
    carry = b""
    for block in blocks:
        data = carry + block
        end = _last_end(data)
        if not end and len(data) > MAX_RECORD_BYTES:
            raise BadFile(f"a record takes at most {MAX_RECORD_BYTES} bytes; one takes more")
        if end:
            yield _checked(data[:end])
        carry = data[end:]
    if carry:
        if carry.count(b'"') % 2:
            raise BadFile("every quote must be closed; the last one is not")
        yield _checked(carry)


def _checked(data: bytes) -> bytes:
    if b'"' in data and b'"' in _QUOTED.sub(b"", data):
        raise BadFile(
            "a quote opens or closes a field here, and one stands inside a field: write it "
            "twice and the field in quotes, or let `strata run fleet` read the file"
        )
    return data


def _last_end(data: bytes) -> int:
    end = data.rfind(b"\n") + 1
    quotes = data.count(b'"', 0, end)
    while end and quotes % 2:
        before = data.rfind(b"\n", 0, end - 1) + 1
        quotes -= data.count(b'"', before, end)
        end = before
    return end


def split(data: bytes, columns: int) -> tuple[list[list[str]], dict[int, str]]:
    """The records of whole lines; by place, the text of those that do not parse."""
    text = data.decode()
    if '"' in text or "\0" in text or "\r" in text.replace("\r\n", ""):
        return _split_oddly(text, columns)
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    rows = list(csv.reader(text.split("\n")))
    records = [row for row in rows if row]
    if set(map(len, records)) <= {columns}:
        return records, {}
    lines = [line for line in text.split("\n") if line and line != "\r"]
    return _without_ragged(records, lines, columns)


def _without_ragged(
    records: list[list[str]], lines: Sequence[str], columns: int
) -> tuple[list[list[str]], dict[int, str]]:
    broken = {place: lines[place] for place, row in enumerate(records) if len(row) != columns}
    for place in broken:
        records[place] = [""] * columns
    return records, broken


def _split_oddly(text: str, columns: int) -> tuple[list[list[str]], dict[int, str]]:
    """The same where quotes, NULs or lone CRs stand in the text: record by record."""
    records: list[list[str]] = []
    broken: dict[int, str] = {}
    for line in _records_of(text):
        fields = parse(line)
        if fields is None or len(fields) != columns or _is_long(fields):
            broken[len(records)] = line
            fields = [""] * columns
        records.append(fields)
    return records, broken


def _records_of(text: str) -> Iterator[str]:
    """Each record's text without its newline; blank lines are left out."""
    held: list[str] = []
    quotes = 0
    for line in text.split("\n"):
        held.append(line)
        quotes += line.count('"')
        if quotes % 2 == 0:
            record = "\n".join(held).removesuffix("\r")
            held, quotes = [], 0
            if record:
                yield record
    if held:
        yield "\n".join(held)


def parse(record: str) -> list[str] | None:
    """A record's fields; None for a NUL, a CR outside quotes, or text behind a closing quote."""
    if "\0" in record:
        return None
    try:
        # Not str.splitlines, which cuts at U+2028 and others that break no line of CSV.
        rows = list(csv.reader(io.StringIO(record or "\n", newline=""), strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None


def _is_long(fields: Sequence[str]) -> bool:
    return any(len(text.encode()) > MAX_FIELD_BYTES for text in fields)
