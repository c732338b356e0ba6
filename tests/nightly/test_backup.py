"""A backup made while runs go on, restored elsewhere: whole, equal, and the next run goes on there."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.nightly
PROJECT = Path(__file__).resolve().parents[2]
SAMPLE = PROJECT / "samples" / "launches" / "launches" / "spacex_launches_v5.json"
sys.path.insert(0, str(PROJECT / "infra" / "local"))
backup = importlib.import_module("backup")


def strata(*arguments: str, warehouse: Path) -> subprocess.CompletedProcess[str]:
    own = {k: v for k, v in os.environ.items() if k != "STRATA_PROJECT"}
    command = [str(Path(sys.executable).with_name("strata")), *arguments]
    command += ["--warehouse", str(warehouse)]
    return subprocess.run(command, env=own, capture_output=True, text=True, check=False)


def test_restores_what_was_published(tmp_path: Path) -> None:
    raw, warehouse, copy = tmp_path / "raw", tmp_path / "warehouse", tmp_path / "copy"
    launches = json.loads(SAMPLE.read_text())
    folder = raw / "launches" / "launches"
    folder.mkdir(parents=True)
    (folder / "first.json").write_text(json.dumps(launches[:100]))
    run = ["run", "launches", "--raw", str(raw), "--quiet"]
    assert strata(*run, warehouse=warehouse).returncode == 0
    assert backup.main([str(warehouse), str(copy)]) == 0

    (folder / "second.json").write_text(json.dumps(launches[100:]))
    assert strata(*run, warehouse=warehouse).returncode == 0
    shown = ["show", "gold.launches_core_reuse", "--format", "csv", "--limit", "0"]
    expected = strata(*shown, warehouse=warehouse).stdout
    assert backup.main([str(warehouse), str(copy)]) == 0
    shutil.rmtree(warehouse)

    restored = tmp_path / "elsewhere"
    assert backup.main([str(copy), str(restored)]) == 0
    doctor = strata("doctor", "launches", warehouse=restored)
    assert doctor.returncode == 0, doctor.stdout
    assert strata(*shown, warehouse=restored).stdout == expected
    again = strata("run", "launches", "--raw", str(raw), warehouse=restored)
    assert again.returncode == 0
    assert "nothing new since publication 2" in again.stderr
