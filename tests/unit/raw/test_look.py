"""Every odd or damaged file has one stated outcome, and what is counted is what is read."""

from __future__ import annotations

import gzip
import hashlib
import pickle
import time
from pathlib import Path

import pytest
from strata.errors import BadFile, DeclarationError, UsageError
from strata.fs import files
from strata.raw.look import look
from strata.run.arrivals import drift

from tests.corpus.cases import CASES, MANY, SMALL, Accepted, Case, Refused
from tests.corpus.readback import layout, look_and_read, raw_file, rows

AB = layout("a", "b")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_corpus(case: Case, tmp_path: Path) -> None:
    file = raw_file(tmp_path, case.content, case.file_name)
    if isinstance(case.outcome, Refused):
        with pytest.raises(BadFile) as refusal:
            look(file, case.layouts)
        assert case.outcome.says in str(refusal.value)
        assert refusal.value.path == case.file_name
        assert refusal.value.sha256 == hashlib.sha256(case.content).hexdigest()
        return
    seen = look(file, case.layouts)
    found = rows(seen, case.layouts)
    check_accepted(case.outcome, seen.records, seen.parser, seen.blank_lines, found)


def check_accepted(
    expected: Accepted, records: int, parser: str, blank: int, found: list[dict[str, str]]
) -> None:
    assert records == expected.records
    assert [row["_record_number"] for row in found] == list(range(1, records + 1))
    assert (
        tuple(row["_record_number"] for row in found if row["_raw_record"] is not None)
        == expected.unparsed
    )
    assert all(
        row["a"] is None and row["b"] is None for row in found if row["_raw_record"] is not None
    )
    assert blank == expected.blank_lines
    assert expected.parser in (None, parser)
    if expected.first:
        assert (found[0]["a"], found[0].get("b")) == expected.first


@pytest.mark.parametrize(
    "case", [c for c in CASES if isinstance(c.outcome, Accepted)], ids=lambda case: case.name
)
def test_the_chunk_size_changes_nothing(case: Case, tmp_path: Path) -> None:
    file = raw_file(tmp_path, case.content, case.file_name)
    whole = look(file, case.layouts)
    expected = rows(whole, case.layouts)
    for chunk_bytes in (10, 37, 4096):
        seen = look(file, case.layouts, chunk_bytes=chunk_bytes)
        assert sum(chunk.records for chunk in seen.chunks) == whole.records
        assert rows(seen, case.layouts) == expected


def test_names_are_unique() -> None:
    names = [case.name for case in CASES]
    assert len(names) == len(set(names))


def test_what_a_look_tells(tmp_path: Path) -> None:
    content = b"a,x,b\n1,9,2\n"
    seen = look(raw_file(tmp_path, content, "delivery=2024-02-29/p q.csv"), [AB])
    assert seen.sha256 == hashlib.sha256(content).hexdigest()
    assert (seen.bytes, seen.layout, seen.table, seen.source) == (
        len(content),
        "known",
        "bronze.soil_samples",
        "samples",
    )
    assert (seen.header, seen.extra_fields) == (("a", "x", "b"), ("x",))
    assert str(seen.delivery_date) == "2024-02-29"


def test_optional_fields_that_a_file_lacks_are_told(tmp_path: Path) -> None:
    known = layout("a", optional=("b", "c"), format="json")
    assert look(raw_file(tmp_path, b'[{"a": 1}, {"a": 2, "b": null}]'), [known]).missing_fields == (
        "c",
    )
    assert look(raw_file(tmp_path, b"[]"), [known]).missing_fields == ()


def test_a_look_is_small_when_pickled(tmp_path: Path) -> None:
    seen = look(raw_file(tmp_path, MANY), [AB])
    assert len(pickle.dumps(seen)) < 2000
    assert pickle.loads(pickle.dumps(seen)) == seen


