"""A session of Spark Connect: the client has no JVM, and the server its own settings and jars.

The server's Python workers need the packages that Strata stands on, of the client's Python version;
Strata itself is brought along by the session, so that both sides are always of one release.
"""

from __future__ import annotations

import os
import socket
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies

from strata.errors import UsageError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ADDRESS = "SPARK_REMOTE"
"""The environment variable by which Spark's own tools know a server: `sc://host:port`."""
_SCHEME = "sc://"
_PORT = 15002
"""Spark's own, where an address names none."""
_SECONDS = 10


def is_remote(master: str | None) -> bool:
    """Whether a server of Spark Connect is meant: by the master, or else by `SPARK_REMOTE`."""
    return master.startswith(_SCHEME) if master else bool(os.environ.get(ADDRESS))


def session(master: str | None = None) -> SparkSession:
    """A session on the server; UsageError where none answers."""
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    address = master or os.environ[ADDRESS]
    _assert_answers(address)
    try:
        spark = SparkSession.builder.remote(address).getOrCreate()
        spark.version  # noqa: B018 - the first call that asks the server
        _bring_package(spark)
    except ImportError as error:
        raise UsageError(
            f"Spark Connect needs its client's packages, and {error.name} is missing: "
            "pip install 'pyspark-client==4.0.4', or pyspark[connect]"
        ) from None
    except (PySparkException, OSError, RuntimeError) as error:
        told = " ".join(str(error).split())[:200]
        raise UsageError(
            f"a server of Spark Connect answers at its address; {address} does not: {told}"
        ) from None
    return spark


def _assert_answers(address: str) -> None:
    """The client itself would try again for ten minutes before it says anything."""
    found = urlsplit(address.partition(";")[0])
    if getproxies():
        return  # What lies behind a proxy cannot be asked so.
    try:
        socket.create_connection((found.hostname or "", found.port or _PORT), _SECONDS).close()
    except OSError as error:
        raise UsageError(
            f"a server of Spark Connect answers at its address; at {address} none does: {error}"
        ) from None


def _bring_package(spark: SparkSession) -> None:
    """Gives the server's Python workers this very package."""
    home = Path(__file__).resolve().parents[1]
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "strata.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
            for module in sorted(home.rglob("*.py")):
                packed.write(module, module.relative_to(home.parent))
        spark.addArtifacts(str(archive), pyfile=True)
