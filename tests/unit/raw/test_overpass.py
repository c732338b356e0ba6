"""Boundaries by the Overpass API: recorded answers, answers made of Natural Earth, and a server on
loopback with the faults of the real ones.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import random
from datetime import date, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import shapely
from pyproj import Geod
from strata.cli import main
from strata.declare.source_contract import load_layouts
from strata.errors import BadFile, StrataError, UsageError
from strata.fs.listing import RawFile, list_raw
from strata.raw.fetch import overpass
from strata.raw.look import look
from strata.raw.read import Part, read_part

from tests.loopback import Answer, Site, serve

CORPUS = Path(__file__).parents[2] / "corpus" / "overpass"
RECORDED = ("luxembourg_out_geom.json.gz", "luxembourg_body_recurse_skel.json.gz")
NATURAL_EARTH = (
    Path(__file__).parents[3] / "samples/soil/boundaries/natural_earth_10m_europe.geojson"
)
LAYOUTS = [layout for layout in load_layouts("soil") if layout.source == "boundaries"]

DAY = "2024-03-01T00:00:00Z"


# --- answers made here ----------------------------------------------------------------------------


def way(number: int, *places: tuple[float, float], role: str = "outer") -> dict[str, Any]:
    geometry = [{"lat": lat, "lon": lon} for lon, lat in places]
    return {"type": "way", "ref": number, "role": role, "geometry": geometry}


def relation(*members: dict[str, Any], **tags: str) -> dict[str, Any]:
    named = {"name": "Land", "admin_level": "2", "boundary": "administrative", "ISO3166-1": "LU"}
    return {
        "type": "relation",
        "id": 7,
        "version": 3,
        "timestamp": "2024-01-02T03:04:05Z",
        "members": list(members),
        "tags": named | tags,
    }


def answer(*elements: dict[str, Any], **more: Any) -> bytes:
    head = {"version": 0.6, "generator": "Overpass API", "osm3s": {"timestamp_osm_base": DAY}}
    return json.dumps({**head, "elements": list(elements), **more}).encode()


SQUARE = answer(relation(way(1, (0, 0), (1, 0), (1, 1)), way(2, (0, 0), (0, 1), (1, 1))))


def read(folder: Path, content: bytes) -> list[dict[str, Any]]:
    """The bronze rows of an answer, by the layouts of the feed."""
    path = folder / "LU.json"
    path.write_bytes(content)
    seen = look(RawFile("LU.json", str(path), len(content)), LAYOUTS)
    own = next(layout for layout in LAYOUTS if layout.name == seen.layout)
    assert own.name == "overpass"
    return [
        row
        for chunk in seen.chunks
        for batch in read_part(Part(seen, chunk, own), own.columns)
        for row in batch.to_pylist()
    ]


def shape_of(folder: Path, *members: dict[str, Any]) -> Any:
    """The area of a relation, or why it has none."""
    [row] = read(folder, answer(relation(*members)))
    return shapely.from_geojson(row["geometry"]) if row["geometry"] else row["geometry_problem"]


# --- recorded answers -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_country_has_its_area(tmp_path: Path, name: str) -> None:
    """2,586 km² by Luxembourg's land register; the map's outline of 2018 is within one per cent."""
    came = gzip.decompress((CORPUS / name).read_bytes())
    [row] = read(tmp_path, came)
    assert row["raw_answer"].encode() == came
    area = shapely.from_geojson(row["geometry"])
    km2 = abs(Geod(ellps="WGS84").geometry_area_perimeter(area)[0]) / 1e6
    assert (row["name"], row["name_en"], row["iso_a2"]) == ("Lëtzebuerg", "Luxembourg", "LU")
    assert area.is_valid
    assert km2 == pytest.approx(2586, rel=0.01)
    # A station in the middle of the country, and two beyond its borders.
    inside = shapely.points([(6.13, 49.61), (6.64, 49.75), (5.80, 49.43)])
    assert shapely.covers(area, inside).tolist() == [True, False, False]


def test_both_forms_of_a_recorded_answer_give_one_area(tmp_path: Path) -> None:
    shapes = [
        shapely.from_geojson(
            read(tmp_path, gzip.decompress((CORPUS / name).read_bytes()))[0]["geometry"]
        )
        for name in RECORDED
    ]
    assert shapes[0].equals(shapes[1])


def test_an_unordered_heap_of_ways_gives_natural_earths_countries(tmp_path: Path) -> None:
    """Made of Natural Earth: each ring cut into ways at random, turned round and shuffled, roles
    left out. Italy has two enclaves in it, Denmark islands.
    """
    features = json.loads(NATURAL_EARTH.read_text())["features"]
    wanted = {"Italy", "Belgium", "Netherlands", "Denmark"}
    chosen = {
        f["properties"]["name"]: shapely.geometry.shape(f["geometry"])
        for f in features
        if f["properties"]["name"] in wanted
    }
    assert chosen.keys() == wanted
    lot = random.Random(5)
    rows = read(tmp_path, answer(*(heap_of(shape, name, lot) for name, shape in chosen.items())))
    found = {row["name"]: shapely.from_geojson(row["geometry"]) for row in rows}
    assert {name: found[name].equals(shape) for name, shape in chosen.items()} == dict.fromkeys(
        wanted, True
    )


def heap_of(shape: Any, name: str, lot: random.Random) -> dict[str, Any]:
    ways = []
    for part in shapely.get_parts(shape):
        for ring in (part.exterior, *part.interiors):
            places, start = list(ring.coords), 0
            while start < len(places) - 1:
                end = start + lot.randint(1, 80)
                piece = places[start : end + 1]
                ways.append(piece if lot.random() < 0.5 else piece[::-1])
                start = end
    lot.shuffle(ways)
    return relation(*(way(n, *piece, role="") for n, piece in enumerate(ways)), name=name)


# --- shapes ---------------------------------------------------------------------------------------


def box(number: int, low: float, high: float) -> dict[str, Any]:
    return way(number, (low, low), (high, low), (high, high), (low, high), (low, low))


def test_rings_nest(tmp_path: Path) -> None:
    """Land, a hole in it, an island in the hole, and a hole in that: areas 100 - 64 + 16 - 4."""
    shape = shape_of(tmp_path, box(1, 0, 10), box(2, 1, 9), box(3, 3, 7), box(4, 4, 6))
    assert (shape.area, shape.geom_type) == (48, "MultiPolygon")


def test_rings_that_touch_at_a_place_come_apart(tmp_path: Path) -> None:
    eight = shape_of(
        tmp_path,
        way(1, (0, 0), (2, 2)), way(2, (2, 2), (4, 4), (4, 0), (2, 2)),
        way(3, (2, 2), (0, 4), (0, 0)),
    )  # fmt: skip
    assert (eight.is_valid, eight.area) == (True, 8)


def test_a_way_told_twice_counts_once(tmp_path: Path) -> None:
    assert shape_of(tmp_path, box(1, 0, 2), box(1, 0, 2)).area == 4


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ([way(1, (0, 0), (1, 0), (1, 1))], "the ways of a boundary must close; 2 ends meet no other"
         " way, at 0.0, 0.0, 1.0, 1.0"),
        ([way(1, (0, 0), (1, 0), (0, 0))], "a boundary must have a ring of three places or more"),
        ([], "a boundary must have a ring of three places or more"),
        ([{"type": "way", "ref": 9, "role": "outer"}], "way 9 is missing"),
        ([{"type": "way", "ref": 9, "role": "", "geometry": [{"lat": 0, "lon": 0}, None]}],
         "a way must have all its places; 1 of way 9 are missing"),
    ],
)  # fmt: skip
def test_ways_that_bound_nothing_say_why(
    tmp_path: Path, members: list[dict[str, Any]], problem: str
) -> None:
    assert problem in shape_of(tmp_path, *members)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (answer(remark='runtime error: Query timed out in "query"'), "Query timed out"),
        (SQUARE[:-9], "whole JSON"),
        (answer(), "must hold a relation; this one holds none"),
        (answer({"type": "node", "id": 1, "lat": 0, "lon": 0}), "must hold a relation"),
    ],
)
def test_a_file_that_is_no_whole_answer_is_refused(
    tmp_path: Path, content: bytes, said: str
) -> None:
    with pytest.raises(BadFile, match=said):
        read(tmp_path, content)


# --- the server -----------------------------------------------------------------------------------


def asking(folder: Path, *sites: Site, **more: Any) -> overpass.Asking:
    servers = tuple(f"{site.url}/api/interpreter" for site in sites)
    given = {
        "countries": ("LU",),
        "servers": servers,
        "pause_seconds": 0.0,
        "first_wait_seconds": 0.001,
    } | more
    return overpass.Asking(str(folder / "raw"), **given)


def fetch(folder: Path, *sites: Site, **more: Any) -> tuple[overpass.Fetched, list[str]]:
    said: list[str] = []
    return overpass.fetch(asking(folder, *sites, **more), said.append), said


def test_the_answer_is_kept_as_it_came(tmp_path: Path) -> None:
    with serve(Site(script=[Answer(body=SQUARE)])) as site:
        fetched, _ = fetch(tmp_path, site, at=date(2024, 2, 29))
    [place] = fetched.files
    assert place.endswith("raw/overpass/delivery=2024-02-29/LU.json")
    assert Path(place).read_bytes() == SQUARE
    asked = json.loads((Path(place).parent / "_asked.jsonl").read_text())
    assert (asked["sha256"], asked["map_at"]) == (hashlib.sha256(SQUARE).hexdigest(), DAY)
    [question] = parse_qs(site.posted[0].decode())["data"]
    assert question.startswith('[out:json][timeout:300][date:"2024-02-29T00:00:00Z"];')
    assert site.asked[0][1]["User-Agent"].startswith("strata/")


FAULTS = {
    "busy": Answer(429, {"Retry-After": "0"}),
    "busy, by a date": Answer(
        429, {"Retry-After": format_datetime(overpass.datetime.now(overpass.timezone.utc), True)}
    ),
    "gateway": Answer(504, body=b"<html>timeout</html>"),
    "partial": Answer(body=answer(remark="runtime error: Query ran out of memory")),
    "HTML with 200": Answer(body=b"<?xml version='1.0'?><html>The server is too busy</html>"),
    "cut off": Answer(body=SQUARE[: len(SQUARE) // 2]),
    "connection breaks": Answer(body=SQUARE, cut_at=20, resets=True),
    "an older map": Answer(body=SQUARE.replace(DAY.encode(), b"2023-03-01T00:00:00Z")),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_that_passes_is_waited_out(tmp_path: Path, name: str) -> None:
    with serve(Site(script=[FAULTS[name], Answer(body=SQUARE)])) as site:
        fetched, said = fetch(tmp_path, site, at=date(2024, 1, 1))
    assert Path(fetched.files[0]).read_bytes() == SQUARE
    assert len(site.posted) == 2
    assert "asking again" in said[0]


def test_a_mirror_is_asked_where_a_server_fails(tmp_path: Path) -> None:
    with (
        serve(Site(script=[Answer(504)] * 9)) as down,
        serve(Site(script=[Answer(body=SQUARE)])) as mirror,
    ):
        fetched, said = fetch(tmp_path, down, mirror)
    assert (len(fetched.files), len(down.posted), len(mirror.posted)) == (1, 1, 1)
    assert "asking the next" in said[0]


def test_what_came_is_not_asked_for_again(tmp_path: Path) -> None:
    """The second country fails for good; the next run asks for it alone."""
    script = [Answer(body=SQUARE), *[Answer(504)] * overpass.MAX_ATTEMPTS]
    with serve(Site(script=script)) as site:
        with pytest.raises(StrataError, match=r"BE could not be fetched in 6 attempts.*run again"):
            fetch(tmp_path, site, countries=("LU", "BE"), at=date(2024, 1, 1))
        site.script = [Answer(body=SQUARE)]
        fetched, _ = fetch(tmp_path, site, countries=("LU", "BE"), at=date(2024, 1, 1))
    assert (fetched.there, [Path(p).name for p in fetched.files]) == (["LU"], ["BE.json"])


def test_a_country_that_the_map_lacks_is_named(tmp_path: Path) -> None:
    with (
        serve(Site(script=[Answer(body=answer()), Answer(body=SQUARE)])) as site,
        pytest.raises(UsageError, match="the map has none for QQ"),
    ):
        fetch(tmp_path, site, countries=("QQ", "LU"))
    # What there is was fetched before that is told.
    assert len(list(tmp_path.rglob("LU.json"))) == 1


def test_a_refused_question_ends_it_at_once(tmp_path: Path) -> None:
    with (
        serve(Site(script=[Answer(400), Answer(body=SQUARE)])) as site,
        pytest.raises(UsageError, match="the question is refused"),
    ):
        fetch(tmp_path, site)
    assert len(site.posted) == 1


def test_a_wait_of_hours_is_left_to_the_user(tmp_path: Path) -> None:
    with (
        serve(Site(script=[Answer(429, {"Retry-After": "7200"})])) as site,
        pytest.raises(StrataError, match="asks to wait 7200 s"),
    ):
        fetch(tmp_path, site)


@pytest.mark.parametrize("codes", [("LUX",), ("lu",), ('LU"];',), ()])
def test_countries_are_named_by_two_letters(codes: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="ISO 3166-1 alpha-2"):
        overpass.Asking("raw", codes)


def test_the_day_of_an_unpinned_answer_is_today(tmp_path: Path) -> None:
    with serve(Site(script=[Answer(body=SQUARE)])) as site:
        fetched, _ = fetch(tmp_path, site)
    day = date.fromisoformat(fetched.files[0].split("delivery=")[1][:10])
    assert abs(date.today() - day) <= timedelta(days=1)


def test_the_command_fetches_what_a_run_then_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["soil", "boundaries", "--from", "overpass", "--countries", "lu", "--pause", "0"]
    with serve(Site(script=[Answer(body=SQUARE)])) as site:
        server = ["--server", f"{site.url}/api/interpreter", "--date", "2024-02-29"]
        assert main([*command, *server, "--raw", str(tmp_path / "raw")]) == 0
    folder = tmp_path / "raw/soil/boundaries/overpass"
    assert capsys.readouterr().out == f"1 answer fetched; they are in {folder}\n"
    # What begins with _ is no data; the answer is, of its day.
    [file], _ = list_raw(str(tmp_path / "raw"), "soil", "boundaries")
    assert file.path == "overpass/delivery=2024-02-29/LU.json"
    seen = look(file, LAYOUTS)
    assert (seen.layout, seen.records, seen.delivery_date) == ("overpass", 1, date(2024, 2, 29))


@pytest.mark.parametrize("day", ["yesterday", "2024-02-30", "2011-01-01", "2999-01-01"])
def test_a_day_without_a_map_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], day: str
) -> None:
    command = ["soil", "boundaries", "--from", "overpass", "--raw", str(tmp_path), "--date", day]
    assert main(command) == 2
    assert "--date" in capsys.readouterr().err
