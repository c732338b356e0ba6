"""`strata soil map`: a file nobody described is read as its owner says, and nothing is guessed."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
import shapely
from pyogrio import raw as gdal
from strata.cli import main
from strata.cli.soil_map import write_map
from strata.declare.own_layouts import own_layouts
from strata.errors import UsageError
from strata.raw.read import Part, read_part

CSV = "Nr;Ost;Nord;OC;Ton\n1;389000;5819000;12.5;0.14\n2;390000;5819500;31;\n"
COLUMNS = (
    "site=Nr", "x=Ost", "y=Nord", "epsg=25833", "soc=OC [g/kg]", "clay=Ton [fraction]", "top=0",
    "bottom=20",
)  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "Berlin 2020.csv"
    path.write_text(CSV)
    return path


def test_a_csv_is_read_as_it_is_told(file: Path, tmp_path: Path) -> None:
    target, seen = write_map(file, COLUMNS, str(tmp_path / "raw"))
    assert target.name == "soil_samples.own_berlin_2020.yaml"
    [layout] = own_layouts("soil", str(tmp_path / "raw"))
    [batch] = read_part(Part(seen, seen.chunks[0], layout), layout.columns)
    kept = ("source_site_id", "x", "y", "epsg", "soc", "soc_unit", "clay", "clay_unit",
            "upper_depth_cm", "lower_depth_cm", "source")  # fmt: skip
    assert [tuple(row[name] for name in kept) for row in batch.to_pylist()] == [
        ("1", "389000", "5819000", "25833", "12.5", "g/kg", "0.14", "1", "0", "20", "own_berlin_2020"),
        ("2", "390000", "5819500", "25833", "31", "g/kg", None, "1", "0", "20", "own_berlin_2020"),
    ]  # fmt: skip


def test_points_bring_their_positions(tmp_path: Path) -> None:
    path = tmp_path / "mine.gpkg"
    table = pa.table({"OC": [1.5], "geometry": shapely.to_wkb(shapely.points([(4.6e6, 3.1e6)]))})
    told = {"geometry_name": "geometry", "geometry_type": "Point", "crs": "EPSG:3035"}
    gdal.write_arrow(table, str(path), driver="GPKG", **told)
    _, seen = write_map(path, ["soc=OC [%]"], str(tmp_path / "raw"))
    assert (seen.layout, seen.records, seen.crs) == ("own_mine", 1, "EPSG:3035")


WRONG = {
    "soc=OC": "soc tells its unit, and nobody guesses it",
    "soc=OC [ppm]": "soc tells its unit",
    "soc=Corg [%]": "'Corg' is not among",
    "carbon=OC": "a map is NAME=COLUMN",
    "site=": "a map is NAME=COLUMN",
    "lat=48.1": "'48.1' is not among",
}


@pytest.mark.parametrize("told", WRONG)
def test_a_wrong_map_says_what_is_wrong(file: Path, tmp_path: Path, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        write_map(file, [*COLUMNS[:4], told], str(tmp_path / "raw"))
    assert WRONG[told] in str(caught.value)
    assert not list(tmp_path.rglob("*.yaml"))


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (COLUMNS[:4], "a map names soc or clay"),
        (("soc=OC [%]", "soc=Ton [%]", *COLUMNS[:4]), "soc stands twice"),
        (("soc=OC [%]", "x=Ost", "y=Nord"), "names lon and lat, or x, y and epsg"),
    ],
)
def test_a_map_that_lacks_something_says_so(
    file: Path, tmp_path: Path, columns: tuple[str, ...], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        write_map(file, columns, str(tmp_path / "raw"))


def test_what_the_owner_says_goes_before_what_is_known(tmp_path: Path) -> None:
    """The file looks like `points`, in which soc_pct is in percent; its owner says otherwise."""
    path = tmp_path / "x.csv"
    path.write_text("lon,lat,soc_pct,clay_pct,site_id\n5,50,1,10,a\n")
    _, seen = write_map(path, ["lon=lon", "lat=lat", "soc=soc_pct [g/kg]"], str(tmp_path / "raw"))
    assert seen.layout == "own_x"


def test_the_command_says_what_comes_next(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["soil", "map", str(file), *COLUMNS, "--raw", str(tmp_path / "raw")]) == 0
    assert "strata run soil --raw" in capsys.readouterr().out
