"""Backups of a warehouse, on files alone; tests/nightly/test_backup.py restores one and runs on."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "infra" / "local"))
backup = importlib.import_module("backup")


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def test_a_second_backup_copies_what_is_new_or_may_change(tmp_path: Path) -> None:
    source, target = tmp_path / "warehouse", tmp_path / "copy"
    write(
        source,
        {
            "gold/a/part-1.parquet": "one",
            "gold/a/_delta_log/_last_checkpoint": "v1",
            "ops/publications/a/_delta_log/0.json": "1",
        },
    )
    assert backup.main([str(source), str(target)]) == 0
    before = (target / "gold/a/part-1.parquet").stat().st_mtime_ns
    write(source, {"gold/a/part-2.parquet": "two", "gold/a/_delta_log/_last_checkpoint": "v2"})
    assert backup.main([str(source), str(target)]) == 0
    assert (target / "gold/a/part-2.parquet").read_text() == "two"
    assert (target / "gold/a/_delta_log/_last_checkpoint").read_text() == "v2"
    assert (target / "gold/a/part-1.parquet").stat().st_mtime_ns == before


def test_a_file_cut_short_is_copied_again(tmp_path: Path) -> None:
    source, target = tmp_path / "warehouse", tmp_path / "copy"
    write(source, {"gold/a/part-1.parquet": "whole"})
    write(target, {"gold/a/part-1.parquet": "who"})
    assert backup.main([str(source), str(target)]) == 0
    assert (target / "gold/a/part-1.parquet").read_text() == "whole"


def test_two_places_are_needed() -> None:
    assert backup.main(["warehouse"]) == 2
