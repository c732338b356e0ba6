"""Bronze frames hold every record that was counted, once, with where it came from."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import pytest
from strata.errors import BadFile, ConservationError, DeclarationError
from strata.fs import files
from strata.raw.look import Look, look
from strata.raw.members import look_all
from strata.raw.read import Part, bronze_frame, read_part

from tests.corpus.archives import packed, tarred, zipped
from tests.corpus.cases import CASES, Accepted
from tests.corpus.readback import layout, raw_file, rows

AB = layout("a", "b", constants={"unit": "g"})
CONTENT = b"a,b,c\n" + b"".join(b'%d,"x\n%d",\n' % (i, i) for i in range(2000)) + b"ragged\n"


def seen_file(folder: Path, content: bytes = CONTENT, **options: Any) -> Look:
    return look(raw_file(folder, content, "delivery=2024-02-29/x [1]%20.csv"), [AB], **options)


def test_a_chunk_that_gives_fewer_records_than_counted(tmp_path: Path) -> None:
    seen = seen_file(tmp_path)
    chunk = dataclasses.replace(seen.chunks[0], records=seen.records + 1)
    with pytest.raises(ConservationError) as error:
        list(read_part(Part(seen, chunk, AB), ["a"]))
    assert (error.value.planned, error.value.read) == (2002, 2001)


@pytest.mark.parametrize("content", [CONTENT + b"1,2,3\n", CONTENT.swapcase()])
def test_a_file_that_changed_since_the_look(tmp_path: Path, content: bytes) -> None:
    """By its size, or by the time alone."""
    seen = seen_file(tmp_path)
    os.utime(seen.uri, (1, 1))
    seen = dataclasses.replace(seen, stored=files.stat_input(seen.uri))
    assert next(iter(read_part(Part(seen, seen.chunks[0], AB), ["a"])))
    Path(seen.uri).write_bytes(content)
    with pytest.raises(BadFile, match="changed since it was looked at"):
        list(read_part(Part(seen, seen.chunks[0], AB), ["a"]))


def test_a_layout_that_fills_an_unknown_column(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match=r"has no column b; .* has no column unit"):
        bronze_frame(None, [seen_file(tmp_path)], [AB], ["a"])  # type: ignore[arg-type]


@pytest.mark.spark
def test_bronze_frame(spark: Any, tmp_path: Path) -> None:
    seen = seen_file(tmp_path, chunk_bytes=1000)
    assert len(seen.chunks) > 20
    frame = bronze_frame(spark, [seen], [AB], ["b", "not_here", "a", "unit", "_run_id"])
    assert [f"{name} {type_}" for name, type_ in frame.dtypes] == [
        "b string",
        "not_here string",
        "a string",
        "unit string",
        "_file_sha256 string",
        "_source_file string",
        "_record_number bigint",
        "_layout string",
        "_delivery_date date",
        "_extra string",
        "_raw_record string",
    ]
    found = [row.asDict() for row in frame.orderBy("_record_number").collect()]
    assert [row["_record_number"] for row in found] == list(range(1, 2002))
    assert found[7] == {
        "b": "x\n7",
        "not_here": None,
        "a": "7",
        "unit": "g",
        "_file_sha256": seen.sha256,
        "_source_file": "samples/delivery=2024-02-29/x [1]%20.csv",
        "_record_number": 8,
        "_layout": "known",
        "_delivery_date": seen.delivery_date,
        "_extra": None,
        "_raw_record": None,
    }
    assert (found[-1]["_raw_record"], found[-1]["a"], found[-1]["unit"]) == ("ragged", None, None)


@pytest.mark.spark
def test_files_of_several_layouts(spark: Any, tmp_path: Path) -> None:
    other = layout("c", format="json", name="other")
    first = seen_file(tmp_path)
    second = look(raw_file(tmp_path, b'[{"c": 1}, {"c": 2}]', "y.json"), [AB, other])
    headless = layout(
        "code", "d", options={"header": "none"}, patterns={"code": "[A-Z]+"}, name="headless"
    )
    members = (("a.csv", b"A,1\n"), ("b.csv", b"B,2\nC,3\n"), ("licence.txt", b"Free.\n"))
    zipped_, tarred_ = (
        look_all(raw_file(tmp_path, content, name), [headless]).looks
        for content, name in ((zipped(*members), "z.zip"), (packed(tarred(*members)), "t.tar.gz"))
    )
    frame = bronze_frame(
        spark,
        [first, second, *zipped_, *tarred_],
        [AB, other, headless],
        ["a", "b", "c", "unit", "code", "d"],
    )
    assert {tuple(row) for row in frame.groupBy("_layout").count().collect()} == {
        ("known", 2001),
        ("other", 2),
        ("headless", 6),
    }
    of_zip = (
        frame.where("_source_file like '%.zip/%'")
        .orderBy("code")
        .select("code", "d", "_source_file")
        .collect()
    )
    assert [tuple(row) for row in of_zip] == [
        ("A", "1", "samples/z.zip/a.csv"),
        ("B", "2", "samples/z.zip/b.csv"),
        ("C", "3", "samples/z.zip/b.csv"),
    ]
    assert {row.c for row in frame.where("_layout = 'other'").collect()} == {"1", "2"}


@pytest.mark.spark
def test_no_files_give_an_empty_frame(spark: Any) -> None:
    frame = bronze_frame(spark, [], [AB], ["a", "b", "unit"])
    assert frame.count() == 0
    assert frame.columns[:3] == ["a", "b", "unit"]


@pytest.mark.spark
def test_a_file_that_changes_stops_the_job(spark: Any, tmp_path: Path) -> None:
    seen = seen_file(tmp_path)
    frame = bronze_frame(spark, [seen], [AB], ["a", "b", "unit"])
    Path(seen.uri).write_bytes(CONTENT[:-1])
    with pytest.raises(Exception, match="changed since it was looked at"):
        frame.collect()


@pytest.mark.spark
def test_the_corpus_through_spark(spark: Any, tmp_path: Path) -> None:
    """Every accepted file of the corpus that the same two columns fit, in one job."""
    cases = [
        c
        for c in CASES
        if isinstance(c.outcome, Accepted) and len(c.layouts) == 1 and len(c.content) < 1_000_000
    ]
    looks, layouts, expected = [], [], {}
    for number, case in enumerate(cases):
        own = dataclasses.replace(case.layouts[0], name=f"layout{number}")
        if not set(own.columns) <= {"a", "b"}:
            continue
        seen = look(
            raw_file(tmp_path, case.content, f"{number}/{case.file_name}"), [own], chunk_bytes=50
        )
        looks.append(seen)
        layouts.append(own)
        expected[own.name] = [
            (row["a"], row.get("b"), row["_raw_record"]) for row in rows(seen, [own])
        ]
    found: dict[str, list[Any]] = {name: [] for name in expected}
    for row in (
        bronze_frame(spark, looks, layouts, ["a", "b"])
        .orderBy("_layout", "_record_number")
        .collect()
    ):
        found[row["_layout"]].append((row["a"], row["b"], row["_raw_record"]))
    assert found == expected
