"""What is read is what independent programs read from the same bytes; fuzzing finds no
exception."""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import re
import tempfile
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyogrio
import pytest
import shapely
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from strata.declare.layout import Layout
from strata.errors import BadFile
from strata.fs.listing import RawFile
from strata.raw.look import look

from tests.corpus.odd_strings import ODD_STRINGS
from tests.corpus.readback import layout, look_and_read, raw_file, rows

CORPUS = Path(__file__).parents[2] / "corpus"
AB = layout("a", "b")
GEOMETRY = ("geometry", "geometry.x", "geometry.y")

fuzz = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def folder() -> Any:
    """One folder for all examples of a fuzz test: Hypothesis does not make a new one for each."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


# --- CSV --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", sorted(p.stem for p in (CORPUS / "csv_spectrum/csvs").glob("*.csv"))
)
def test_csv_spectrum(name: str, tmp_path: Path) -> None:
    content = (CORPUS / f"csv_spectrum/csvs/{name}.csv").read_bytes()
    expected = json.loads((CORPUS / f"csv_spectrum/json/{name}.json").read_text("utf-8"))
    expected = expected if isinstance(expected, list) else [expected]
    if name == "location_coordinates":
        # Its JSON tells another telephone number than its CSV.
        expected[0]["Contact Phone Number"] = "2095257564"
    header = list(expected[0])
    _, found = look_and_read(tmp_path, content, layout(*header))
    assert [{name: row[name] or "" for name in header} for row in found] == expected


def test_odd_strings(tmp_path: Path) -> None:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerows([["a", "b"], *([str(i), value] for i, value in enumerate(ODD_STRINGS))])
    for parser in ("", '0,5" pipe\n'):
        seen, found = look_and_read(
            tmp_path, text.getvalue().encode() + parser.encode(), AB, chunk_bytes=500
        )
        assert [row["b"] or "" for row in found][: len(ODD_STRINGS)] == ODD_STRINGS
        assert seen.parser == ("python" if parser else "rfc4180")


def test_odd_strings_in_json(tmp_path: Path) -> None:
    records = [{"a": i, "b": value} for i, value in enumerate(ODD_STRINGS)]
    known = layout("a", "b", format="json")
    for ensure_ascii in (True, False):
        _, found = look_and_read(
            tmp_path, json.dumps(records, ensure_ascii=ensure_ascii).encode(), known, chunk_bytes=99
        )
        assert [row["b"] for row in found] == ODD_STRINGS


def test_duckdb_reads_the_same(tmp_path: Path) -> None:
    lines = [f'{i},{i * 0.1!r},"place ""{i}"", of ü","two\nlines",' for i in range(3000)]
    content = ("id,value,name,note,nothing\r\n" + "\r\n".join(lines) + "\r\n").encode()
    columns = ["id", "value", "name", "note", "nothing"]
    _, found = look_and_read(tmp_path, content, layout(*columns), chunk_bytes=5000)
    query = (
        "select * from read_csv(?, all_varchar=true, header=true, delim=',', quote='\"', "
        "escape='\"')"
    )
    expected = duckdb.sql(query, params=[str(tmp_path / "x.csv")]).fetchall()
    assert [tuple(row[c] for c in columns) for row in found] == expected


def test_what_the_layout_does_not_name_is_kept(tmp_path: Path) -> None:
    content = b'a,y,b,z\n1,"q""",2,\n3,,4,\n'
    _, found = look_and_read(tmp_path, content, AB)
    assert [row["_extra"] for row in found] == ['{"y":"q\\""}', None]


def test_a_field_that_is_not_required_may_be_missing(tmp_path: Path) -> None:
    _, found = look_and_read(tmp_path, b"a\n1\n", layout("a", optional=("c",)))
    assert (found[0]["a"], found[0]["c"]) == ("1", None)


