"""Rows' own ids, and which keys more than one row has. Keys are told apart by their 64-bit hashes:
two that collide are taken for one.

Spark is slow at grouping keys that nearly all differ: each is new to its group, in the task and
again behind the shuffle. To fetch their hashes and sort them is four times quicker.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

MOST_FETCHED = 1 << 25
"""More hashes are left where they are, and grouped by Spark: these take 256 MiB in the driver."""


ROW_ID = ("_file_sha256", "_record_number")
"""The columns that tell a raw record from every other."""


def has_identity(columns: Iterable[str]) -> bool:
    """Whether rows with these columns have ids of their own."""
    return set(ROW_ID) <= set(columns)


def identity(frame: DataFrame) -> Column:
    """An aggregate: the order-free hash of the rows' ids; 0 of no row, and of rows that have
    none."""
    from pyspark.sql import functions as F

    none = F.lit(0).cast("bigint")
    return F.coalesce(F.bit_xor(F.xxhash64(*ROW_ID) if has_identity(frame.columns) else none), none)


def shared_hashes(
    frame: DataFrame, key: tuple[Column, ...], rows: int, most: int | None = None
) -> pa.Table:
    """The hashes of keys that two rows or more of the frame have, once each, as bigints `_hash`; of
    `most` at most, if that is told.

    `rows` is how many rows the frame has, or might have. The hash is Spark's `xxhash64` of the
    key's columns.
    """
    from pyspark.sql import functions as F

    hashed = frame.select(F.xxhash64(*key).alias("_hash"))
    if rows > MOST_FETCHED:
        shared = (
            hashed.groupBy("_hash")
            .agg(F.count(F.lit(1)).alias("_n"))
            .where("_n > 1")
            .select("_hash")
        )
        return (shared if most is None else shared.limit(most)).toArrow()
    hashes = np.sort(hashed.toArrow().column("_hash").to_numpy())
    repeated = np.unique(hashes[1:][hashes[1:] == hashes[:-1]])
    return pa.table({"_hash": repeated[:most]})
