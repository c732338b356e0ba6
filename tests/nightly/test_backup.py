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
from strata.lake.versions import Warehouse

from tests import tables, versitygw
from tests.doors import shop
from tests.doors.publishing import publish

pytestmark = pytest.mark.nightly
PROJECT = Path(__file__).resolve().parents[2]
SAMPLE = PROJECT / "samples" / "launches" / "launches" / "spacex_launches_v5.json"
sys.path.insert(0, str(PROJECT / "infra" / "local"))
backup = importlib.import_module("backup")


def strata(*arguments: str, warehouse: Path | str) -> subprocess.CompletedProcess[str]:
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


def test_a_backup_lies_on_s3_and_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local, restored = Warehouse(str(tmp_path / "warehouse")), tmp_path / "restored"
    publish(local, "commerce", shop.published())
    (tmp_path / "buckets" / "backup").mkdir(parents=True)
    with versitygw.serve(tmp_path / "buckets") as endpoint:
        for name, value in {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": versitygw.KEY,
            "AWS_SECRET_ACCESS_KEY": versitygw.SECRET,
        }.items():
            monkeypatch.setenv(name, value)
        assert backup.main([local.root, "s3://backup/prod"]) == 0
        doctor = strata("doctor", "commerce", warehouse="s3://backup/prod")
        assert doctor.returncode == 0, doctor.stdout
        assert backup.main(["s3://backup/prod", str(restored)]) == 0
    wanted = tables.published(local.root, ["commerce"])
    assert tables.differences(tables.published(str(restored), ["commerce"]), wanted) == {}