def test_constants_stand_beside_parsed_records_only(tmp_path: Path) -> None:
    known = layout("a", "b", constants={"soc_unit": "g/kg"})
    _, found = look_and_read(tmp_path, b"a,b\n1,2\n1\n", known)
    assert [row["soc_unit"] for row in found] == ["g/kg", None]


CSV_TEXT = st.text(alphabet=st.sampled_from('ab1,,,"""\n\n\r \0é€'), max_size=60)


@fuzz
@given(text=CSV_TEXT, chunk_bytes=st.sampled_from([1, 10, 25, 1 << 20]))
@example(text='1,2\n3,"x\n4,5\n', chunk_bytes=10)
@example(text='1,2\n"",""\n\n5" x,"y\nz"', chunk_bytes=10)
@example(text='"a",1"\n"b""",\r\n', chunk_bytes=10)
def test_csv_fuzz(folder: Path, text: str, chunk_bytes: int) -> None:
    content = f"a,b\n{text}".encode()
    expected = oracle(text)
    file = raw_file(folder, content)
    try:
        seen = look(file, [AB], chunk_bytes=chunk_bytes)
    except BadFile:
        assert expected is None
        return
    found = rows(seen, [AB])
    assert [row["_record_number"] for row in found] == list(range(1, seen.records + 1))
    assert found == rows(look(file, [AB]), [AB])
    if expected is not None:
        assert [
            None if row["_raw_record"] is not None else (row["a"], row["b"]) for row in found
        ] == expected


def oracle(text: str) -> list[tuple[str | None, ...] | None] | None:
    """The records by Python's csv, None for one that must not parse; None if the text is not plain
    RFC 4180.
    """
    if re.search("\r(?!\n)", text.removesuffix("\r")):
        return None
    lines = [line.replace("\0", "\x01") for line in re.findall("[^\n]*\n|[^\n]+$", text)]
    try:
        records = [record for record in csv.reader(lines, strict=True) if record]
    except csv.Error:
        return None
    return [parsed(record) for record in records]


def parsed(record: list[str]) -> tuple[str | None, ...] | None:
    if len(record) != 2 or any("\x01" in value for value in record):
        return None
    return tuple(value or None for value in record)


@fuzz
@given(text=CSV_TEXT, block_bytes=st.sampled_from([1, 2, 3, 7]))
@example(text='"x\r\ny",é\r\n\r\n5" x,2', block_bytes=1)
def test_csv_does_not_depend_on_how_the_bytes_come_in(
    folder: Path, text: str, block_bytes: int
) -> None:
    """Reads are so small here that every token is cut somewhere."""
    file = raw_file(folder, f"a,b\n{text}".encode())
    expected = outcome(file, AB)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("strata.raw.formats.opening.BLOCK_BYTES", block_bytes)
        patch.setattr("strata.raw.read.BLOCK_BYTES", block_bytes)
        patch.setattr(
            "strata.raw.formats.csv._MAX_HEADER_BYTES", 5
        )  # the header alone; the rest comes in blocks
        assert outcome(file, AB) == expected


def outcome(file: RawFile, known: Layout) -> Any:
    try:
        seen = look(file, [known])
    except BadFile as error:
        return str(error)
    return seen.records, seen.blank_lines, seen.parser, seen.sha256, rows(seen, [known])


@fuzz
@given(
    values=st.lists(st.tuples(st.text(max_size=12), st.text(max_size=12)), max_size=12),
    chunk_bytes=st.integers(1, 80),
)
def test_what_python_writes_is_read_back(
    folder: Path, values: list[tuple[str, str]], chunk_bytes: int
) -> None:
    values = [
        tuple(v.replace("\0", "").encode("utf-8", "ignore").decode() for v in pair)
        for pair in values
    ]  # type: ignore[misc]
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([["a", "b"], *values])
    _, found = look_and_read(folder, text.getvalue().encode(), AB, chunk_bytes=chunk_bytes)
    assert [(row["a"], row["b"]) for row in found] == [(a or None, b or None) for a, b in values]


