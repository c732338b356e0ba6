"""The rows of touched groups exchanged in one commit: by Spark, or by this process where they are
few. Only files that hold rows of theirs are written again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import reduce
from operator import xor
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pyarrow as pa

from strata.declare.contract import Contract
from strata.errors import StrataError
from strata.lake import spark_files
from strata.lake.grouped import Grouped
from strata.lake.log import Snapshot, statistics
from strata.lake.shape import has_columns_of
from strata.lake.snapshot import Commit
from strata.lake.store import Store

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from strata.kit.groups import Groups, Keys

_MOST_ROWS_HERE = 2_000_000
"""Of the files that an increment's groups lie in, that this process writes again by itself."""
_ROWS_A_TASK = 1_000_000
"""Of the rows that an increment brings: a file for each task would leave many small ones, day by
day.
"""


@dataclass(frozen=True)
class Exchange:
    """What one commit put in the place of some groups' rows."""

    commit: Commit
    rows_gone: int
    """Rows that the groups had."""
    identity_gone: int
    """The order-free hash of those rows' ids."""
    rows_kept: int
    """Rows of other groups that had to be written again, for they shared a file with those."""


def replace_groups(
    store: Store,
    contract: Contract,
    frame: DataFrame,
    rows: int,
    touched: Groups,
    grouped: Callable[[DataFrame], DataFrame] = lambda rows: rows,
) -> Exchange:
    """Replaces the rows of the touched groups by `frame`, in one commit.

    `frame` holds every row that the touched groups should have, `rows` of them. Only files with
    a row of theirs are written again, without those rows; what `frame` holds goes into files of
    its own. A MERGE reads and joins every column of every file, twice. `grouped` adds the
    groups' columns where the table lacks them.
    """
    table, before = contract.table, _before(store, contract)
    old = store.read(table, before.version)
    # An empty table is read from no file, and has no column that tells one.
    hit = spark_files.files_with(grouped(old), touched) if before.adds else {}
    removed, counted = _adds_of(before, table, hit)
    new = frame.coalesce(1 + rows // _ROWS_A_TASK)
    if hit:
        new = (
            touched.rows_without(grouped(store.rows_in(contract, old, before, removed)))
            .select(*contract.columns)
            .unionByName(new)
        )
    added = store.write_files(contract, new)
    gone = sum(count for count, _ in hit.values())
    identity = reduce(xor, (ids for _, ids in hit.values()), 0)
    commit = store.exchange_files(contract, before, removed, added)
    return Exchange(commit, gone, identity, counted - gone)


def replace_rows(
    store: Store, contract: Contract, rows: pa.Table, keys: Keys, most: int = _MOST_ROWS_HERE
) -> Exchange | None:
    """The same by this process alone, for few groups and rows; None, and nothing done, where
    their files hold more rows than `most`.
    """
    table, before = contract.table, _before(store, contract)
    if not before.is_plain:
        return None
    grouped = Grouped(store.warehouse, table, before, keys)
    hit = [hit.file.uri.rpartition("/")[2] for hit in grouped.hits]
    removed, counted = _adds_of(before, table, hit)
    if counted > most:
        return None
    identity, others = grouped.identity, grouped.other_rows()
    own = rows.select(others.column_names).cast(others.schema)
    added = store.write_files(contract, pa.concat_tables([others, own]))
    commit = store.exchange_files(contract, before, removed, added)
    return Exchange(commit, grouped.count, identity, counted - grouped.count)


def _before(store: Store, contract: Contract) -> Snapshot:
    before = store.snapshot(contract.table)
    if not has_columns_of(before, contract):
        raise StrataError(
            f"groups are replaced in a table that has its contract's columns; {contract.table} "
            "has others: run with --full"
        )
    return before


def _adds_of(
    before: Snapshot, table: str, hit: Collection[str]
) -> tuple[list[dict[str, Any]], int]:
    """What a log says of the files of these names, and how many rows they have."""
    found = [add for path, add in before.adds.items() if unquote(path).rpartition("/")[2] in hit]
    counts = [told["numRecords"] for told in map(statistics, found) if "numRecords" in told]
    if len(hit) != len(found) or len(hit) != len(counts):
        raise StrataError(
            f"a table's log names its files and counts their rows; of {len(hit)} files of "
            f"{table} it names {len(found)}, and counts {len(counts)}: run with --full"
        )
    return found, sum(counts)
