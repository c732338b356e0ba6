"""The settings without which a session would give other answers, and whether a session has them."""

from __future__ import annotations

from collections.abc import Callable

from strata.fs import location

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


_SEDONAS = (
    "org.apache.sedona.sql.SedonaSqlExtensions",
    "spark.serializer",
    "spark.kryo.registrator",
)
"""What only a feed needs that asks where something lies."""
UNTOLD = "untold"
"""What a session keeps to itself: Databricks' serverless compute has no such setting for users."""


def required(spatial: bool) -> dict[str, str]:
    """What a session of one's own is given: without Sedona where nothing spatial will be asked, for
    it makes some 300 functions in each session.
    """
    left_out = () if spatial else _SEDONAS
    return {
        key: ",".join(part for part in value.split(",") if part not in left_out)
        for key, value in REQUIRED.items()
        if key not in left_out
    }


def lacking(
    get: Callable[[str], str | None], on_databricks: bool = False, spatial: bool = True
) -> list[str]:
    """What a session lacks, each with what it has instead; `get` asks it for one setting.

    `spatial` tells whether Sedona is needed.
    """
    spared = (*(_OWN_DELTA if on_databricks else ()), *(() if spatial else _SEDONAS))
    found = []
    for key, wanted in REQUIRED.items():
        parts = wanted.split(",") if key == EXTENSIONS else [wanted]
        needed = [] if key in spared else [part for part in parts if part not in spared]
        has = get(key) if needed else None
        if has == UNTOLD and on_databricks:
            continue
        if not set(needed) <= set((has or "").split(",")):
            found.append(f"{key}={','.join(needed)} (it has {has or 'none'})")
    return found


def s3_settings() -> dict[str, str]:
    """S3 by `s3a://` and `s3://` alike; an S3-compatible server by AWS's own environment
    variables."""
    settings = {
        "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
        "spark.delta.logStore.s3a.impl": "io.delta.storage.S3SingleDriverLogStore",
        "spark.delta.logStore.s3.impl": "io.delta.storage.S3SingleDriverLogStore",
    }
    endpoint = location.s3_endpoint()
    if not endpoint:
        return settings
    return settings | {
        "spark.hadoop.fs.s3a.endpoint": endpoint,
        # S3A signs for us-east-2 where none is named, and a server may ask for its own.
        "spark.hadoop.fs.s3a.endpoint.region": location.s3_region(),
        "spark.hadoop.fs.s3a.path.style.access": "true",
        "spark.hadoop.fs.s3a.connection.ssl.enabled": str(endpoint.startswith("https")).lower(),
    }