# --- JSON -------------------------------------------------------------------------------------

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)
RECORDS = st.lists(
    st.fixed_dictionaries({"a": VALUES}, optional={"b": VALUES}), min_size=1, max_size=8
)
A_JSON = layout("a", optional=("b",), format="json")
AT_DATA = layout("a", optional=("b",), format="json", options={"records": "x.data"})


@fuzz
@given(
    records=RECORDS,
    shape=st.sampled_from(["array", "lines", "objects", "path"]),
    chunk_bytes=st.sampled_from([1, 30, 1 << 20]),
)
def test_json_fuzz(
    folder: Path, records: list[dict[str, Any]], shape: str, chunk_bytes: int
) -> None:
    records = [{"a": "one sound record tells the fields"}, *records]
    content = json_text(records, shape).encode()
    seen, found = look_and_read(
        folder, content, AT_DATA if shape == "path" else A_JSON, chunk_bytes=chunk_bytes
    )
    assert seen.records == len(records) == len(found)
    for row, record in zip(found, records, strict=True):
        if row["_raw_record"] is not None:
            assert "\\u0000" in row["_raw_record"] or re.search(r"\\ud[89a-f]", row["_raw_record"])
            continue
        assert (row["a"], row["b"]) == (bronze(record.get("a")), bronze(record.get("b")))


@fuzz
@given(
    records=RECORDS,
    shape=st.sampled_from(["array", "lines", "objects", "path"]),
    block_bytes=st.sampled_from([1, 2, 5]),
)
def test_json_does_not_depend_on_how_the_bytes_come_in(
    folder: Path, records: list[dict[str, Any]], shape: str, block_bytes: int
) -> None:
    file = raw_file(folder, json_text(records, shape).encode())
    known = AT_DATA if shape == "path" else A_JSON
    expected = outcome(file, known)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("strata.raw.formats.opening.BLOCK_BYTES", block_bytes)
        patch.setattr("strata.raw.read.BLOCK_BYTES", block_bytes)
        assert outcome(file, known) == expected


def json_text(records: list[dict[str, Any]], shape: str) -> str:
    if shape == "lines":
        return "\n".join(json.dumps(r) for r in records)
    if shape == "objects":
        return "\n".join(json.dumps(r, indent=2) for r in records)
    document = (
        records if shape == "array" else {"v": [records], "x": {"n": 1, "data": records, "m": {}}}
    )
    return json.dumps(document, indent=None if len(records) % 2 else 1)


