"""The benchmarks' own promises: what a run was cut off from is not measured again, nor taken for
another's.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import aims, commerce_data
from bench.figures import Figure
from bench.kept import Kept, work_in


def test_raw_files_are_made_once(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    first = kept.raw("shop", lambda to: (to / "a.csv").write_text("a"))
    second = kept.raw("shop", lambda to: (to / "a.csv").write_text("b"))
    assert first == second == tmp_path / "shop"
    assert (first / "a.csv").read_text() == "a"


def test_half_made_raw_files_are_made_anew(tmp_path: Path) -> None:
    def cut_off(to: Path) -> None:
        (to / "half.csv").write_text("a")
        raise KeyboardInterrupt

    kept = Kept(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        kept.raw("shop", cut_off)
    raw = kept.raw("shop", lambda to: (to / "whole.csv").write_text("b"))
    assert [path.name for path in raw.iterdir()] == ["whole.csv"]


def test_a_noted_round_is_not_run_again(tmp_path: Path) -> None:
    kept = Kept(tmp_path, tmp_path / "told")
    assert kept.once("shop strata 0", lambda: {"seconds": 1.5}) == {"seconds": 1.5}
    assert kept.once("shop strata 0", lambda: {"seconds": 9.0}) == {"seconds": 1.5}
    assert kept.once("shop strata 1", lambda: {"seconds": 9.0}) == {"seconds": 9.0}


def test_a_note_that_was_cut_off_tells_nothing(tmp_path: Path) -> None:
    (tmp_path / "shop.json.unfinished").write_text('{"seco')
    assert Kept(tmp_path, tmp_path).once("shop", lambda: {"seconds": 2.0}) == {"seconds": 2.0}


def test_without_notes_each_round_runs(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.once("shop", lambda: {"seconds": 1.0})
    assert kept.once("shop", lambda: {"seconds": 2.0}) == {"seconds": 2.0}


def test_a_folder_to_work_in_goes_and_what_is_kept_stays(tmp_path: Path) -> None:
    with work_in(Kept(tmp_path)) as (folder, kept):
        raw = kept.raw("shop", lambda to: (to / "a.csv").write_text("a"))
    assert not folder.exists()
    assert (raw / "a.csv").exists()


def test_one_more_day_is_taken_away_as_it_came(tmp_path: Path) -> None:
    commerce_data.make(tmp_path, 0.0001, seed=7)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    commerce_data.make_next_day(tmp_path, 0.0001, seed=7)
    assert len(list(tmp_path.rglob("*.csv"))) == 7
    commerce_data.remove_next_day(tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before


def test_an_aim_is_met_or_missed_by_the_whole_alone() -> None:
    aim = aims.Aim("first", Figure(3.0, 4.0, 0.5, 1), "another", Figure(12.0, 20.0, 1.0, 1), 0.25)
    assert aim.row(1).endswith("| 0.25 | 0.25 | met |")
    assert aim.row(0.1).endswith("| 0.25 | 0.25 |  |")


def test_aims_go_on_where_they_were_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran: list[str] = []

    def work(name: str, is_cut_off: bool = False) -> aims.Work:
        def told() -> dict[str, float]:
            ran.append(name)
            if is_cut_off and ran.count(name) == 1:
                raise KeyboardInterrupt
            return {"seconds": 3.0, "cpu": 4.0, "gib": 0.5}

        def run(rounds: int, share: float, kept: Kept) -> list[aims.Aim]:
            found = Figure.of([kept.once(f"{name} {n}", told) for n in range(rounds)])
            return [aims.Aim(name, found, "another", Figure(12.0, 20.0, 1.0, rounds), 0.2)]

        return aims.Work(2, run)

    monkeypatch.setattr(aims, "_state", lambda: "abc")
    monkeypatch.setattr(aims, "WORKS", {"first": work("first"), "second": work("second", True)})
    with pytest.raises(KeyboardInterrupt):
        aims.command(["--folder", str(tmp_path)])
    table = tmp_path / "abc-share-1.md"
    assert ran == ["first", "first", "second"]
    assert "| first | 3.00 | 4.0 | 0.5 | another | 12.0 |" in table.read_text()
    aims.command(["--folder", str(tmp_path)])
    assert ran == ["first", "first", "second", "second", "second"]
    said = capsys.readouterr().out
    assert said == table.read_text()
    assert (
        "| second | 3.00 | 4.0 | 0.5 | another | 12.0 | 20.0 | 1.0 | 2 | 0.25 | 0.2 | **missed** |"
        in said
    )
    assert [path.name for path in tmp_path.iterdir()] == ["abc-share-1.md"]
