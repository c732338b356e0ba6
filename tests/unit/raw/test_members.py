"""JSON whose records are the members of one object: what is counted is what is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from strata.declare.layout import Field, Layout
from strata.errors import BadFile
from strata.fs.listing import list_place
from strata.raw.look import look
from strata.raw.read import Part, read_part

BY_NAME = Layout(
    name="by_name",
    feed="t",
    source="s",
    table="bronze.t_s",
    format="json",
    fields=(Field("name", "*", True), Field("size", "size", True), Field("note", "note")),
    options={"records": "*"},
)
LISTED = Layout(
    name="listed",
    feed="t",
    source="s",
    table="bronze.t_s",
    format="json",
    fields=(Field("name", "name", True), Field("size", "size", True)),
)


def read(path: Path, chunk_bytes: int = 1 << 20) -> tuple[str, list[dict[str, Any]]]:
    """The layout, and each record's number, name, size and text if it did not parse."""
    layouts = {layout.name: layout for layout in (BY_NAME, LISTED)}
    seen = look(list_place(str(path))[0][0], list(layouts.values()), chunk_bytes)
    rows = [
        row
        for chunk in seen.chunks
        for batch in read_part(Part(seen, chunk, layouts[seen.layout]), ("name", "size"))
        for row in batch.to_pylist()
    ]
    assert [row["_record_number"] for row in rows] == list(range(1, seen.records + 1))
    return seen.layout, rows


def test_each_member_is_a_record_and_its_name_a_field(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(' { "a" : {"size": 1, "more": [2]} ,\n"b":{"size":"2"}, "a": {"size": 3}}\n')
    layout, rows = read(path)
    assert layout == "by_name"
    assert [(row["name"], row["size"], row["_extra"]) for row in rows] == [
        ("a", "1", '{"more":[2]}'),
        ("b", "2", None),
        ("a", "3", None),
    ]


def test_a_member_that_is_no_record_comes_back_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    odd = '"version":3, "c\\u0000":{"size":1}, "d\\ud800":{"size":1}, "e":{"size":1,"size":2}'
    path.write_text('{"a":{"size":1},' + odd + "}")
    rows = read(path)[1]
    assert [(row["name"], row["_raw_record"]) for row in rows] == [
        ("a", None),
        (None, '"version":3'),
        (None, '"c\\u0000":{"size":1}'),
        (None, '"d\\ud800":{"size":1}'),
        (None, '"e":{"size":1,"size":2}'),
    ]


@pytest.mark.parametrize("chunk_bytes", [1, 50, 333, 1 << 20])
def test_chunks_of_any_size_give_the_same_members(tmp_path: Path, chunk_bytes: int) -> None:
    path = tmp_path / "x.json"
    told = {f"é{n}": {"size": n} for n in range(50)}
    path.write_text(json.dumps(told, ensure_ascii=False, indent=1), encoding="utf-8")
    rows = read(path, chunk_bytes)[1]
    assert [(row["name"], row["size"]) for row in rows] == [(f"é{n}", str(n)) for n in range(50)]


@pytest.mark.parametrize(
    "text",
    [
        '[{"name": "a", "size": 1}]',
        '{"name": "a", "size": 1}\n{"name": "b", "size": 2}\n',
        '{"name": "a", "size": 1}',
    ],
)
def test_lists_and_lines_are_not_taken_for_members(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    layout, rows = read(path)
    assert (layout, rows[0]["name"], rows[0]["size"]) == ("listed", "a", "1")


@pytest.mark.parametrize(
    "text", ['{"a":{"size":1}', '{"a":{"size":1}} x', '{"a" {"size":1}}', "{}"]
)
def test_what_is_cut_off_or_goes_on_is_refused_and_an_empty_object_holds_nothing(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    if text == "{}":
        assert read(path)[1] == []
        return
    with pytest.raises(BadFile):
        read(path)
