"""A Delta log store that goes wrong on purpose, in the tests' own session or in a child's.

Spark's jars hold a Java compiler, Janino, so a machine with a Java runtime alone can build it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession
from strata.lake.versions import Warehouse

SOURCES = sorted((Path(__file__).parent / "java").glob("*.java"))
MODES = ("before", "lost", "exists", "torn", "empty", "slow")
"""Throw before writing; write, then throw; write, then say that it was there; half; nothing at all;
late.
"""


class FaultWarehouse(Warehouse):
    """A local warehouse whose tables Spark reaches by the scheme `fault`."""

    def spark_path(self, table: str) -> str:
        return f"fault:{self.path(table)}"


def compile_classes(spark: SparkSession, folder: Path) -> None:
    """Compiles the Java sources into `folder`, a class path root."""
    jvm: Any = spark._jvm
    compiler = jvm.org.codehaus.janino.Compiler()
    compiler.setDestinationDirectory(jvm.java.io.File(str(folder)), False)
    compiler.setIClassLoader(jvm.org.codehaus.janino.ClassLoaderIClassLoader(_loader(jvm)))
    files = spark.sparkContext._gateway.new_array(jvm.java.io.File, len(SOURCES))  # type: ignore[union-attr]
    for place, source in enumerate(SOURCES):
        files[place] = jvm.java.io.File(str(source))
    compiler.compile(files)


def install(spark: SparkSession, folder: Path) -> None:
    """Gives the running session the scheme `fault`; other schemes keep their log stores."""
    jvm: Any = spark._jvm
    context: Any = spark.sparkContext
    _loader(jvm).addURL(jvm.java.io.File(f"{folder}/").toURI().toURL())
    context._jsc.sc().conf().set("spark.delta.logStore.fault.impl", "strata.faults.FaultLogStore")
    context._jsc.hadoopConfiguration().set("fs.fault.impl", "strata.faults.FaultFileSystem")
    context._jsc.hadoopConfiguration().set(
        "fs.AbstractFileSystem.fault.impl", "strata.faults.FaultFs"
    )


def _loader(jvm: Any) -> Any:
    return jvm.java.lang.Thread.currentThread().getContextClassLoader()


@dataclass
class Faults:
    """Arms one fault at a time in a session's JVM, and tells whether it fired."""

    spark: SparkSession

    @property
    def _system(self) -> Any:
        return self.spark._jvm.java.lang.System  # type: ignore[union-attr]

    def arm(
        self,
        mode: str,
        table: str = "",
        nth: int = 1,
        keep: int = 500,
        root: str = "",
        image: str = "",
    ) -> None:
        """The nth write from now of a log entry of a table whose path holds `table` goes wrong.

        A mode `image-…` first copies the folder `root` to `image`.
        """
        self._system.setProperty("strata.fault.fired", "")
        self._system.setProperty("strata.fault.root", root)
        self._system.setProperty("strata.fault.image", image)
        self._system.setProperty(
            "strata.fault", f"{mode} {nth} {keep} .*{table}/_delta_log/\\d+\\.json"
        )

    def disarm(self) -> None:
        self._system.setProperty("strata.fault", "")

    @property
    def fired(self) -> str:
        """`MODE PATH` of the fault that happened since it was armed, or nothing."""
        return str(self._system.getProperty("strata.fault.fired") or "")
