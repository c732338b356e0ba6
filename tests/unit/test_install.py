"""The installer without a network: the lock read, and what it compiles really there."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def install() -> ModuleType:
    return load("install")


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / f"infra/local/{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # A frozen dataclass looks its own module up.
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def test_what_is_compiled_ahead_exists(install: ModuleType) -> None:
    assert [name for name in install.USED if importlib.util.find_spec(name) is None] == []


def test_the_lock_names_each_jar_once_with_its_hash(install: ModuleType) -> None:
    jars = install.read_lock(install.JARS_LOCK.read_text())
    assert {jar.group for jar in jars} >= {"spark", "s3"}
    assert len({jar.name for jar in jars}) == len(jars)
    assert {len(jar.sha256) for jar in jars} == {64}


def test_a_jar_that_differs_is_refused_and_removed(install: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "thing-1.jar").write_bytes(b"other bytes")
    jar = install.Jar("spark", "org.example", "thing", "1", "0" * 64)
    with pytest.raises(install.InstallError, match=r"thing-1.jar must have the SHA-256 0000"):
        install._verify(jar, tmp_path / "thing-1.jar")
    assert not (tmp_path / "thing-1.jar").exists()


@pytest.mark.parametrize(
    ("said", "major"), [('openjdk version "17.0.15" 2025', 17), ('java version "1.8.0_402"', 8)]
)
def test_the_major_version_of_java(
    install: ModuleType, tmp_path: Path, said: str, major: int
) -> None:
    java = tmp_path / "java"
    java.write_text(f"#!/bin/sh\necho '{said}' >&2\n")
    java.chmod(0o755)
    assert install.java_major(java) == major


def test_a_client_of_spark_connect_gets_all_that_the_package_needs() -> None:
    """Its environment is listed apart, for it must not hold pyspark."""
    wanted = re.search(
        r"^dependencies = \[(.*?)^\]", (ROOT / "pyproject.toml").read_text(), re.S | re.M
    )
    assert wanted is not None
    needed = set(re.findall(r'^    "([^"]+)"', wanted[1], re.M))
    listed = ROOT / "infra" / "local" / "environments" / "connect.in"
    given = {line for line in listed.read_text().splitlines() if line and line[0] != "#"}
    assert given - needed == {"pyspark-client==4.0.4"}
    assert needed - given == set()


@pytest.mark.nightly  # Makes an environment.
def test_a_tool_gets_what_its_lock_pins_though_newer_ones_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one package asks for with an extra is pinned without it, as dbt's lock does."""
    wheels, locks = tmp_path / "wheels", tmp_path / "locks"
    wheels.mkdir()
    locks.mkdir()
    needs = {("base", "1"): "", ("base", "2"): "", ("user", "1"): "Requires-Dist: base[extra]\n"}
    pins = []
    for (name, version), more in needs.items():
        wheel = wheels / f"{name}-{version}-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as file:
            about = f"{name}-{version}.dist-info"
            head = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
            extra = "Provides-Extra: extra\n" if name == "base" else ""
            file.writestr(f"{about}/METADATA", head + extra + more)
            tag = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            file.writestr(f"{about}/WHEEL", tag)
            file.writestr(f"{about}/RECORD", "")
        if version == "1":
            digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
            pins.append(f"{name}==1 --hash=sha256:{digest}\n")
    (locks / "tool.lock").write_text("".join(pins))
    environments = load("environments")
    monkeypatch.setattr(environments, "LOCKS", locks)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    home = environments.install("tool")
    packages = {path.stem for path in home.glob("lib/python*/site-packages/*.dist-info")}
    assert packages >= {"base-1", "user-1"}
    assert "base-2" not in packages
