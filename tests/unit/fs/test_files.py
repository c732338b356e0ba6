"""Raw files are listed exactly as they lie there, on disk and on S3."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from strata.errors import BadFile, UsageError
from strata.fs import files, listing, location
from strata.fs.listing import Ignored, RawFile
from strata.raw.look import look

from tests.corpus.readback import layout, rows
from tests.loopback import serve_s3

ODD_NAMES = [
    "a b.csv",
    "a%20b.csv",
    "a:b.csv",
    "[x]{y}*?.csv",
    "a#b&c=d.csv",
    "café.csv",
    "cafe\u0301.csv",
    "日本.csv",
    "a\nb.csv",
    "back\\slash.csv",
    "'quote\".csv",
    "x" * 251 + ".csv",
]


def put(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(path.encode())


def names(found: tuple[list[RawFile], list[Ignored]]) -> list[str]:
    return [file.path for file in found[0]]


def test_files_at_any_depth_are_sorted(tmp_path: Path) -> None:
    put(
        tmp_path,
        "soil/samples/b.csv",
        "soil/samples/delivery=2024-01-01/deep/er/a.csv",
        "soil/samples/a.csv",
        "soil/other/c.csv",
    )
    found, ignored = listing.list_raw(str(tmp_path), "soil", "samples")
    assert [file.path for file in found] == ["a.csv", "b.csv", "delivery=2024-01-01/deep/er/a.csv"]
    assert found[0] == RawFile(
        "a.csv", str(tmp_path / "soil/samples/a.csv"), len("soil/samples/a.csv")
    )
    assert ignored == []


@pytest.mark.parametrize("name", ["Thumbs.db", "desktop.ini", "day=1/ehthumbs.db"])
def test_what_file_managers_keep_is_told_and_not_read(name: str, tmp_path: Path) -> None:
    put(tmp_path, f"soil/samples/{name}")
    reason = "its name says that a file manager keeps it, not data"
    assert listing.list_raw(str(tmp_path), "soil", "samples") == ([], [Ignored(name, reason)])


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names_are_exact(name: str, tmp_path: Path) -> None:
    put(tmp_path, f"soil/samples/{name}")
    found, _ = listing.list_raw(str(tmp_path), "soil", "samples")
    assert [file.path for file in found] == [name]
    with files.open_input(found[0].uri) as stream:
        assert stream.read() == f"soil/samples/{name}".encode()


def test_an_odd_folder_may_hold_it_all(tmp_path: Path) -> None:
    root = tmp_path / "a %20[b]*\n日本"
    put(root, "soil/samples/x.csv")
    assert names(listing.list_raw(str(root), "soil", "samples")) == ["x.csv"]
    assert names(listing.list_raw(f"file://{root}/", "soil", "samples")) == ["x.csv"]


def test_hidden_names_are_told(tmp_path: Path) -> None:
    put(tmp_path, "s/_SUCCESS", "s/.x.csv.crc", "s/_temporary/0/part.csv", "s/ok.csv")
    found = listing.list_raw(str(tmp_path / "s"))
    assert names(found) == ["ok.csv"]
    assert found[1] == [
        Ignored(".x.csv.crc", "names that start with . are not read"),
        Ignored("_SUCCESS", "names that start with _ are not read"),
        Ignored("_temporary", "names that start with _ are not read"),
    ]


def test_links_are_followed_within_the_root_only(tmp_path: Path) -> None:
    put(tmp_path, "s/a.csv", "s/folder/b.csv", "secret.csv")
    (tmp_path / "s/inside.csv").symlink_to("a.csv")
    (tmp_path / "s/outside.csv").symlink_to(tmp_path / "secret.csv")
    (tmp_path / "s/up").symlink_to("..")
    (tmp_path / "s/loop").symlink_to(".")
    (tmp_path / "s/broken.csv").symlink_to("nothing")
    found = listing.list_raw(str(tmp_path / "s"))
    assert names(found) == ["a.csv", "folder/b.csv", "inside.csv"]
    assert {entry.path: entry.reason for entry in found[1]} == {
        "outside.csv": "links to outside the raw folder are not followed",
        "up": "links to outside the raw folder are not followed",
        "loop": "links to folders are not followed",
        "broken.csv": "it cannot be reached",
    }


def test_the_root_itself_may_be_a_link(tmp_path: Path) -> None:
    put(tmp_path, "real/s/a.csv")
    (tmp_path / "link").symlink_to("real")
    assert names(listing.list_raw(str(tmp_path / "link"), "s")) == ["a.csv"]


def test_a_pipe_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    assert listing.list_raw(str(tmp_path)) == (
        [],
        [Ignored("pipe.csv", "it is not a regular file")],
    )


def test_a_name_that_is_not_utf8_is_told(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.csv")).write_bytes(b"")
    found, ignored = listing.list_raw(str(tmp_path))
    assert (found, ignored[0].reason) == ([], "its name is not UTF-8")


def test_a_missing_root_is_told_and_a_missing_source_is_empty(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="raw folder must exist"):
        listing.list_raw(str(tmp_path / "none"), "soil", "samples")
    assert listing.list_raw(str(tmp_path), "soil", "samples") == ([], [])


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("x.csv", None),
        ("delivery=2024-02-29/x.csv", date(2024, 2, 29)),
        ("a/delivery=1999-12-31/b/x.csv", date(1999, 12, 31)),
        ("delivery=2024-01-01/delivery=2024-01-01/x.csv", date(2024, 1, 1)),
        ("mydelivery=2024-01-01/x.csv", None),
    ],
)
def test_delivery_date(path: str, expected: date | None) -> None:
    assert listing.delivery_date(path) == expected


@pytest.mark.parametrize(
    "text", ["2023-02-29", "2024-1-1", "20240101", "", "2024-01-01 ", "٢٠٢٤-01-01", "today"]
)
def test_a_malformed_delivery_date_is_refused(text: str) -> None:
    with pytest.raises(BadFile, match="delivery=YYYY-MM-DD"):
        listing.delivery_date(f"delivery={text}/x.csv")


def test_two_delivery_dates_are_refused() -> None:
    with pytest.raises(BadFile, match="one delivery date"):
        listing.delivery_date("delivery=2024-01-01/delivery=2024-01-02/x.csv")


def test_small_files_are_written_and_listed(tmp_path: Path) -> None:
    folder = f"{tmp_path}/ops/runs"
    assert files.list_names(folder) == []
    files.write_bytes(f"{folder}/b.json", b"{}")
    files.write_bytes(f"{folder}/a.json", b"{}")
    assert files.list_names(folder) == ["a.json", "b.json"]


# --- S3 ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of an S3-compatible server on this machine that holds the bucket `lake`."""
    with serve_s3() as (endpoint, client):
        for key in (
            "raw/soil/samples/delivery=2024-01-01/a b%20[c].csv",
            "raw/soil/samples/é.csv",
            "raw/soil/samples/_SUCCESS",
        ):
            client.put_object(Bucket="lake", Key=key, Body=b"a,b\n1,2\n3,4\n")
        yield endpoint


