"""The processes of docker/compose.yaml, without containers: its own commands, its own environment.

Service names become 127.0.0.1, published ports become free ones and volumes a temporary folder;
nothing else is changed. So a flag that no Spark knows, or a variable that a service lacks, shows
here and not on a developer's machine.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.nightly
PROJECT = Path(__file__).resolve().parents[2]
COMPOSE = PROJECT / "docker" / "compose.yaml"
TINI = ["/usr/bin/tini", "--"]
BIN = Path(sys.executable).parent
# Where Debian's packages put what images have on their path.
PATHS = [str(BIN), os.environ["PATH"], "/usr/lib/postgresql/15/bin"]


class Stack:
    """Services of the compose file as processes."""

    def __init__(self, folder: Path) -> None:
        import pyspark

        self.folder = folder
        self.services: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE.read_text())["services"]
        made = subprocess.run(
            [sys.executable, PROJECT / "docker" / "env.py"],
            capture_output=True,
            text=True,
            check=True,
        )
        self.secrets = dict(line.split("=", 1) for line in made.stdout.splitlines())
        self.spark = Path(pyspark.__file__).parent
        self.ports: dict[str, str] = {}
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def fill(self, text: str) -> str:
        """Secrets put in, names and paths of containers replaced."""
        text = re.sub(r"\$\{(\w+)[^}]*\}", lambda found: self.secrets[found.group(1)], text)
        for name in self.services:
            text = re.sub(rf"(?:(?<=//)|^){name}(?=:\d|$)", "127.0.0.1", text)
        text = re.sub(r"(?<![\d.])(7077|7070|808[01]|5432|6379)(?!\d)", self._port, text)
        # All addresses of a container are this machine's loopback here.
        text = re.sub(r"^:(\d+)$", r"127.0.0.1:\1", text)
        return text.replace("/tmp/work", str(self.folder / "work")).replace(
            "/data", str(self.folder / "s3")
        )

    def _port(self, found: re.Match[str]) -> str:
        # Two workers have one port each in containers of their own: here Spark takes a free one.
        if found.group() == "8081":
            return "0"
        return self.ports.setdefault(found.group(), free_port())

    def environment(self, name: str) -> dict[str, str]:
        given = self.services[name].get("environment", {})
        own = {key: self.fill(str(value)) for key, value in given.items()}
        path = os.pathsep.join([str(self.spark / "bin"), *PATHS])
        lib = {"PYTHONPATH": str(PROJECT / "lib"), "PYSPARK_PYTHON": sys.executable}
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("STRATA_", "AWS_"))}
        return kept | lib | own | {"PATH": path}

    def command(self, name: str, *instead: str) -> list[str]:
        """Entry point and command; the images' own entry points are `strata` and `versitygw`."""
        service = self.services[name]
        entry = [str(word) for word in service.get("entrypoint", [])]
        if not entry:
            entry = ["strata"] if service["image"].startswith("strata/") else []
            entry = ["versitygw"] if "versitygw" in service["image"] else entry
        entry = entry[2:] if entry[:2] == TINI else entry
        words = list(instead) or [str(word) for word in service.get("command", [])]
        return [*entry, *map(self.fill, words)]

    def start(self, name: str) -> None:
        with open(self.folder / f"{name}.log", "wb") as log:
            self.running[name] = subprocess.Popen(
                self.command(name), env=self.environment(name), stdout=log, stderr=subprocess.STDOUT
            )

    def check_health(self, name: str) -> None:
        """Asks as the compose file asks, until the answer is good."""
        test = [self.fill(word) for word in self.services[name]["healthcheck"]["test"][1:]]
        ends = time.monotonic() + 120
        while subprocess.run(
            test, env=self.environment(name), capture_output=True, check=False
        ).returncode:
            assert self.running[name].poll() is None, (self.folder / f"{name}.log").read_text()
            assert time.monotonic() < ends, (self.folder / f"{name}.log").read_text()
            time.sleep(1)

    def stop(self) -> None:
        for process in reversed(self.running.values()):
            process.terminate()
        for process in self.running.values():
            process.wait(timeout=30)


def free_port() -> str:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return str(one.getsockname()[1])


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    found = Stack(tmp_path)
    (tmp_path / "s3").mkdir()
    yield found
    found.stop()


def needs(program: str) -> None:
    if not shutil.which(program, path=os.pathsep.join(PATHS)):
        pytest.skip(f"{program} is not here")


def test_a_cluster_comes_up_and_a_feed_runs_on_it(stack: Stack) -> None:
    needs("versitygw")
    stack.start("s3")
    stack.start("spark-master")
    stack.check_health("spark-master")
    for name in ("spark-worker-1", "spark-worker-2"):
        stack.start(name)
    buckets = stack.command("buckets")
    for _ in range(30):  # `restart: on-failure`
        if not subprocess.run(buckets, env=stack.environment("buckets"), check=False).returncode:
            break
        time.sleep(1)
    raw = stack.folder / "s3" / "strata-raw" / "launches" / "launches"
    shutil.copytree(PROJECT / "samples" / "launches" / "launches", raw)
    asked = stack.command("strata", "run", "launches", "--master", "spark://spark-master:7077")
    said = subprocess.run(
        asked, env=stack.environment("strata"), capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stderr[-3000:]
    assert "launches: published as publication 1" in said.stderr
    assert "tables are in s3://strata-warehouse" in said.stderr


def test_redis_answers_as_its_health_check_asks(stack: Stack) -> None:
    needs("redis-server")
    service = stack.services["redis"]
    # The image listens on its one port; here another may be taken.
    service["command"] += ["--bind", "127.0.0.1", "--port", "6379"]
    test = service["healthcheck"]["test"]
    service["healthcheck"]["test"] = [test[0], test[1], "-p", "6379", "ping"]
    stack.start("redis")
    stack.check_health("redis")
