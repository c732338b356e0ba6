"""Which keys several rows of an input have: found by the engine, and handed to a transform, which
itself may look at no row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from strata.kit.keys import shared_hashes

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass(frozen=True)
class Shared:
    """The keys that more than one row of a table's first input has."""

    key: tuple[str, ...] = ()
    """SQL expressions over the input's columns, as the table's `unique` says."""

    hashes: DataFrame | None = None
    """One row a shared key: its 64-bit hash, `_hash`. None: any row may share its key."""

    def split(self, rows: DataFrame) -> tuple[DataFrame, DataFrame]:
        """The rows that have their key to themselves, and those that may share it: the first need
        no sorting, and are most.

        Two keys whose hashes collide are taken for shared, which costs time and no more.
        """
        from pyspark.sql import functions as F

        if self.hashes is None:
            return rows.limit(0), rows
        hashed = rows.withColumn("_hash", F.xxhash64(*map(F.expr, self.key)))
        alone, several = (
            hashed.join(F.broadcast(self.hashes), on="_hash", how=how).drop("_hash")
            for how in ("left_anti", "left_semi")
        )
        return alone, several


UNKNOWN = Shared()
"""Nothing is known of the keys: any row may share its own."""

MOST_SHARED = 1_000_000
"""More shared keys are not sent to every task; all rows are then taken for rows that may share
theirs.
"""


def find_shared(
    frame: DataFrame, key: tuple[str, ...], rows: int, most: int = MOST_SHARED
) -> Shared:
    """The keys that several of the frame's `rows` rows have. For the engine: it runs a job.

    Where none is shared, as in most files, Spark plans nothing of the second part of `split`.
    """
    from pyspark.sql import functions as F

    found = shared_hashes(frame, tuple(map(F.expr, key)), rows, most + 1)
    if found.num_rows > most:
        return UNKNOWN
    # A frame that is known to be empty when it is planned: the joins with it vanish.
    none = frame.sparkSession.range(0).select(F.col("id").alias("_hash")).limit(0)
    known = frame.sparkSession.createDataFrame(found) if found.num_rows else none
    return Shared(key, known)
