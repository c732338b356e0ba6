"""One bronze table whose raw days move into its archive, or out of it: copied, compared, taken out.

Nothing is published here; what is written are candidates.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from strata import failpoint
from strata.declare.contract import DAY, Contract, archive_contract
from strata.errors import ConservationError
from strata.kit import groups, keys
from strata.kit.groups import Groups
from strata.kit.table import Source
from strata.lake.exchange import replace_groups
from strata.lake.store import Store
from strata.ledger.publication import Publication, TableState
from strata.upkeep.archive_content import Moved

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

SMALL_BYTES = 128 << 10
"""S3 moves no object below this size to a colder class by default, and bills one there as if it had
it: so a smaller file is packed again, with the days that come next."""
_FILE_ROWS = 500_000
"""A file takes further days until it has so many rows."""


@dataclass(frozen=True)
class RawDays:
    """One bronze table whose days move, as it was published."""

    store: Store
    contract: Contract
    source: Source
    published: Publication
    state: TableState

    @property
    def own(self) -> Contract:
        """Of the archive."""
        return archive_contract(self.contract)

    def with_day(self, rows: DataFrame) -> DataFrame:
        """Bronze rows with the day of each."""
        from pyspark.sql import functions as F

        return rows.withColumn(DAY.name, F.expr(self.source.day))

    @property
    def standing(self) -> DataFrame:
        """Every row in bronze, with its day."""
        return self.with_day(self.store.read(self.contract.table, self.state.version))

    @property
    def archived(self) -> DataFrame:
        """Every row in the archive."""
        version = self.state.archive_version
        if version is None:
            return self.standing.limit(0)
        return self.store.read(self.own.table, version)

    def newest(self) -> date | None:
        """The newest day of the data; None where none is published."""
        from pyspark.sql import functions as F

        state = self.published.state(self.source.day_table)
        if state is None:
            return None
        rows = self.store.read(state.table, state.version)
        found: date | None = rows.agg(F.max(self.source.day_name)).collect()[0][0]
        return found

    def days_of(self, rows: DataFrame, where: str) -> Groups:
        """The days of these rows for which the condition holds."""
        days = rows.where(where).select(DAY.name)
        return groups.groups_of([days], (DAY.name,), (), lambda frame: frame.persist())

    def put_away(self, days: Groups) -> tuple[TableState, Moved]:
        """Writes the days to the archive, and takes them out of bronze."""
        found = _dates(days)
        if not found:
            return self.state, Moved(self.contract.table)
        store, state, own = self.store, self.state, self.own
        leaving = days.rows_of(self.standing)
        wanted = _content(leaving, own)
        store.open_for_write(own, state.archive_version)
        commit = store.pack(own, leaving, wanted[0], _FILE_ROWS, SMALL_BYTES)
        state = replace(
            state,
            archive_version=commit.version,
            archived=state.archived + wanted[0],
            archived_identity=state.archived_identity ^ wanted[1],
        )
        lying = days.rows_of(store.read(own.table, commit.version))
        held = days.rows_of(self.archived)
        _assert_same(own.table, _plus(wanted, _content(held, own)), _content(lying, own))
        failpoint.reach("archive.copied", own.table)
        gone = replace_groups(
            store, self.contract, self.standing.limit(0).select(*self.contract.columns), 0, days,
            self.with_day,
        )  # fmt: skip
        _assert_same(self.contract.table, wanted[:2], (gone.rows_gone, gone.identity_gone))
        state = replace(
            state,
            version=gone.commit.version,
            rows=state.rows - gone.rows_gone,
            identity=state.identity ^ gone.identity_gone,
        )
        return state, Moved(self.contract.table, found, gone.rows_gone)

    def bring_back(self, days: Groups) -> tuple[TableState, Moved]:
        """Writes the days to bronze, and takes them out of the archive."""
        found = _dates(days)
        if not found:
            return self.state, Moved(self.contract.table)
        store, state, own = self.store, self.state, self.own
        coming = days.rows_of(self.archived)
        wanted = _content(coming, own)
        store.open_for_write(self.contract, state.version)
        commit = store.append(self.contract, coming.select(*self.contract.columns))
        lying = days.rows_of(self.with_day(store.read(self.contract.table, commit.version)))
        held = days.rows_of(self.standing)
        _assert_same(self.contract.table, _plus(wanted, _content(held, own)), _content(lying, own))
        failpoint.reach("archive.copied", self.contract.table)
        gone = replace_groups(store, own, coming.limit(0), 0, days)
        _assert_same(own.table, wanted[:2], (gone.rows_gone, gone.identity_gone))
        state = replace(
            state,
            version=commit.version,
            rows=state.rows + gone.rows_gone,
            identity=state.identity ^ gone.identity_gone,
            archive_version=gone.commit.version,
            archived=state.archived - gone.rows_gone,
            archived_identity=state.archived_identity ^ gone.identity_gone,
        )
        return state, Moved(self.contract.table, found, gone.rows_gone)


# --- what must not change ------------------------------------------------------------------------


def _content(rows: DataFrame, own: Contract) -> tuple[int, int, int]:
    """How many rows, the order-free hash of their ids, and one of all that they hold."""
    from pyspark.sql import functions as F

    whole = F.coalesce(F.bit_xor(F.xxhash64(*own.columns)), F.lit(0).cast("bigint"))
    row = rows.agg(F.count(F.lit(1)), keys.identity(rows), whole).collect()[0]
    return row[0], row[1], row[2]


def _plus(one: tuple[int, int, int], other: tuple[int, int, int]) -> tuple[int, int, int]:
    return one[0] + other[0], one[1] ^ other[1], one[2] ^ other[2]


def _assert_same(table: str, wanted: tuple[int, ...], found: tuple[int, ...]) -> None:
    if wanted != found:
        raise ConservationError(
            f"an archived day has the very rows that bronze had; of {wanted[0]} rows {table} shows "
            f"{found[0]}, or they differ: nothing was published",
            table=table,
        )


def _dates(days: Groups) -> list[date]:
    return sorted(row[0] for row in days.frame.collect())
