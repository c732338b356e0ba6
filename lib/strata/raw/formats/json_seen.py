"""What a look notes of a file of JSON records: its fields, what they hold, and NaN and Infinity."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from strata.declare.layout import Layout
from strata.errors import BadFile
from strata.raw.formats.chunks import LOOKED_AT, MAX_COLUMNS
from strata.raw.formats.json_rows import prefixes
from strata.raw.formats.json_text import Record

_CONSTANT = re.compile(r'"([^"\\]*)"[ \t\r\n]*:[ \t\r\n]*(?:NaN|-?Infinity)')
"""A member that no JSON may have, and its name."""
_DEEPEST = 3
"""Objects within objects that are asked whether they change a number."""


@dataclass
class Seen:
    """The fields seen in any record, in the order in which they came up."""

    layouts: Sequence[Layout]
    fields: dict[str, None] = field(default_factory=dict)
    sound: int = 0  # records that parse
    constants: Counter[str] = field(default_factory=Counter)  # NaN or Infinity, by field
    crs: str = ""  # the coordinate system that the document names
    texts: dict[str, set[str]] = field(default_factory=dict)  # of the first records
    array: str = ""  # the first member of a record that is an array of objects

    def __post_init__(self) -> None:
        self._inner = prefixes(self.layouts)
        self._named = frozenset(name for layout in self.layouts for name in layout.named)

    def add(self, record: Record) -> None:
        """Notes one more record, in their order."""
        if record.has_constant:
            self.constants.update(_CONSTANT.findall(record.text))
        if not record.is_sound:
            return
        self.sound += 1
        if self.sound == 1:
            self.array = _array_in(record.value)
        self._walk(record.value, "")
        if len(self.fields) > MAX_COLUMNS:
            raise BadFile(
                f"a file has at most {MAX_COLUMNS} fields; found more", columns=len(self.fields)
            )

    def _walk(self, value: dict[str, Any], prefix: str) -> None:
        for key, member in value.items():
            path = prefix + key
            if path in self._inner and isinstance(member, dict):
                self._walk(member, path + ".")
                if path not in self._named:
                    continue
            if path not in self._inner or member is not None:
                self.fields[path] = None
                if self.sound <= LOOKED_AT:
                    self._note_texts(path, member)

    def _note_texts(self, path: str, member: Any, depth: int = 0) -> None:
        """What a field holds, and those within it, by their paths."""
        if isinstance(member, str):
            self.texts.setdefault(path, set()).add(member)
        elif isinstance(member, dict) and depth < _DEEPEST:
            for key, inner in member.items():
                self.texts.setdefault(f"{path}.{key}", set())
                self._note_texts(f"{path}.{key}", inner, depth + 1)

    def notes(self) -> tuple[str, ...]:
        """What a look tells of the file: numbers that no JSON may have."""
        if not self.constants:
            return ()
        if any(layout.personal for layout in self.layouts):
            # Names of fields may be somebody's.
            return (f"NaN or Infinity is taken as null: {self.constants.total():,} times",)
        shown = [f"{name[:60]!r} ({count:,})" for name, count in self.constants.most_common(5)]
        more = f" and {len(self.constants) - 5} more" if len(self.constants) > 5 else ""
        return (f"NaN or Infinity is taken as null, by field: {', '.join(shown)}{more}",)

    def taken_as_null(self, layout: Layout) -> tuple[tuple[str, int], ...]:
        """How often NaN or Infinity stands for a column; names of fields may be somebody's."""
        if not self.constants or any(known.personal for known in self.layouts):
            return (("", self.constants.total()),) if self.constants else ()
        columns = {known.name.rpartition(".")[2]: known.column for known in layout.fields}
        counts: Counter[str] = Counter()
        for name, times in self.constants.items():
            counts[columns.get(name, name[:60])] += times
        return tuple(sorted(counts.items()))


def _array_in(record: dict[str, Any]) -> str:
    """The name of the first member that is an array of objects; empty where there is none."""
    return next(
        (
            name
            for name, value in record.items()
            if isinstance(value, list) and value and all(isinstance(item, dict) for item in value)
        ),
        "",
    )
