"""One real Redis for all tests of the functions; each test has a world of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.light.cloud import world as surroundings


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[surroundings.RedisServer]:
    server = surroundings.RedisServer(Path(tmp_path_factory.mktemp("redis")))
    yield server
    server.stop()


@pytest.fixture
def world(
    redis_server: surroundings.RedisServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[surroundings.World]:
    with surroundings.world(redis_server.url, monkeypatch) as made:
        made.clients.redis.flushall()
        yield made
