"""Dockerfiles and the compose file: linted, valid, and of one mind with the rest of the project."""

from __future__ import annotations

import importlib.util
import itertools
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import check_jsonschema
import jsonschema
import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[2]
DOCKER = PROJECT / "docker"
DOCKERFILES = sorted(DOCKER.glob("*/Dockerfile"))
SCHEMAS = Path(check_jsonschema.__file__).parent / "builtin_schemas" / "vendor"


@cache
def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"docker_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((DOCKER / "compose.yaml").read_text()))


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
def test_hadolint_has_nothing_to_say(path: Path) -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    said = subprocess.run([hadolint, path], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout) == (0, "")


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
def test_an_image_runs_as_a_user_of_its_own(path: Path) -> None:
    users = re.findall(r"^USER (\S+)", path.read_text(), re.MULTILINE)
    assert users
    assert users[-1] not in ("root", "0")


def test_every_image_is_built_by_the_script() -> None:
    build = load(DOCKER / "build.py")
    assert {path.parent.name for path in DOCKERFILES} == {image.name for image in build.IMAGES}
    smoked = {i.name for i in build.IMAGES if i.smoke}
    has_stage = {
        p.parent.name for p in DOCKERFILES if re.search(r" AS smoke$", p.read_text(), re.M)
    }
    assert smoked == has_stage


def test_build_commands_for_docker_and_for_podman_in_a_chroot() -> None:
    build = load(DOCKER / "build.py")
    spark = build.Image("spark")
    plain = build.Engine(("docker",), chroot=False).build(spark, None, "strata/spark")
    assert plain[:4] == ["docker", "build", "--tag", "strata/spark"]
    assert plain[-1] == "."
    chroot = build.Engine(("podman",), chroot=True).build(spark, "smoke", "strata/spark:smoke")
    assert ("--isolation", "chroot") in itertools.pairwise(chroot)
    assert ("--target", "smoke") in itertools.pairwise(chroot)


# A podman that keeps whole copies, has its base image, and starts no container.
PODMAN = """#!/bin/sh
case " $* " in
    *" info "*) echo {driver} ;;
    *" image exists "*) exit 0 ;;
    *" run "*) exit {runs} ;;
    *) exit 1 ;;
esac
"""
# How podman keeps layers, the exit code of a container; whether a storage and a chroot are wanted.
MACHINES = [("overlay", 0, False, False), ("vfs", 0, True, False), ("overlay", 126, False, True)]


@pytest.mark.parametrize(("driver", "runs", "own_storage", "chroot"), MACHINES)
def test_the_script_finds_out_how_this_machine_builds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    driver: str, runs: int, own_storage: bool, chroot: bool,
) -> None:  # fmt: skip
    build = load(DOCKER / "build.py")
    (tmp_path / "podman").write_text(PODMAN.format(driver=driver, runs=runs))
    (tmp_path / "podman").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = build.prepare(build.find_engine(None))
    assert found.program[0] == "podman"
    assert ("--root" in found.program) == own_storage
    assert found.chroot == chroot


def test_the_compose_file_is_valid() -> None:
    schema = json.loads((SCHEMAS / "compose-spec.json").read_text())
    jsonschema.validate(compose(), schema)
    broken = compose()
    broken["services"]["s3"]["portz"] = []
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, schema)


def test_compose_publishes_ports_on_loopback_only() -> None:
    ports = [
        port for service in compose()["services"].values() for port in service.get("ports", [])
    ]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_compose_names_no_secret_and_env_py_makes_every_one() -> None:
    needed = set(re.findall(r"\$\{(\w+)", (DOCKER / "compose.yaml").read_text()))
    said = subprocess.run(
        [sys.executable, DOCKER / "env.py"], capture_output=True, text=True, check=True
    ).stdout
    made = dict(line.split("=", 1) for line in said.splitlines())
    # The one that no service gets: services know a token by its SHA-256.
    assert needed | {"STRATA_API_TOKEN"} == made.keys()
    assert all(made.values())
    for service in compose()["services"].values():
        for name, value in service.get("environment", {}).items():
            if re.search("SECRET|PASSWORD|_KEY", name):
                assert re.fullmatch(r"\$\{\w+:\?run docker/env.py\}", value), name


def test_every_service_that_is_waited_for_exists() -> None:
    services = compose()["services"]
    for name, service in services.items():
        for other, how in service.get("depends_on", {}).items():
            assert other in services, f"{name} waits for {other}"
            if how["condition"] == "service_healthy":
                assert "healthcheck" in services[other], f"{other} is never healthy"


def test_trim_leaves_what_runs_need(tmp_path: Path) -> None:
    trim = load(DOCKER / "spark" / "trim.py")
    for name in (
        "shapely/tests/test_a.py",
        "pandas/tests/a.py",
        "pyspark/jars/rocksdbjni-9.8.4.jar",
        "pyspark/jars/spark-sql_2.13-4.0.5.jar",
        "pyarrow/include/arrow.h",
        "pyarrow-1.dist-info/LICENSE.txt",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    found = [str(place.relative_to(tmp_path)) for place in trim.find_unused(tmp_path)]
    assert found == ["pyarrow/include", "pyspark/jars/rocksdbjni-9.8.4.jar", "shapely/tests"]
