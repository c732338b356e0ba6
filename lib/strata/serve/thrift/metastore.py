"""The tables of a Hive metastore, made by DataNucleus' SchemaTool.

Hive would make them on its way when the first name is kept, and hangs on PostgreSQL then.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import zipfile
from pathlib import Path

from strata.errors import ResourceMissing, UsageError
from strata.serve.thrift.guard import spark_home
from strata.serve.thrift.site import Metastore

_TOOL = "org.datanucleus.store.schema.SchemaTool"
_MODEL = "package.jdo"


def create(metastore: Metastore) -> None:
    """Makes the tables in an empty database, and leaves those that are there.

    UsageError where the database cannot be reached, or the user may not make tables.
    """
    home = spark_home()
    assert_driver()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with zipfile.ZipFile(next((home / "jars").glob("hive-metastore-*.jar"))) as jar:
            jar.extract(_MODEL, folder)
        properties = folder / "datanucleus.properties"
        properties.touch(0o600)
        lines = [f"{key}={_escaped(value)}" for key, value in metastore.properties().items()]
        properties.write_text("\n".join(lines), encoding="iso-8859-1")
        command = [str(home / "bin" / "spark-class"), _TOOL, "-create", "-api", "JDO"]
        command += ["-props", str(properties), str(folder / _MODEL)]
        environment = {k: v for k, v in os.environ.items() if k != "SPARK_SUBMIT_OPTS"}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        said = " ".join((done.stdout + done.stderr).split())
        at = max(said.rfind("PSQLException:"), 0)
        raise UsageError(
            f"the metastore's tables are made in a database of its own; {metastore.url} answers: "
            f"{said[at : at + 300]}"
        )


def assert_driver() -> None:
    """ResourceMissing where Spark has no driver for PostgreSQL."""
    if not list((spark_home() / "jars").glob("postgresql-*.jar")):
        raise ResourceMissing(
            "a metastore on PostgreSQL needs its JDBC driver among Spark's jars: "
            "`make metastore` puts it there"
        )


def _escaped(value: str) -> str:
    """As a properties file wants it: no escape is begun, and what is not Latin-1 is written out."""
    escaped = value.replace("\\", "\\\\")
    return "".join(c if 31 < ord(c) < 256 else f"\\u{ord(c):04x}" for c in escaped)
