"""Spark's programs are shown the archive of classes only where it does no harm."""

from __future__ import annotations

import importlib.util
import shlex
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
ASKED = 'set -a; . "$SPARK_CONF_DIR/spark-env.sh"; printf "%s\\n" "$SPARK_CONF_DIR" "$SPARK_SUBMIT_OPTS"; set'


@pytest.fixture(scope="module")
def archives() -> ModuleType:
    path = ROOT / "infra/local/class_archive.py"
    spec = importlib.util.spec_from_file_location("class_archive", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def conf(archives: ModuleType, tmp_path: Path) -> Path:
    """An environment's folder of settings, in a place whose name has a blank."""
    place = tmp_path / "a place"
    (place / "empty").mkdir(parents=True)
    (place / "classes.jsa").write_bytes(b"classes")
    conf = place / "conf"
    conf.mkdir()
    (conf / "log4j2.properties").write_text("")
    (conf / "spark-env.sh").write_text("export JAVA_HOME=/here\n")
    for _ in range(2):
        archives._name(place / "classes.jsa", place / "empty", conf / "spark-env.sh")
    return conf


def asked(conf: Path, given: str = "") -> tuple[str, list[str], str]:
    """What Spark's programs read: the folder of settings, the JVM's options, and all else."""
    told = subprocess.run(
        ["bash", "-c", ASKED],
        env={"SPARK_CONF_DIR": str(conf), "SPARK_SUBMIT_OPTS": given},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    return told[0], shlex.split(told[1]), "\n".join(told[2:])


def test_the_archive_is_named_once_and_what_stood_there_stays(conf: Path) -> None:
    text = (conf / "spark-env.sh").read_text()
    assert text.count("SharedArchiveFile") == 1
    folder, options, rest = asked(conf, "-Xss4m -Dx='1 2'")
    assert folder == str(conf.parent / "empty")
    assert options == [
        f"-XX:SharedArchiveFile={conf.parent}/classes.jsa",
        "-Xshare:auto",
        "-Xlog:cds*=off",
        f"-Dlog4j2.configurationFile=file:{conf}/log4j2.properties",
        "-Xss4m",
        "-Dx=1 2",
    ]
    assert "JAVA_HOME=/here" in rest
    assert "strata_" not in rest


@pytest.mark.parametrize("others", ["spark-defaults.conf", "hive-site.xml"])
def test_settings_of_the_users_own_are_found_as_ever(conf: Path, others: str) -> None:
    (conf / others).write_text("")
    assert asked(conf, "-Xss4m")[:2] == (str(conf), ["-Xss4m"])


def test_without_an_archive_nothing_is_named(conf: Path) -> None:
    (conf.parent / "classes.jsa").unlink()
    assert asked(conf)[:2] == (str(conf), [])
