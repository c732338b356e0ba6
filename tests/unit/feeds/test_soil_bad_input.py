"""What scientists send by mistake: a file is refused in one sentence before Spark starts. Rows that
are wrong in a sound file are quarantined: `tests/feeds/test_soil.py`.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from strata.cli import main
from strata.declare.source_contract import load_layouts
from strata.fs.listing import RawFile
from strata.raw.members import look_all

LAYOUTS = load_layouts("soil")


def told(folder: Path, name: str, content: bytes, source: str = "samples") -> tuple[str, int]:
    """Why a file is refused, or empty; and how many records it has."""
    path = folder / name
    path.write_bytes(content)
    own = [layout for layout in LAYOUTS if layout.source == source]
    found = look_all(RawFile(name, str(path), len(content)), own)
    if found.refused:
        return str(found.refused[0][1]), 0
    return "", sum(seen.records for seen in found.looks)


REFUSED = {
    "empty": (b"", "the file is empty: not even a header"),
    "wrong header": (b"name,colour\na,b\n", "its fields must be those of a known layout"),
    "one name misspelt": (b"lon,lat,soc_percent\n5,50,1\n", "must have one of"),
    "nothing measured": (b"lon,lat,site_id\n5,50,a\n", "must have one of 'clay_pct', 'soc_pct'"),
    "a unit of its own": (b"lon,lat,soc_pct,soc_unit\n5,50,1,g/kg\n", "'soc_unit' may"),
    "HTML": (b"<!doctype html><html>Sorry</html>", "this one is an HTML page"),
    "GeoJSON cut off": (b'{"type":"FeatureCollection","features":[{"type":"Fe', "JSON must be sound"),
    "FlatGeobuf cut off": (b"fgb\x03fgb\x00\x10\x00\x00\x00abc", "the file must be whole"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_is_refused_in_one_sentence(tmp_path: Path, name: str) -> None:
    content, said = REFUSED[name]
    why, _ = told(tmp_path, "x.csv", content)
    assert said in why
    assert "\n" not in why


def test_a_header_alone_is_a_file_without_records(tmp_path: Path) -> None:
    assert told(tmp_path, "x.csv", b"lon,lat,soc_pct\n") == ("", 0)


def test_the_order_of_columns_does_not_matter(tmp_path: Path) -> None:
    assert told(tmp_path, "x.csv", b"soc_pct,lat,lon\n1,50,5\n") == ("", 1)


def test_boundaries_without_a_country_are_refused(tmp_path: Path) -> None:
    feature = {"type": "Feature", "properties": {"area": 1}, "geometry": None}
    content = json.dumps({"type": "FeatureCollection", "features": [feature]}).encode()
    why, _ = told(tmp_path, "x.geojson", content, "boundaries")
    assert "its fields must be those of a known layout" in why


ASKED = {
    "0": "samples must be in [1, 2147483647]; got 0",
    "-1": "samples must be in [1, 2147483647]; got -1",
    "ten": "--samples must be a whole number; got 'ten'",
    "3000000000": "samples must be in [1, 2147483647]; got 3000000000",
}


@pytest.mark.parametrize("samples", ASKED)
def test_a_number_of_samples_that_cannot_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], samples: str
) -> None:
    (tmp_path / "raw").mkdir()
    command = ["run", "soil", "--raw", f"{tmp_path}/raw", "--warehouse", f"{tmp_path}/w"]
    assert main([*command, "--samples", samples]) == 2
    assert ASKED[samples] in capsys.readouterr().err


def test_more_samples_than_there_are_sites_are_all_of_them(tmp_path: Path) -> None:
    from strata.feeds.soil import draw

    assert draw.cut(7, 10**9, 1, exact=True, draw="7|BE").drawn == [(0, 0, 7)]