def bronze(value: Any) -> str | None:
    """A JSON value as the bronze column must hold it."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"))


def test_members_by_dotted_path(tmp_path: Path) -> None:
    content = b'{"p":{"q":"1","r":2.50,"s":{"t":null}},"u":[1, 2]}\n{"p":null}\n{"p":{"q":3}}\n'
    seen, found = look_and_read(tmp_path, content, layout("p.q", optional=("p.s",), format="json"))
    assert [row["p_q"] for row in found] == ["1", None, "3"]
    assert [row["p_s"] for row in found] == ['{"t":null}', None, None]
    assert [row["_extra"] for row in found] == ['{"p.r":2.50,"u":[1,2]}', None, None]
    assert seen.extra_fields == ("p.r", "u")


def test_a_field_that_comes_up_late_is_read(tmp_path: Path) -> None:
    """polars leaves such a field out: findings/polars_ndjson_late_fields.sh."""
    content = b'{"a":1}\n' * 5000 + b'{"a":2,"b":12345678901234567890.10,"c":"late"}\n'
    known = layout("a", optional=("b",), format="json")
    seen, found = look_and_read(tmp_path, content, known)
    assert seen.extra_fields == ("c",)
    last = found[-1]
    assert (last["a"], last["b"]) == ("2", "12345678901234567890.10")
    assert last["_extra"] == '{"c":"late"}'


def test_one_path_by_two_ways_is_not_parsed(tmp_path: Path) -> None:
    _, found = look_and_read(
        tmp_path, b'[{"p":{"q":1}},{"p":{"q":1},"p.q":2}]', layout("p.q", format="json")
    )
    assert [row["_raw_record"] for row in found] == [None, '{"p":{"q":1},"p.q":2}']


def test_layouts_that_find_their_records_elsewhere(tmp_path: Path) -> None:
    bare = layout("a", format="json", name="bare")
    for text, name in ((b'{"x":{"data":[{"a":1}]}}', "known"), (b'{"a":1}\n{"a":2}', "bare")):
        assert look(raw_file(tmp_path, text), [AT_DATA, bare]).layout == name


# --- FlatGeobuf -------------------------------------------------------------------------------

SHAPES = {
    "Point": ["POINT (10.1 -20.25)", "POINT (1e-7 52)", "POINT (0.1 0.30000000000000004)"],
    "MultiPolygon": [
        "MULTIPOLYGON (((0 0, 1 0, 1 1, 0 0)), ((5 5, 9 5, 9 9, 5 5), (6 5.5, 8 6, 8 7, 6 5.5)))"
    ]
    * 3,
    "Polygon": [
        "POLYGON ((0 0, 1 0, 1 1, 0 0))",
        "POLYGON ((5 5, 9 5, 9 9, 5 5), (6 5.5, 8 6, 8 7, 6 5.5))",
        "POLYGON ((0 0, 1 0, 1 -1, 0 0))",
    ],
    "LineString": ["LINESTRING (0 0, 1 0.5)"] * 3,
    "MultiLineString": ["MULTILINESTRING ((0 0, 1 0.5), (3 3, 4 4, 5 5))"] * 3,
    "MultiPoint": ["MULTIPOINT ((0 0), (1 0.5))"] * 3,
}
FGB_COLUMNS = {
    "text": pa.array(["ü", "", None]),
    "double": pa.array([0.1, math.nan, 1e300]),
    "whole": pa.array([-(2**62), 2**62, None], pa.int64()),
    "small": pa.array([-5, 7, None], pa.int32()),
    "single": pa.array([0.1, 1.5, None], pa.float32()),
    "flag": pa.array([True, False, None]),
}


def flatgeobuf(folder: Path, type_: str, count: int = 3, index: bool = True) -> bytes:
    path = folder / f"{type_}.fgb"
    shapes = [SHAPES[type_][i % 3] for i in range(count)]
    table = pa.table(
        {
            name: array.take(pa.array([i % 3 for i in range(count)]))
            for name, array in FGB_COLUMNS.items()
        }
    )
    table = table.append_column("geom", pa.array([shapely.from_wkt(text).wkb for text in shapes]))
    options = {"SPATIAL_INDEX": "YES" if index else "NO"}
    pyogrio.write_arrow(
        table,
        path,
        driver="FlatGeobuf",
        geometry_name="geom",
        geometry_type=type_,
        crs="EPSG:4326",
        **options,
    )
    return path.read_bytes()


@pytest.mark.parametrize("index", [True, False])
@pytest.mark.parametrize("type_", sorted(SHAPES))
def test_gdal_reads_the_same(type_: str, index: bool, tmp_path: Path) -> None:
    content = flatgeobuf(tmp_path, type_, index=index)
    known = layout(
        "text", optional=(*GEOMETRY, *FGB_COLUMNS.keys() - {"text"}), format="flatgeobuf"
    )
    _, found = look_and_read(tmp_path, content, known, chunk_bytes=10)
    _, table = pyogrio.read_arrow(tmp_path / f"{type_}.fgb")
    expected = table.to_pylist()
    assert len(found) == len(expected) == 3
    for row, other in zip(found, expected, strict=True):
        shape = shapely.from_wkb(other["wkb_geometry"])
        assert shapely.from_geojson(row["geometry"]).equals_exact(shape, 0) or shape.is_empty
        if type_ == "Point":
            assert (float(row["geometry_x"]), float(row["geometry_y"])) == (shape.x, shape.y)
        assert {name: row[name] for name in FGB_COLUMNS} == {
            name: fgb_text(other[name]) for name in FGB_COLUMNS
        }


def fgb_text(value: Any) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float):
        return (
            None
            if math.isnan(value)
            else "0.1"
            if value == pytest.approx(0.1, rel=1e-6)
            else repr(value)
        )
    return str(value)


@pytest.mark.parametrize("count", [1, 2, 15, 16, 17, 256, 257, 5000])
def test_the_size_of_the_index(count: int, tmp_path: Path) -> None:
    content = flatgeobuf(tmp_path, "Point", count)
    seen, found = look_and_read(
        tmp_path, content, layout("text", format="flatgeobuf"), chunk_bytes=1000
    )
    assert seen.records == len(found) == count
    assert seen.chunks[-1].end == len(content)


@pytest.mark.parametrize("cut", [4, 9, 60, 700, -1, -60])
def test_a_flatgeobuf_that_is_cut_off(cut: int, tmp_path: Path) -> None:
    content = flatgeobuf(tmp_path, "Point", 20)
    with pytest.raises(BadFile):
        look(raw_file(tmp_path, content[:cut]), [layout("text", format="flatgeobuf")])


def test_a_flatgeobuf_cut_between_features(tmp_path: Path) -> None:
    content = flatgeobuf(tmp_path, "Point", 20)
    last = look(
        raw_file(tmp_path, content), [layout("text", format="flatgeobuf")], chunk_bytes=1
    ).chunks[-1]
    with pytest.raises(BadFile, match="the 20 features its header tells; found 19"):
        look(raw_file(tmp_path, content[: last.start]), [layout("text", format="flatgeobuf")])


def test_gzipped_flatgeobuf(tmp_path: Path) -> None:
    content = gzip.compress(flatgeobuf(tmp_path, "Point", 300))
    _, found = look_and_read(
        tmp_path, content, layout("text", "geometry.x", format="flatgeobuf"), chunk_bytes=10
    )
    assert len(found) == 300
    assert found[0]["geometry_x"] is not None


# --- damage -----------------------------------------------------------------------------------

SOUND = {
    "csv": (
        AB,
        b"a,b\n" + b"".join(b'%d,"x ""%d"" \xc3\xa9"\n%d,y\r\n' % (i, i, i) for i in range(20)),
    ),
    "json": (
        A_JSON,
        b"[" + b",".join(b'{"a": %d, "b": {"x": ["\xc3\xa9", 1.5]}}' % i for i in range(20)) + b"]",
    ),
    "lines": (A_JSON, b"".join(b'{"a": %d, "b": [1, "x\\n"]}\n' % i for i in range(20))),
}


@fuzz
@given(kind=st.sampled_from([*SOUND, "flatgeobuf", "gzip"]), data=st.data())
def test_damaged_files_are_refused_or_reconciled(
    folder: Path, kind: str, data: st.DataObject
) -> None:
    known, content = sound(folder, kind)
    damaged = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    file = raw_file(folder, bytes(damaged), "x.bin")
    try:
        seen = look(file, [known], chunk_bytes=data.draw(st.sampled_from([10, 1 << 20])))
    except BadFile:
        return
    assert len(rows(seen, [known])) == seen.records


def sound(folder: Path, kind: str) -> tuple[Any, bytes]:
    if kind == "gzip":
        return AB, gzip.compress(SOUND["csv"][1], mtime=0)
    if kind == "flatgeobuf":
        name = folder / "sound.fgb"
        if not name.exists():
            name.write_bytes(flatgeobuf(folder, "Polygon", 20))
        return layout("text", optional=GEOMETRY, format="flatgeobuf"), name.read_bytes()
    return SOUND[kind]
