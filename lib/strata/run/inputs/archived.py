"""Raw days that have left bronze: whoever computes from a bronze table reads them with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strata.declare.contract import DAY, archive_name
from strata.kit.groups import Groups
from strata.kit.table import Table
from strata.lake import spark_files
from strata.ledger.publication import TableState
from strata.run.state import Context

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def with_archive(
    context: Context,
    table: Table,
    state: TableState,
    frame: DataFrame,
    touched: Groups | None = None,
) -> DataFrame:
    """A table's published rows with those of its archive, for `table`, which is made from it.

    Where the touched groups are days, no file of other days is opened.
    """
    if state.archive_version is None:
        return frame
    days = _days(context, table, touched)
    name, version = archive_name(state.table), state.archive_version
    rest = context.store.read_between(name, version, DAY.name, days)
    return frame if rest is None else frame.unionByName(rest.select(*frame.columns))


def may_hold(context: Context, table: Table, state: TableState, touched: Groups) -> bool:
    """Whether archived rows of an input of `table` may be of the touched groups."""
    if state.archive_version is None:
        return False
    snapshot = context.store.log(archive_name(state.table)).snapshot(state.archive_version)
    days = _days(context, table, touched)
    return bool(spark_files.names_between(snapshot, DAY.name, days))


def _days(
    context: Context, table: Table, touched: Groups | None
) -> tuple[tuple[str, str], ...] | None:
    """Between which days the touched groups lie; None where that is not told."""
    own = {s.day_name for s in context.plan.feed.sources if s.day_table == table.name}
    told = [b for b in touched.bounds if b.name in own] if touched else []
    return told[0].stretches if told else None
