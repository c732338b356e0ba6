"""Every archive of the corpus has one stated outcome, and each member is a raw file of its own."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from strata.fs.listing import RawFile
from strata.raw.formats import archive, archive_streams
from strata.raw.formats.archive import Archives
from strata.raw.members import Found, look_all
from strata.raw.read import Part, read_part

from tests.corpus.archives import ARCHIVES, ONE, TWO, ArchiveCase, packed, tarred, zipped
from tests.corpus.cases import AB, MANY, SMALL
from tests.corpus.readback import raw_file, rows


def found_in(folder: Path, content: bytes, name: str = "x.zip") -> Found:
    return look_all(raw_file(folder, content, name), [AB])


@pytest.mark.parametrize("case", ARCHIVES, ids=lambda case: case.name)
def test_corpus(case: ArchiveCase, tmp_path: Path) -> None:
    found = look_all(raw_file(tmp_path, case.content, case.file_name), case.layouts)
    if isinstance(case.outcome, str):
        ((file, error),) = found.refused
        assert case.outcome in str(error)
        assert (file.path, error.path, error.sha256) == (
            case.file_name,
            case.file_name,
            hashlib.sha256(case.content).hexdigest(),
        )
        assert (found.looks, found.ignored) == ((), ())
        return
    inside = len(case.file_name) + 1
    assert {seen.path[inside:]: seen.records for seen in found.looks} == case.outcome.taken
    told = {file.path[inside:]: str(error) for file, error in found.refused}
    assert told.keys() == case.outcome.rejected.keys()
    assert all(says in told[name] for name, says in case.outcome.rejected.items()), told
    passed = {item.path[inside:]: item.reason for item in found.ignored}
    assert passed.keys() == case.outcome.ignored.keys()
    assert all(says in passed[name] for name, says in case.outcome.ignored.items()), passed
    for seen in found.looks:
        assert [row["_record_number"] for row in rows(seen, case.layouts)] == list(
            range(1, seen.records + 1)
        )


def test_a_member_is_known_by_its_own_bytes(tmp_path: Path) -> None:
    first, second = (
        found_in(tmp_path, content).looks
        for content in (ONE, zipped(("other/name.csv", SMALL), ("z.csv", b"a,b\n")))
    )
    plain = look_all(raw_file(tmp_path, SMALL, "plain.csv"), [AB]).looks
    assert (
        first[0].sha256 == second[0].sha256 == plain[0].sha256 == hashlib.sha256(SMALL).hexdigest()
    )
    assert (first[0].bytes, first[0].stored.size) == (len(SMALL), len(ONE))


def test_what_comes_of_a_member_says_where_it_lay(tmp_path: Path) -> None:
    (seen,) = look_all(raw_file(tmp_path, ONE, "delivery=2024-02-29/x.zip"), [AB]).looks
    (batch,) = read_part(Part(seen, seen.chunks[0], AB), ("a",))
    assert set(batch.column("_source_file").to_pylist()) == {
        "samples/delivery=2024-02-29/x.zip/x.csv"
    }
    assert {str(day) for day in batch.column("_delivery_date").to_pylist()} == {"2024-02-29"}


@pytest.mark.parametrize(
    ("content", "name"),
    [(zipped, "x.zip"), (tarred, "x.tar"), (lambda *m: packed(tarred(*m)), "x.tar.gz")],
)
def test_members_too_large_to_hold_are_streamed(
    content: object, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("strata.raw.formats.opening._HELD_BYTES", 0)
    inches = b'a,b\n1,5" pipe\n2,x\n'  # looked at twice
    found = found_in(tmp_path, content(("a.csv", MANY), ("b.csv", inches), ("c.csv", SMALL)), name)  # type: ignore[operator]
    assert [(seen.records, len(seen.chunks)) for seen in found.looks] == [(5000, 1), (2, 1), (2, 1)]
    with Archives() as archives:
        read = [
            sum(b.num_rows for b in read_part(Part(seen, seen.chunks[0], AB), ("a",), archives))
            for seen in (found.looks[2], found.looks[0], found.looks[1])
        ]
    assert read == [2, 5000, 2]


def test_two_members_of_a_tar_can_be_read_in_turn(tmp_path: Path) -> None:
    file = raw_file(
        tmp_path, packed(tarred(("a", b"0123456789"), ("b", b"abcdefghij"))), "x.tar.gz"
    )
    first, second = archive.members(file.uri, "tar.gz")
    with Archives() as archives:
        blocks = zip(
            archives.blocks(file.uri, first, 2, 8, 2),
            archives.blocks(file.uri, second, 0, 6, 2),
            strict=True,
        )
        assert list(blocks) == [(b"23", b"ab"), (b"45", b"cd"), (b"67", b"ef")]


def test_the_directory_of_an_archive_is_never_read_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_streams, "MAX_READ_BYTES", 99)
    ((_, error),) = found_in(tmp_path, TWO).refused
    assert "directory takes at most 99 bytes" in str(error)


def test_an_archive_that_changes_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = raw_file(tmp_path, ONE, "x.zip")
    members = archive.members

    def growing(uri: str, kind: str) -> object:
        found = members(uri, kind)
        Path(uri).write_bytes(ONE + b"\0")
        return found

    monkeypatch.setattr(archive, "members", growing)
    ((_, error),) = look_all(file, [AB]).refused
    assert "changed while it was read" in str(error)


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    ((_, error),) = look_all(RawFile("x.zip", str(tmp_path / "x.zip"), 5), [AB]).refused
    assert "x.zip" in str(error)


@pytest.mark.parametrize("name", ["README", "readme.txt", "LICENSE"])
def test_a_note_beside_data_is_told_by_its_name_and_by_what_it_holds(
    tmp_path: Path, name: str
) -> None:
    [ignored] = found_in(tmp_path, b"From the depot.\n", name).ignored
    assert ignored.reason == "its name says that it is a note beside data, and no layout fits it"
    assert found_in(tmp_path, SMALL, name).looks[0].records == 2


def test_only_what_fits_no_layout_is_a_note(tmp_path: Path) -> None:
    for name, content in (("README", b'a,b\n1,"x\n'), ("readme.csv", b"x\n"), ("data", b"x\n")):
        found = found_in(tmp_path, content, name)
        assert (len(found.refused), found.ignored) == (1, ()), name
