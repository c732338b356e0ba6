"""What the command line prints: answers on standard output, progress on standard error."""

from __future__ import annotations

import copy
import csv
import io
import json
import math
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

FORMATS = ("table", "json", "csv")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\0")


def render(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    form: str = "table",
    total: int | None = None,
) -> str:
    """The rows as an aligned table, JSON (an array of objects) or CSV."""
    listed = [list(row) for row in rows]
    if form == "json":
        objects = [dict(zip(columns, map(_json_value, row), strict=True)) for row in listed]
        return json.dumps(objects, indent=2, ensure_ascii=False)
    if form == "csv":
        return _csv(columns, listed)
    return _table(columns, listed, total)


def _csv(columns: Sequence[str], rows: list[list[Any]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([[_csv_value(value) for value in row] for row in rows])
    return buffer.getvalue().rstrip("\n")


def _csv_value(value: Any) -> Any:
    """Text that a spreadsheet would run as a formula gets an apostrophe (OWASP, CSV injection);
    numbers stay.
    """
    if isinstance(value, str):
        return "'" + value if value.startswith(_FORMULA) else value
    plain = _json_value(value)
    return json.dumps(plain, ensure_ascii=False) if isinstance(plain, (list, dict)) else plain


def _json_value(value: Any) -> Any:
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    if isinstance(value, (list, tuple)):
        return [_json_value(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _json_value(item) for key, item in value.items()}
    return value


def _table(columns: Sequence[str], rows: list[list[Any]], total: int | None) -> str:
    """Columns aligned, numbers to the right; floats in a column with the same number of places."""
    places = [_places([row[i] for row in rows]) for i in range(len(columns))]
    texts = [[cell(value, places[i]) for i, value in enumerate(row)] for row in rows]
    widths = [
        max([_width(name), *(_width(row[i]) for row in texts)]) for i, name in enumerate(columns)
    ]
    right = [
        any(
            isinstance(row[i], (int, float, Decimal)) and not isinstance(row[i], bool)
            for row in rows
        )
        for i in range(len(columns))
    ]
    lines = ["  ".join(_pad(name, widths[i], right[i]) for i, name in enumerate(columns)).rstrip()]
    lines.append("  ".join("─" * width for width in widths))
    lines += [
        "  ".join(_pad(text, widths[i], right[i]) for i, text in enumerate(row)).rstrip()
        for row in texts
    ]
    if total is not None and total > len(rows):
        lines.append(f"… {len(rows):,} of {total:,} rows; --limit 0 shows all")
    elif not rows:
        lines.append("(no rows)")
    return "\n".join(lines)


class Sentence(str):
    """A text that is shown whole, however long: what to do stands at its end."""

    __slots__ = ()


def _places(values: Iterable[Any]) -> int:
    """Decimal places that help a reader of these floats: none where all are whole, two where some
    reach a thousand, else four. JSON and CSV hold every digit.
    """
    floats = [v for v in values if isinstance(v, float) and math.isfinite(v)]
    if floats and all(v.is_integer() for v in floats):
        return 0
    return 2 if any(abs(v) >= 1_000 for v in floats) else 4


def cell(value: Any, places: int = 4) -> str:
    """One value as a table shows it, at most 80 characters; a float with so many places."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        is_extreme = abs(value) >= 1e7 or 0 < abs(value) < 1e-4
        return f"{value:.6g}" if is_extreme else f"{value:,.{places}f}"
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(sep=" ", timespec="seconds")
    if isinstance(value, (bytes, bytearray)):
        return f"<{len(value)} bytes>"
    plain = _json_value(value)
    text = json.dumps(plain, ensure_ascii=False) if isinstance(plain, (list, dict)) else str(plain)
    # A control character from the data must not reach the terminal.
    text = "".join(ch if ch.isprintable() else " " for ch in text)
    return text if len(text) <= 80 or isinstance(value, Sentence) else text[:79] + "…"


def _width(text: str) -> int:
    import unicodedata

    return sum(
        0 if unicodedata.combining(ch) else 2 if unicodedata.east_asian_width(ch) in "WF" else 1
        for ch in text
    )


def _pad(text: str, width: int, right: bool) -> str:
    blank = " " * (width - _width(text))
    return blank + text if right else text + blank


def tell(line: str) -> None:
    """Writes a line on standard error, in one piece: `print` writes its end apart, and the line of
    a feed that runs beside could come between.
    """
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


class Progress:
    """Lines on standard error, with the seconds since the start; as JSON lines on request."""

    def __init__(self, as_json: bool = False, quiet: bool = False) -> None:
        self.as_json = as_json
        self.quiet = quiet
        self.started = time.monotonic()
        self.said: list[str] = []
        self._stopped = threading.Event()
        self._facts: dict[str, Any] = {}

    def stop(self) -> None:
        """Ends whatever tells of its progress next, in any thread."""
        self._stopped.set()

    def about(self, **facts: Any) -> Progress:
        """The same, each of whose lines has these facts in its JSON form."""
        told = copy.copy(self)
        told._facts = self._facts | facts
        return told

    def __call__(self, message: str, **facts: Any) -> None:
        """Prints one line; `facts` stand in its JSON form alone."""
        if self._stopped.is_set():
            raise KeyboardInterrupt
        self.said.append(message)
        if self.quiet:
            return
        seconds = time.monotonic() - self.started
        if self.as_json:
            line = json.dumps(
                {"at_seconds": round(seconds, 3), "message": message, **self._facts, **facts},
                ensure_ascii=False,
            )
        else:
            line = f"{seconds:6.1f} s  {message}"
        tell(line)
