"""Every image, built by the script that `make images` calls, and tried in a RUN step."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.nightly
PROJECT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("docker_build", PROJECT / "docker" / "build.py")
assert spec is not None
assert spec.loader is not None
build = importlib.util.module_from_spec(spec)
sys.modules["docker_build"] = build
spec.loader.exec_module(build)


def engine_options(folder: Path) -> list[str]:
    """Docker where its daemon answers; else podman in a chroot, on a base of Debian's packages."""
    if shutil.which("docker") and build._answers(["docker", "version"]):
        return []
    if not (shutil.which("podman") and shutil.which("debootstrap")):
        pytest.skip("neither docker nor podman with debootstrap is here")
    return ["--bootstrap", "--chroot", "--storage", str(folder)]


def test_images_build_run_as_a_user_and_stay_small(tmp_path: Path) -> None:
    options = engine_options(tmp_path / "storage")
    command = [sys.executable, str(PROJECT / "docker" / "build.py"), *options]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr[-4000:]
    assert "smoke: residents ran from web addresses" in said.stderr
    assert "smoke: the API answered over PostgreSQL, and let nobody else in" in said.stderr
    size = re.search(r"^strata/spark: ([\d,]+) MB", said.stdout, re.MULTILINE)
    assert size is not None
    assert int(size.group(1).replace(",", "")) < 2000