@pytest.mark.parametrize("scheme", ["s3", "s3a"])
def test_listing_s3(scheme: str, s3: str) -> None:
    found, ignored = listing.list_raw(f"{scheme}://lake/raw/", "soil", "samples")
    assert [(file.path, file.size) for file in found] == [
        ("delivery=2024-01-01/a b%20[c].csv", 12),
        ("é.csv", 12),
    ]
    assert found[1].uri == f"{scheme}://lake/raw/soil/samples/é.csv"
    assert [entry.path for entry in ignored] == ["_SUCCESS"]


def test_reading_from_s3(s3: str) -> None:
    known = layout("a", "b")
    found, _ = listing.list_raw("s3a://lake/raw", "soil", "samples")
    for file in found:
        seen = look(file, [known], chunk_bytes=4)
        assert len(seen.chunks) == 2
        assert [row["b"] for row in rows(seen, [known])] == ["2", "4"]


def test_a_missing_root_on_s3_is_told_and_a_missing_source_is_empty(s3: str) -> None:
    assert listing.list_raw("s3://lake/raw", "soil", "none") == ([], [])
    for root in ("s3://lake/none", "s3://none/raw", "s3://none"):
        with pytest.raises(UsageError):
            listing.list_raw(root, "soil", "samples")


def test_small_files_on_s3(s3: str) -> None:
    files.write_bytes("s3a://lake/wh/ops/a.json", b"{}")
    assert files.list_names("s3a://lake/wh/ops") == ["a.json"]
    assert files.list_names("s3a://lake/wh/none") == []
    assert location.parse("s3://lake/wh").delta_options()["aws_endpoint_url"] == s3
