"""The settings without which a session would give other answers, and whether a session has them."""

from __future__ import annotations

from collections.abc import Callable

# What every run needs, wherever it runs; a session without these would give other answers.
REQUIRED = {
    "spark.sql.extensions": ",".join(
        (
            "io.delta.sql.DeltaSparkSessionExtension",
            "org.apache.sedona.sql.SedonaSqlExtensions",
        )
    ),
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    # Timestamps mean the same on every machine.
    "spark.sql.session.timeZone": "UTC",
    # A flipped bit in a Parquet page raises instead of giving a wrong sum.
    "spark.hadoop.parquet.page.verify-checksum.enabled": "true",
    # Timestamps that every reader takes as UTC; Spark's default, INT96, has no zone and no
    # statistics.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # A bad cast is an error, never a silent NULL.
    "spark.sql.ansi.enabled": "true",
    # A damaged or vanished file must stop a read.
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.sql.files.ignoreMissingFiles": "false",
    # Sedona's geometries and indexes are serialised by Kryo.
    "spark.serializer": "org.apache.spark.serializer.KryoSerializer",
    "spark.kryo.registrator": "org.apache.sedona.core.serde.SedonaKryoRegistrator",
}

EXTENSIONS = "spark.sql.extensions"
IN_SESSION = tuple(
    key
    for key in REQUIRED
    if key.startswith("spark.sql.") and key not in (EXTENSIONS, "spark.sql.catalog.spark_catalog")
)
"""Those that a running session takes; the others stand when its cluster starts."""
_OWN_DELTA = (
    "spark.sql.catalog.spark_catalog",
    "io.delta.sql.DeltaSparkSessionExtension",
)
"""What Databricks has in its own way."""


def lacking(get: Callable[[str], str | None], on_databricks: bool = False) -> list[str]:
    """What a session lacks, each with what it has instead; `get` asks it for one setting."""
    found = []
    for key, wanted in REQUIRED.items():
        if on_databricks and key in _OWN_DELTA:
            continue
        has = get(key) or ""
        parts = has.split(",")
        needed = [
            part
            for part in (wanted.split(",") if key == EXTENSIONS else [wanted])
            if not (on_databricks and part in _OWN_DELTA)
        ]
        if not set(needed) <= set(parts):
            found.append(f"{key}={','.join(needed)} (it has {has or 'none'})")
    return found
