"""`--from`: files that lie elsewhere, or at a web address, are planned like those of the raw
folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from strata.cli import main
from strata.declare.feed import load_feed
from strata.errors import UsageError
from strata.fs import files
from strata.raw.fetch import places
from strata.raw.fetch.places import Place
from strata.raw.read import Part, read_part
from strata.run.arrivals import Looked, look_at_files
from strata.run.options import Options

from tests.corpus.archives import packed, tarred, zipped
from tests.loopback import Site, serve, serve_s3

SHOPS = b"shop,name\n1,A\n2,B\n"
SALES = b"id,shop,day,amount\n1,1,2024-01-01,9.50\n"


def looked(raw: Path | str, *taken: tuple[str, str]) -> Looked:
    every = tuple(Place("toy", source, str(where)) for source, where in taken)
    return look_at_files(load_feed("toy"), Options(str(raw), places=every), ())


def paths(found: Looked) -> dict[str, str]:
    return {f"{entry.source}/{entry.path}": entry.status for entry in found.entries}


# --- what the option says ---------------------------------------------------------------------


def test_places_are_parsed() -> None:
    feeds = [load_feed("soil"), load_feed("toy")]
    assert places.parse(["shops=a=b.csv"], feeds[1:]) == (Place("toy", "shops", "a=b.csv"),)
    assert places.parse(["toy/shops=https://x/y?z=1"], feeds) == (
        Place("toy", "shops", "https://x/y?z=1"),
    )
    assert [Place("toy", "shops", where).is_web for where in ("http://x", "ftp://x", "s3://x", "S3A://x", "file:///x", "x", "C:/x")] == [
        True, True, False, False, False, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text", ["shops", "shops=", "=x", "toy/shops", "none=x", "soil/shops=x", "none/shops=x"]
)
def test_what_is_no_place(text: str) -> None:
    with pytest.raises(UsageError, match="--from"):
        places.parse([text], [load_feed("toy")])


def test_several_feeds_need_the_name_of_one() -> None:
    with pytest.raises(
        UsageError,
        match="FEED/SOURCE=PLACE where several feeds run; the feeds of this run are soil, toy",
    ):
        places.parse(["shops=x"], [load_feed("soil"), load_feed("toy")])


# --- on disk ----------------------------------------------------------------------------------


def test_a_file_and_a_folder_are_read_where_they_lie(tmp_path: Path) -> None:
    for name, content in {
        "one/s.csv": SHOPS,
        "many/a.csv": SALES,
        "many/deep/b.csv": SALES + b"2,1,2024-01-02,1\n",
        "many/_x": b"",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    found = looked(
        tmp_path / "no raw folder", ("shops", tmp_path / "one/s.csv"), ("sales", tmp_path / "many")
    )
    assert paths(found) == {
        "shops/s.csv": "taken",
        "sales/a.csv": "taken",
        "sales/deep/b.csv": "taken",
    }
    assert [(item.path, item.reason) for item in found.ignored] == [
        ("_x", "names that start with _ are not read")
    ]
    assert {seen.uri for seen in found.new} == {
        str(tmp_path / name) for name in ("one/s.csv", "many/a.csv", "many/deep/b.csv")
    }


def test_a_place_adds_to_the_raw_folder_and_nothing_is_taken_twice(tmp_path: Path) -> None:
    folder = tmp_path / "raw/toy/shops"
    folder.mkdir(parents=True)
    (folder / "a.csv").write_bytes(SHOPS)
    (tmp_path / "b.csv").write_bytes(SHOPS)
    found = looked(tmp_path / "raw", ("shops", folder / "a.csv"), ("shops", tmp_path / "b.csv"))
    assert paths(found) == {"shops/a.csv": "taken", "shops/b.csv": "folded"}


def test_the_same_bytes_are_one_file_in_each_delivery_whichever_comes_first(
    tmp_path: Path,
) -> None:
    names = [
        "delivery=2024-05-01/a.csv",
        "delivery=2024-05-02/a.csv",
        "x/delivery=2024-05-02/b.csv",
    ]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(SHOPS)
    for order in (names, names[::-1]):
        found = looked(tmp_path / "raw", *(("shops", tmp_path / name) for name in order))
        days = [entry.delivery_date for entry in found.entries if entry.status == "taken"]
        assert sorted(map(str, days)) == ["2024-05-01", "2024-05-02"]
        assert len({seen.sha256 for seen in found.new}) == 2
        assert len(found.folded) == 1


def test_a_delivery_in_the_place_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "inbox/delivery=2024-02-29"
    folder.mkdir(parents=True)
    (folder / "a.csv").write_bytes(SHOPS)
    for place in (folder, folder / "a.csv"):
        (seen,) = looked(tmp_path, ("shops", place)).new
        assert (seen.path, str(seen.delivery_date)) == ("delivery=2024-02-29/a.csv", "2024-02-29")


def test_nothing_lies_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing lies at"):
        looked(tmp_path, ("shops", tmp_path / "none.csv"))


def test_members_of_archives_are_files(tmp_path: Path) -> None:
    """The same member in another archive is folded, like any file."""
    (tmp_path / "a.zip").write_bytes(
        zipped(("Data/shops.csv", SHOPS), ("Doc/licence.txt", b"Free.\n"))
    )
    (tmp_path / "b.tar.gz").write_bytes(
        packed(tarred(("other.csv", SHOPS), ("more.csv", b"shop,name\n3,C\n")))
    )
    (tmp_path / "c.zip").write_bytes(zipped(("../x.csv", SHOPS)))
    found = looked(tmp_path, ("shops", tmp_path))
    assert paths(found) == {
        "shops/a.zip/Data/shops.csv": "taken",
        "shops/b.tar.gz/other.csv": "folded",
        "shops/b.tar.gz/more.csv": "taken",
        "shops/c.zip": "rejected",
    }
    assert [item.path for item in found.ignored] == ["a.zip/Doc/licence.txt"]


# --- from the web -----------------------------------------------------------------------------


def test_a_web_address_is_downloaded_into_the_raw_folder(tmp_path: Path) -> None:
    said: list[str] = []
    with serve(Site(SHOPS)) as site:
        left = places.download(
            [Place("toy", "shops", f"{site.url}/shops.csv"), Place("toy", "sales", "here")],
            str(tmp_path),
            said.append,
        )
        assert left == (Place("toy", "sales", "here"),)
    assert paths(looked(tmp_path)) == {"shops/shops.csv": "taken"}


def test_a_page_instead_of_data_is_refused_by_the_look(tmp_path: Path) -> None:
    with serve(Site(b"<!DOCTYPE html><html>Please log in</html>")) as site:
        places.download([Place("toy", "shops", f"{site.url}/shops.csv")], str(tmp_path), print)
    (entry,) = looked(tmp_path).rejected
    assert entry.detail == "shops.csv: a file of this source is csv; this one is an HTML page"


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    def run(*argv: str) -> tuple[int, str, str]:
        code = main(
            [
                "run",
                "toy",
                "--warehouse",
                str(tmp_path / "wh"),
                "--raw",
                str(tmp_path / "raw"),
                "--dry-run",
                *argv,
            ]
        )
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def test_the_command(command: Any, tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_bytes(SHOPS)
    code, out, _ = command(
        "--from", f"shops={tmp_path / 's.csv'}", "--from", f"toy/sales={os.devnull}"
    )
    assert code == 2  # a device is no file
    code, out, _ = command("--from", f"shops={tmp_path / 's.csv'}")
    assert (code, "shops/s.csv" in out) == (0, True)


def test_a_dry_run_downloads_nothing(command: Any, tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    with serve(Site(SHOPS)) as site:
        code, _, err = command("--from", f"shops={site.url}/shops.csv?token=secret")
        assert (code, site.asked) == (0, [])
    assert "would download a file into" in err
    assert "secret" not in err


# --- S3 ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    with serve_s3() as (_, client):
        yield client


def test_places_and_archives_on_s3(s3: Any, tmp_path: Path) -> None:
    archive = zipped(("Data/shops.csv", SHOPS))
    s3.put_object(Bucket="lake", Key="inbox/delivery=2024-01-01/a.zip", Body=archive)
    for place in ("s3://lake/inbox", "s3a://lake/inbox/delivery=2024-01-01/a.zip"):
        (seen,) = looked(tmp_path, ("shops", place)).new
        assert (seen.path, seen.records) == ("delivery=2024-01-01/a.zip/Data/shops.csv", 2)
        layout = next(known for known in load_feed("toy").layouts if known.source == "shops")
        (batch,) = read_part(Part(seen, seen.chunks[0], layout), layout.columns)
        assert batch.column("name").to_pylist() == ["A", "B"]
    with pytest.raises(UsageError, match="nothing lies at"):
        looked(tmp_path, ("shops", "s3://lake/none"))


def test_a_download_into_s3(s3: Any) -> None:
    said: list[str] = []
    with serve(Site(SHOPS)) as site:
        for _ in range(2):
            places.download(
                [Place("toy", "shops", f"{site.url}/shops.csv")], "s3://lake/raw/", said.append
            )
        assert [headers.get("If-None-Match") for _, headers in site.asked] == [None, '"v1"']
    assert files.read_bytes("s3://lake/raw/toy/shops/shops.csv") == SHOPS
    assert paths(looked("s3://lake/raw")) == {"shops/shops.csv": "taken"}
    assert said[-1].endswith("unchanged, nothing downloaded")
