"""The tests' session with the scheme `fault` added."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from strata import failpoint

from tests.faults import logstore


@pytest.fixture(scope="session")
def fault_classes(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled log store, a class path root."""
    folder = tmp_path_factory.mktemp("fault_classes")
    logstore.compile_classes(spark, folder)
    return folder


@pytest.fixture(scope="session")
def _scheme(spark: SparkSession, fault_classes: Path) -> None:
    logstore.install(spark, fault_classes)


@pytest.fixture
def faults(spark: SparkSession, _scheme: None) -> Iterator[logstore.Faults]:
    made = logstore.Faults(spark)
    yield made
    made.disarm()


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    failpoint.armed = None
