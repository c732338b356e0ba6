"""Which rows of a candidate share their key with another one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from strata.declare.suite import Expectation
from strata.gate import conditions, small
from strata.gate.outcome import Outcome
from strata.kit.keys import shared_hashes

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from strata.kit.groups import Groups

_MOST_BROADCAST = 1_000_000
"""Written rows whose keys are sent to every task, 8 bytes each."""


@dataclass(frozen=True)
class Exchanged:
    """The rows that an increment wrote, of a table whose other rows an earlier gate found to have
    single keys.
    """

    written: DataFrame
    rows: int
    touched: Groups


@dataclass(frozen=True)
class Single:
    """Every key of the candidate, of each rule of uniqueness, was found to be single when it was
    written."""


def unique(
    candidate: DataFrame | None,
    rows: int,
    expectation: Expectation,
    known: Exchanged | Single | pa.Table | None = None,
) -> Outcome:
    """Counts every row whose key another row shares, as Great Expectations does.

    Rows whose key is NULL in every column are ignored, or as `ignore_row_if` says.
    """
    if isinstance(known, Single):
        return Outcome(expectation, True, 0)
    if isinstance(known, pa.Table) and small.can_tell_keys(known.schema, expectation):
        count = small.count_shared(known, expectation)
        return Outcome(expectation, count == 0, count)
    if candidate is None:
        raise TypeError(f"{expectation.type} needs the candidate's frame")
    exchanged = known if isinstance(known, Exchanged) else None
    return _unique_by_spark(candidate, rows, expectation, exchanged)


def _unique_by_spark(
    candidate: DataFrame, rows: int, expectation: Expectation, exchanged: Exchanged | None
) -> Outcome:
    from pyspark.sql import functions as F

    keys = tuple(map(F.col, expectation.columns))
    if exchanged is not None and exchanged.rows <= min(_MOST_BROADCAST, rows // 4):
        candidate = _with_keys_of(candidate, keys, expectation, exchanged)
    when = expectation.kwargs.get("ignore_row_if", "all_values_are_missing")
    known = candidate.select(*keys).where(~conditions.is_ignored(expectation, when))
    # Equal keys have equal hashes; only where hashes agree are the keys asked.
    if shared_hashes(known, keys, rows, most=1).num_rows == 0:
        return Outcome(expectation, True, 0)
    shared = (
        known.groupBy(*keys)
        .count()
        .where("count > 1")
        .agg(F.coalesce(F.sum("count"), F.lit(0)).alias("n"))
    )
    count = int(shared.first()["n"])  # type: ignore[index]
    return Outcome(expectation, count == 0, count)


def _with_keys_of(
    candidate: DataFrame, keys: tuple[Column, ...], expectation: Expectation, exchanged: Exchanged
) -> DataFrame:
    """The candidate's rows whose key a written row may have: of two rows that share one, one at
    least was written now.
    """
    from pyspark.sql import functions as F

    if set(exchanged.touched.columns) <= set(expectation.columns):
        return exchanged.touched.rows_of(candidate.select(*keys))
    hashes = exchanged.written.select(F.xxhash64(*keys).alias("_hash")).distinct()
    return candidate.join(F.broadcast(hashes), F.xxhash64(*keys) == F.col("_hash"), "left_semi")