def test_the_hash_of_gzip_is_of_the_file_as_it_lies_there(tmp_path: Path) -> None:
    content = gzip.compress(MANY)
    seen = look(raw_file(tmp_path, content), [AB], chunk_bytes=100)
    assert (seen.sha256, seen.bytes) == (hashlib.sha256(content).hexdigest(), len(content))
    assert len(seen.chunks) == 1


def test_chunks_lie_end_to_end(tmp_path: Path) -> None:
    seen = look(raw_file(tmp_path, MANY), [AB], chunk_bytes=1000)
    assert len(seen.chunks) > 20
    for before, after in zip(seen.chunks, seen.chunks[1:], strict=False):
        assert before.end == after.start
        assert before.first_record + before.records == after.first_record
    assert seen.chunks[-1].end == len(MANY)


def test_the_more_demanding_layout_wins(tmp_path: Path) -> None:
    less, more = layout("a", name="less"), layout("a", "b", name="more")
    assert look(raw_file(tmp_path, SMALL), [less, more]).layout == "more"


def test_two_layouts_alike_are_a_mistake_in_the_contracts(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match="one and two"):
        look(raw_file(tmp_path, SMALL), [layout("a", name="one"), layout("b", name="two")])


def test_the_nearest_layout_is_told(tmp_path: Path) -> None:
    near, far = layout("a", "b", "c", name="near"), layout("x", "y", name="far")
    with pytest.raises(BadFile) as refusal:
        look(raw_file(tmp_path, SMALL), [far, near])
    assert (refusal.value.nearest, refusal.value.missing) == ("near", ["c"])


def test_no_layout_at_all(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        look(raw_file(tmp_path, SMALL), [])


def test_a_file_of_another_size_than_listed(tmp_path: Path) -> None:
    file = raw_file(tmp_path, SMALL)
    Path(file.uri).write_bytes(SMALL + b"5,6\n")
    with pytest.raises(BadFile, match="changed since it was listed"):
        look(file, [AB])


def test_a_file_that_grows_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = raw_file(tmp_path, SMALL)
    read_blocks = files.read_blocks

    def growing(*args: object) -> object:
        yield from read_blocks(*args)  # type: ignore[arg-type]
        with open(file.uri, "ab") as stream:
            stream.write(b"5,6\n")

    monkeypatch.setattr(files, "read_blocks", growing)
    with pytest.raises(BadFile, match="changed while it was read"):
        look(file, [AB])


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    file = raw_file(tmp_path, SMALL)
    Path(file.uri).unlink()
    with pytest.raises(BadFile, match="is gone"):
        look(file, [AB])


def test_too_many_columns_are_refused_at_once(tmp_path: Path) -> None:
    file = raw_file(tmp_path, b"," * 50_000_000)
    started = time.perf_counter()
    with pytest.raises(BadFile, match="at most 2000 columns"):
        look(file, [AB])
    assert time.perf_counter() - started < 5  # under a second on a machine that does nothing else


def test_a_record_over_the_limit_is_cut_and_says_so(tmp_path: Path) -> None:
    _, found = look_and_read(tmp_path, b"a,b\n1," + b"x" * 20_000_000 + b"\n3,4\n", AB)
    raw = found[0]["_raw_record"]
    assert len(raw) < 1_100_000
    assert raw.endswith("[cut here; the record has 20000003 bytes]")
    assert (found[1]["a"], found[1]["b"]) == ("3", "4")


def test_raw_records_are_whole(tmp_path: Path) -> None:
    _, found = look_and_read(tmp_path, b'a,b\r\n1,"x\ny",z\r\n3,4\r\n', AB)
    assert found[0]["_raw_record"] == '1,"x\ny",z'


def test_notes(tmp_path: Path) -> None:
    text = b'[{"a":NaN, "b": {"c" : -Infinity}}, {"a": NaN}]'
    seen, _ = look_and_read(tmp_path, text, layout("a", format="json"))
    assert seen.notes == ("NaN or Infinity is taken as null, by field: 'a' (2), 'c' (1)",)
    assert drift(seen).startswith("NaN or Infinity is taken as null")
