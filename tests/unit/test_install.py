"""The installer without a network: the lock read, and what it compiles really there."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def install() -> ModuleType:
    spec = importlib.util.spec_from_file_location("install", ROOT / "infra/local/install.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # A frozen dataclass looks its own module up.
    import sys

    sys.modules["install"] = module
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
