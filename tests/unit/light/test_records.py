"""The reader without libraries finds the records that the batch path's reader finds."""

from __future__ import annotations

import gzip
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from strata.errors import BadFile
from strata.fs.listing import RawFile
from strata.light import records
from strata.light.local.block import blocks
from strata.light.local.files import open_local
from strata.light.look import look
from strata.light.source import layouts, picker
from strata.raw.members import look_all
from strata.raw.read import Part, read_part

FIELDS = ("vehicle_id", "timestamp", "lat", "lon", "speed", "engine_status", "fuel_level")
HEADER = "vehicle_id,timestamp,lat,lon,speed_kmh,engine_status,fuel_level"
GOOD = "v,2026-10-01 06:00:00,1,2,50,moving,60"
Row = tuple[int, tuple[str | None, ...] | str]


def here(path: Path, start: int = 0, number: int = 1) -> list[Row]:
    known = layouts()
    seen = look(partial(open_local, str(path)), path.name, list(known.values()))
    pick, found = picker(known[seen.layout], seen.header), list[Row]()
    for batch in records.read(partial(open_local, str(path)), seen, start, number):
        for place, row in enumerate(batch.records):
            values = tuple(text or None for text in pick(row))
            found.append((batch.number + place, batch.broken.get(place, values)))
    return found


def by_columns(path: Path) -> list[Row]:
    """As `strata light run` reads."""
    known, found = layouts(), list[Row]()
    seen = look(partial(open_local, str(path)), path.name, list(known.values()))
    for block in blocks(partial(open_local, str(path)), seen, known[seen.layout]):
        told: list[Row] = [(block.number + place, text) for place, text in block.broken.items()]
        rows = block.rows(np.arange(len(block.places)))
        for place, row in zip(block.places.tolist(), rows, strict=True):
            told.append((block.number + place, tuple(text or None for text in row)))
        found += sorted(told, key=lambda row: row[0])
        assert len(told) == block.size
    return found


def batch_path(path: Path) -> list[Row]:
    known = layouts()
    looked = look_all(RawFile(path.name, str(path), path.stat().st_size), list(known.values()))
    for _, error in looked.refused:
        raise error
    found: list[Row] = []
    for seen in looked.looks:
        for chunk in seen.chunks:
            for batch in read_part(Part(seen, chunk, known[seen.layout]), FIELDS):
                for row in batch.to_pylist():
                    values = tuple(row[name] for name in FIELDS)
                    found.append((row["_record_number"], row["_raw_record"] or values))
    return found


ODD = {
    "plain": [GOOD, GOOD],
    "blank lines": ["", GOOD, "", "", GOOD, ""],
    "ragged": [GOOD + ",more", "v,1", GOOD, "   "],
    "quoted": ['"v",2026-10-01 06:00:00,"1",2,50,"moving",60', GOOD],
    "newline in quotes": ['"v\n1",2026-10-01 06:00:00,1,2,50,moving,60', GOOD],
    "comma and quote in quotes": ['"v,""1""",2026-10-01 06:00:00,1,2,50,moving,60', GOOD],
    "ragged with quotes": ['"v",1', GOOD, '"v,2"'],
    "NUL": ["v\0,2026-10-01 06:00:00,1,2,50,moving,60", GOOD],
    "lone CR": ["v\r,2026-10-01 06:00:00,1,2,50,moving,60", GOOD],
    "not ASCII": ["ё,2026-10-01 06:00:00,1,2,50,moving,60", GOOD],
    "all empty": [",,,,,,", GOOD],
    "other line breaks": ["v\u2028,2026-10-01 06:00:00,1,2,50,moving,\x0b", GOOD],
    "other line breaks and quotes": [
        *(f"v{mark}1,2026-10-01 06:00:00,1,2,50,moving,60" for mark in "\u2028\x85\x0b\x0c\x1c"),
        '"v\u2028",2026-10-01 06:00:00,1,2,50,moving,60',
    ],
}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("lines", ODD.values(), ids=ODD)
def test_both_readers_find_the_same_records(tmp_path: Path, lines: list[str], end: str) -> None:
    path = tmp_path / "events.csv"
    for mark in ("", "\ufeff"):
        for last in (end, ""):
            path.write_bytes((mark + end.join([HEADER, *lines]) + last).encode())
            assert here(path) == by_columns(path) == batch_path(path)


def test_both_readers_find_the_same_records_of_fuzz(tmp_path: Path) -> None:
    chance, path, compared = Random(5), tmp_path / "events.csv", 0
    parts = ["v", ",", "\n", "\r\n", '"', '""', "1", " ", "\0", "é", '",', '\n"', GOOD + "\n"]
    for _ in range(400):
        body = "".join(chance.choices(parts, k=chance.randrange(1, 40)))
        path.write_bytes(f"{HEADER}\n{body}".encode())
        found = [_or_refused(read, path) for read in (here, by_columns, batch_path)]
        # A file whose quotes stand inside fields is refused here, and read there.
        if found[0] != "refused":
            assert found[0] == found[1] == found[2], body
            compared += 1
    assert compared > 50


def test_a_long_field_is_split_by_a_process_that_has_parsed_nothing() -> None:
    # In its own process: the limit of csv is the process's.
    asked = (
        "from strata.light import pieces\n"
        "print(pieces.split(b'v,' + b'x' * 200_000 + b'\\n', 2)[1])"
    )
    done = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("{}\n", "")


def _or_refused(read: Callable[[Path], Any], path: Path) -> Any:
    try:
        return read(path)
    except BadFile:
        return "refused"


def test_reading_goes_on_at_every_batch_that_was_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "BLOCK_BYTES", 100)
    path = tmp_path / "events.csv"
    rows = [
        f'"v\n{n}",2026-10-01 06:00:00,1,2,50,moving,60' if n % 7 == 0 else GOOD for n in range(50)
    ]
    text = "\n".join([HEADER, *rows]).encode()
    for content in (text, gzip.compress(text)):
        path.write_bytes(content)
        whole = here(path)
        seen = look(partial(open_local, str(path)), path.name, list(layouts().values()))
        for batch in records.read(partial(open_local, str(path)), seen):
            number = batch.number + len(batch.records)
            assert here(path, batch.end, number) == whole[number - 1 :]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "empty"),
        (b"a,b\n1,2\n", "known layout"),
        (HEADER.encode() + b'\n"v,1\n', "every quote must be closed"),
        (HEADER.encode() + b"\nv\xff\n", "UTF-8"),
        (HEADER.encode() + b'\n5" pipe,"x" y,3" z,",\n', "quote"),
        (b"PK\x03\x04....", "zip archive"),
        (b'{"a": 1}', "JSON"),
        (HEADER.encode() + b",Speed_KMH\n", "once in a header"),
        (gzip.compress(HEADER.encode() + b"\n", mtime=0)[:-4], "gzip"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_safely_is_refused_before_its_first_record(
    tmp_path: Path, content: bytes, sentence: str
) -> None:
    path = tmp_path / "events.csv"
    path.write_bytes(content)
    with pytest.raises(BadFile, match=sentence) as caught:
        here(path)
    assert str(caught.value).startswith("events.csv: ")
