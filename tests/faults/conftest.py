"""Faults are armed for one test at a time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from strata import failpoint


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    failpoint.armed = None
