"""The guard's classes: compiled from `java/` by the compiler that Spark brings for its own code.

So a Java without a compiler is enough, and no compiled file is shipped. They are kept in the user's
cache folder, under a name that covers their source and Spark's version.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from strata.errors import ResourceMissing, UsageError
from strata.fs.local import cache_folder

EXTENSION = "strata.thrift.ReadOnly"
"""The class that Spark loads by `spark.sql.extensions`; it stands last there."""
_SOURCES = Path(__file__).parent / "java"
_COMPILER = "org.codehaus.commons.compiler.samples.CompilerDemo"


def compiled() -> Path:
    """The folder of the classes, made where it is not there; ResourceMissing if it cannot be."""
    target = folder()
    if (target / "done").exists():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as part:
            _compile(Path(part))
            (Path(part) / "done").touch()
            if not (target / "done").exists():
                # Another process may have been quicker, or one before was stopped half-way.
                shutil.rmtree(target, ignore_errors=True)
                shutil.copytree(part, target)
    except OSError as error:
        raise ResourceMissing(f"the server's guard is kept in {target}: {error}") from None
    return target


def folder() -> Path:
    """Where they lie; a file `done` beside them says that they are all there."""
    return cache_folder() / f"guard-{_digest()}"


def check_extensions(given: str | None) -> None:
    """UsageError where the guard is not the last of a session's extensions: it would not see what
    the others parse.
    """
    last = (given or "").rpartition(",")[2].strip()
    if last != EXTENSION:
        raise UsageError(
            f"{EXTENSION} stands last in spark.sql.extensions, or readers could write; the session "
            f"has {given or 'none'}: leave that setting out"
        )


def settings(extensions: str) -> dict[str, str]:
    """What a session needs for guarded queries, besides its own extensions.

    It must stand when the JVM starts; where one runs already, its class path must have the guard.
    """
    return {
        "spark.sql.extensions": f"{extensions},{EXTENSION}",
        "spark.driver.extraClassPath": str(compiled()),
        # `${env:NAME}` in a query would be replaced by this process's own environment.
        "spark.sql.variable.substitute": "false",
        # A published table's files are known: nobody need list them by a job.
        "spark.sql.sources.parallelPartitionDiscovery.threshold": "2000",
    }


def desk(java: Any) -> Any:
    """The guard's class by which this program and the JVM talk; UsageError where it is missing."""
    found = java.jvm.strata.thrift.Desk
    if type(found).__name__ == "JavaPackage":  # What py4j makes of a name that is no class.
        raise UsageError(
            "the driver's class path must have the guard; this driver lacks it: give spark-submit "
            '--driver-class-path "$(strata sql serve --class-path)"'
        )
    return found


def _compile(target: Path) -> None:
    home = spark_home()
    jars = sorted(str(jar) for jar in (home / "jars").glob("*.jar"))
    sources = sorted(str(source) for source in _SOURCES.rglob("*.java"))
    command = [str(home / "bin" / "spark-class"), _COMPILER, "-d", str(target)]
    environment = {k: v for k, v in os.environ.items() if k != "SPARK_SUBMIT_OPTS"}
    done = subprocess.run(
        [*command, "-classpath", os.pathsep.join(jars), *sources],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    if done.returncode or not (target / "strata" / "thrift" / "ReadOnly.class").exists():
        said = " ".join((done.stderr or done.stdout).split())[-600:]
        raise ResourceMissing(f"the server's guard must compile with this Java and Spark: {said}")


def _digest() -> str:
    import pyspark

    told = hashlib.sha256(pyspark.__version__.encode())
    for source in sorted(_SOURCES.rglob("*.java")):
        told.update(source.read_bytes())
    return told.hexdigest()[:16]


def spark_home() -> Path:
    """Where Spark's own programs and jars lie."""
    import pyspark

    return Path(os.environ.get("SPARK_HOME") or Path(pyspark.__file__).parent)
