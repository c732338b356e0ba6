"""Commits on a real S3 server, versitygw: the tests of the emulator, asked of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import s3_server, versitygw
from tests.faults.test_s3_commits import *  # noqa: F403 - the same tests, with another server
from tests.faults.test_s3_commits import warehouse  # noqa: F401 - a fixture

pytestmark = pytest.mark.nightly


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with (
        versitygw.serve(tmp_path_factory.mktemp("buckets")) as endpoint,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(s3_server, "KEYS", (versitygw.KEY, versitygw.SECRET))
        yield endpoint
