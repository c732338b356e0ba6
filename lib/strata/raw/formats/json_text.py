"""JSON text as it comes in: the value at a place, and a window over a file that holds one record at
a time.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from strata.raw.formats.chunks import MAX_RECORD_BYTES

MAX_DEPTH = 200

_SPACE = re.compile(r"[ \t\r\n]*")
_SPACE_IN_LINE = re.compile(r"[ \t\r]*")
STRING = r'"[^"\\]*(?:\\.[^"\\]*)*"'
_TOKEN = re.compile(rf"{STRING}|[\[\]{{}}]", re.DOTALL)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


class Malformed(Exception):
    """The text is not JSON here, and more of it would not help."""


class Endless(Malformed):
    """What begins here goes on up to the end of the file, or further than a record may."""


def _too_long() -> Malformed:
    return Endless(f"a record takes at most {MAX_RECORD_BYTES} bytes")


# --- one value --------------------------------------------------------------------------------


@dataclass
class Decoder:
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

    def read(self, text: str, start: int) -> tuple[Any, int]:
        """The value that begins at `start`, and where it ends; notes what it holds, and no other
        value. To make a decoder takes longer than to read a record, so one reads many."""
        self.has_twice = self.has_constant = False
        return self.decode(text, start)

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        self.has_twice |= len(found) < len(pairs)
        return found

    def _constant(self, _: str) -> None:
        self.has_constant = True


@dataclass(frozen=True)
class Record:
    """One value as it stands in the text."""

    text: str
    value: Any  # None where it was too deep to decode
    is_sound: bool  # False: counted, but not parsed
    has_constant: bool = False


def record_at(text: str, start: int, decoder: Decoder) -> tuple[Record, int]:
    """The value that begins at `start`, and where it ends.

    JSONDecodeError where there is none, or not yet.
    """
    try:
        value, end = decoder.read(text, start)
    except RecursionError:
        end = _end_of_brackets(text, start)
        return Record(text[start:end], None, False), end
    found = text[start:end]
    is_sound = isinstance(value, dict) and not decoder.has_twice and not _is_odd(found, value)
    return Record(found, value, is_sound, decoder.has_constant), end


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


class Text:
    """A window over the file's text that grows as more is needed and knows its place in bytes."""

    def __init__(self, blocks: Iterable[bytes], offset: int) -> None:
        self._blocks = iter(blocks)
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._decoder = Decoder()
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
            place = skip_space(self.window, self.place)
            if place > self.place:
                self.skip(place)
            if self.place < len(self.window):
                return self.window[self.place]
            if not self.more():
                return ""

    def take(self, expected: str) -> None:
        """Goes past one character that must be there."""
        found = self.next()
        if not found or found not in expected:
            raise Malformed(
                f"expected {' or '.join(expected)}, found {found or 'the end of the file'}"
            )
        self.skip(self.place + 1)

    def record(self) -> Record:
        """The value that begins here; goes past it."""
        while True:
            try:
                record, end = record_at(self.window, self.place, self._decoder)
                if end - self.place > MAX_RECORD_BYTES:
                    raise _too_long()
                # A number or word at the end of the window may go on behind it.
                if end < len(self.window) or record.text[:1] in '{["' or not self.more():
                    self.skip(end)
                    return record
            except json.JSONDecodeError as error:
                self._check_hopeful(error)

    def _check_hopeful(self, error: json.JSONDecodeError) -> None:
        """Takes more text where that may mend the error, else raises Malformed."""
        size = len(self.window) - self.place
        # No token but a string is longer than 16 characters before Python tells an error in it.
        is_cut = error.msg.startswith("Unterminated string") or error.pos > len(self.window) - 16
        if size > MAX_RECORD_BYTES:
            raise _too_long() from None
        if not is_cut:
            raise Malformed(error.msg) from None
        if not self.more():
            raise Endless("it is cut off: the file ends within it") from None

    def key(self) -> str:
        """The member name that begins here; goes past it and its colon."""
        self.next()
        record = self.record()
        if not isinstance(record.value, str) or not record.text.startswith('"'):
            raise Malformed("expected a member name")
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


def skip_space(text: str, place: int) -> int:
    """The place after the white space that begins at `place`."""
    if place < len(text) and text[place] > " ":
        return place
    match = _SPACE.match(text, place)
    assert match, "it may match nothing"
    return match.end()
