"""Ten thousand damaged files through the look: each is refused, or every record that was counted is
read. And 200 through Spark.

`STRATA_FUZZ_INPUTS` and `STRATA_FUZZ_SEED` make it longer or another one. A failure names the seed
and number of its input; `damaged(seed, number)` makes that input again.
"""

from __future__ import annotations

import dataclasses
import operator
import os
import random
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from strata.fs.listing import RawFile
from strata.raw.formats.archive import Archives
from strata.raw.look import Look
from strata.raw.members import Found, look_all
from strata.raw.read import Part, bronze_frame, read_part

from tests.corpus.archives import packed, tarred, zipped
from tests.corpus.cases import AB, AT_RECORDS, CODES, JSON_AB, LINES_A

INPUTS = int(os.environ.get("STRATA_FUZZ_INPUTS", "10000"))
SEED = int(os.environ.get("STRATA_FUZZ_SEED", "1"))
PARTS = 4  # run side by side, where there are several processes
MOST_SECONDS = 10

LAYOUTS = tuple(
    dataclasses.replace(known, name=name)
    for name, known in {
        "csv": AB,
        "codes": CODES,
        "json": JSON_AB,
        "lines": LINES_A,
        "path": AT_RECORDS,
    }.items()
)
OF_NAME = {known.name: known for known in LAYOUTS}
PLAIN = b"a,b\n" + b"".join(b"%d,x%d\r\n" % (i, i) for i in range(30))
QUOTED = b'a,b\n1,"x ""y"" z"\n2,"two\nlines"\n\n3,\xc3\xa9\n' * 2
INCHES = b'a,b\n1,5" pipe\n2,"x,y"\n3,4\n' + b"5,6\n" * 20
CODED = b"".join(b"AB%d,%d,x\n" % (i % 10, i) for i in range(30))
ARRAY = (
    b"["
    + b", ".join(b'{"a": %d, "b": {"c": ["\xc3\xa9", 1.5e3, null]}}' % i for i in range(12))
    + b"]"
)
LINES = b"".join(b'{"a": %d, "b": [1, "x\\n"]}\n' % i for i in range(12))
OBJECTS = b"".join(b'{\n  "a": "%d",\n  "b": {"c": "}{"}\n}\n' % i for i in range(8))
AT_PATH = b'{"n": 3, "records": [{"a": 1}, {"a": "2"}], "m": {}}'
MEMBERS = (("Data/x.csv", PLAIN), ("Data/y.csv", QUOTED), ("Doc/readme.txt", b"Read me.\n"))
SOUND = {
    "plain": PLAIN,
    "quoted": QUOTED,
    "inches": INCHES,
    "coded": CODED,
    "array": ARRAY,
    "lines": LINES,
    "objects": OBJECTS,
    "at a path": AT_PATH,
    "gzip": packed(QUOTED),
    "zip": zipped(*MEMBERS),
    "stored zip": zipped(*MEMBERS, method=0),
    "tar": tarred(*MEMBERS),
    "tar.gz": packed(tarred(*MEMBERS)),
}
KINDS = list(SOUND)
SNIPPETS = (b'"', b"\n", b"\r\n", b",", b"\0", b"\xff", b"{", b"}", b"[", b"]", b'""', b"\\", b"\\u0000", b"NaN", b"1e999", b"PK\1\2",
            b"\xef\xbb\xbf", b"\xff\xff\xff\xff", b"\x1f\x8b", b"ustar", b"-1", b"../")  # fmt: skip


def damaged(seed: int, number: int) -> tuple[str, bytes]:
    """The kind of file, and its bytes after one to six changes."""
    chance = random.Random(f"{seed}/{number}")
    kind = KINDS[number % len(KINDS)]
    content = bytearray(SOUND[kind])
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(content) + 1)
        match chance.randrange(6):
            case 0 if at < len(content):
                content[at] ^= 1 << chance.randrange(8)
            case 1:
                content[at:at] = chance.choice(SNIPPETS)
            case 2:
                content[at : at + chance.randint(1, 20)] = b""
            case 3:
                content[at : at + 4] = chance.randbytes(4)
            case 4:
                content[at:at] = content[at : at + chance.randint(1, 60)]
            case _ if chance.random() < 0.2:
                del content[at:]
    return kind, bytes(content)


@contextmanager
def no_hang() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise AssertionError(f"a look takes at most {MOST_SECONDS} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(MOST_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("part", range(PARTS))
def test_every_record_is_refused_or_counted_and_read(part: int, tmp_path: Path) -> None:
    outcomes: Counter[str] = Counter()
    path = tmp_path / "x"
    for number in range(part, INPUTS, PARTS):
        kind, content = damaged(SEED, number)
        path.write_bytes(content)
        try:
            with no_hang():
                found = look_all(RawFile("x", str(path), len(content)), LAYOUTS, chunk_bytes=100)
                outcomes[check(found)] += 1
        except Exception as error:
            raise AssertionError(
                f"damaged({SEED}, {number}), a damaged {kind}: {error!r}"
            ) from error
    assert sum(outcomes.values()) == len(range(part, INPUTS, PARTS))
    # Neither outcome alone would prove anything.
    assert min(outcomes["taken"], outcomes["refused"]) > INPUTS / PARTS / 10, outcomes


def check(found: Found) -> str:
    """Every look's records are read, once and in order; what was refused says why."""
    assert found.looks or found.refused
    assert all(error.path == file.path and error.reason for file, error in found.refused)
    with Archives() as archives:
        for seen in found.looks:
            layout = OF_NAME[seen.layout]
            numbers = [
                number
                for chunk in seen.chunks
                for batch in read_part(Part(seen, chunk, layout), layout.columns, archives)
                for number in batch.column("_record_number").to_pylist()
            ]
            assert numbers == list(range(1, seen.records + 1))
    return "taken" if found.looks else "refused"


@pytest.mark.spark
def test_two_hundred_damaged_files_give_through_spark_what_they_give_without(
    spark: SparkSession, tmp_path: Path
) -> None:
    looks: list[Look] = []
    for number in range(200):
        path = tmp_path / str(number)
        path.write_bytes(damaged(SEED, INPUTS + number)[1])
        looks += look_all(
            RawFile(str(number), str(path), path.stat().st_size), LAYOUTS, chunk_bytes=100
        ).looks
    assert len(looks) > 50
    columns = sorted({column for known in LAYOUTS for column in known.columns})

    frame = bronze_frame(spark, looks, LAYOUTS, columns)

    with Archives() as archives:
        parts = [Part(seen, chunk, OF_NAME[seen.layout]) for seen in looks for chunk in seen.chunks]
        expected = [
            row
            for part in parts
            for batch in read_part(part, columns, archives)
            for row in batch.to_pylist()
        ]
    assert len(expected) == sum(seen.records for seen in looks)
    place = operator.itemgetter("_source_file", "_record_number")
    assert sorted((row.asDict() for row in frame.collect()), key=place) == sorted(
        expected, key=place
    )
