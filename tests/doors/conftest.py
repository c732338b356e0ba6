"""One PostgreSQL on loopback for all tests of the doors, emptied and migrated for each."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from strata.errors import ResourceMissing
from strata.serve.postgres.local import running
from strata.serve.postgres.migrate import migrate, roll_back
from strata.serve.postgres.server import Server, find_binaries


@pytest.fixture(scope="session")
def open_folder() -> Iterator[Path]:
    """PostgreSQL runs as a user of its own where the tests run as root, and must reach it."""
    folder = Path(tempfile.mkdtemp(prefix="strata-pg-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def cluster(open_folder: Path) -> Iterator[Server]:
    """Started by the product's own code. `infra/local/postgres.sh` installs what it needs."""
    try:
        find_binaries()
    except ResourceMissing as missing:
        pytest.skip(str(missing))
    with running(open_folder / "cluster") as server:
        with psycopg.connect(server.superuser_url, autocommit=True) as connection:
            # Each test drops and makes every table: waiting for the disk was most of its time.
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        yield server


@pytest.fixture
def database(cluster: Server) -> Server:
    """The cluster with a database as the migrations leave it: each test takes the way back too."""
    roll_back(cluster.url("owner"))
    migrate(cluster.url("owner"))
    return cluster
