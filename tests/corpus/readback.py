"""Puts bytes in a file, looks at it and reads it back, all without Spark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from strata.declare.layout import Field, Layout
from strata.fs.listing import RawFile
from strata.raw.look import Look, look
from strata.raw.read import Part, read_part

FILE_COLUMNS = ("_file_sha256", "_source_file", "_layout", "_delivery_date")


def layout(
    *required: str,
    optional: Sequence[str] = (),
    format: str = "csv",
    name: str = "known",
    patterns: Mapping[str, str] | None = None,
    **rest: Any,
) -> Layout:
    """A layout whose bronze columns are named like the fields, dots aside."""
    patterns = patterns or {}
    fields = [
        Field(f.replace(".", "_"), f, f in required, None, patterns.get(f))
        for f in (*required, *optional)
    ]
    return Layout(name, "soil", "samples", "bronze.soil_samples", format, tuple(fields), **rest)


def raw_file(folder: Path, content: bytes, name: str = "x.csv") -> RawFile:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return RawFile(name, str(path), len(content))


def rows(seen: Look, layouts: Iterable[Layout]) -> list[dict[str, Any]]:
    """The rows of all its chunks; what the file adds to each is left out."""
    own = next(known for known in layouts if known.name == seen.layout)
    batches = (b for chunk in seen.chunks for b in read_part(Part(seen, chunk, own), own.columns))
    found = [row for batch in batches for row in batch.to_pylist()]
    return [{k: v for k, v in row.items() if k not in FILE_COLUMNS} for row in found]


def look_and_read(
    folder: Path, content: bytes, *layouts: Layout, name: str = "x.csv", **options: Any
) -> tuple[Look, list[dict[str, Any]]]:
    seen = look(raw_file(folder, content, name), layouts, **options)
    return seen, rows(seen, layouts)
