"""Every image, built by the script that `make images` calls, and tried in a RUN step."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.nightly
PROJECT = Path(__file__).resolve().parents[2]
SAID = (
    "smoke: residents ran from web addresses",
    "smoke: the API answered over PostgreSQL, and let nobody else in",
    "smoke: a JDBC client asked, and could not drop what it asked of",
)
# What is too large to be an accident of one package, in MB.
LARGEST = {"spark": 2300, "doors": 1500, "thrift": 2300}


@pytest.fixture
def options(tmp_path: Path) -> Iterator[list[str]]:
    """None where docker answers; else podman's storage of this test's own, which goes with it."""
    if shutil.which("docker") and not subprocess.call(["docker", "version"]):
        yield []
        return
    if not (shutil.which("podman") and shutil.which("debootstrap")):
        pytest.skip("neither docker nor podman with debootstrap is here")
    own = ["--storage", str(tmp_path / "storage")]
    yield own
    subprocess.run(["podman", "--root", own[1], "rmi", "--all", "--force"], check=False)
    # podman leaves mounts there, which would outlive the folder; the innermost last.
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for place in reversed([mount for mount in mounts if mount.startswith(own[1])]):
        subprocess.run(["umount", place], check=False)
    shutil.rmtree(own[1])


def test_images_build_run_as_a_user_and_stay_small(options: list[str]) -> None:
    command = [sys.executable, str(PROJECT / "docker" / "build.py"), *options]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr[-4000:]
    assert [text for text in SAID if text not in said.stderr] == []
    sizes = re.findall(r"^strata/(\w+): ([\d,]+) MB", said.stdout, re.MULTILINE)
    told = {name: int(size.replace(",", "")) for name, size in sizes}
    assert told.keys() == LARGEST.keys()
    assert {name: size for name, size in told.items() if size >= LARGEST[name]} == {}
