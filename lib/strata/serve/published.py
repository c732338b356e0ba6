"""The only door to what is published: a name leads to a pinned version, and that to Arrow.

Every reader goes through here: `strata show`, `strata sql`, the report, exports and servers.
A `Published` pins each feed at one publication when it is made. It keeps that set while runs
in other processes publish newer ones; make a new one to see those.

    published = Published(warehouse)
    table = published.table("gold.soil_country_stats")
    table.publication, table.version, table.to_arrow()
    Published(warehouse, at="soil=3")        # the set that soil published third
    Published(warehouse, at="2026-11-01")    # what readers saw when that day began, UTC
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from strata.declare import feed as feeds
from strata.declare.contract import (
    LAYERS,
    Contract,
    archive_contract,
    archive_name,
    load_contract,
    quarantine_contract,
    quarantine_name,
)
from strata.declare.near import meant
from strata.errors import UsageError
from strata.lake.columns import assert_columns
from strata.lake.data_set import DataFile, data_files, data_set, readable, schema_of
from strata.lake.log import TableLog
from strata.lake.versions import Warehouse
from strata.ledger import publication as ledger
from strata.ledger import seal
from strata.ledger.publication import Publication, TableState
from strata.serve import moment, ops

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import dataset as ds

__all__ = ["Published", "PublishedTable"]

BATCH_ROWS = 65_536


@dataclass(frozen=True)
class PublishedTable:
    """One published table at its pinned version, checked against what was published."""

    name: str
    """The qualified name, e.g. `gold.soil_country_stats`."""
    feed: str
    """The feed that publishes it; empty for the `ops` tables, which span feeds."""
    publication: int
    """Number, within its feed, of the publication that shows it; 0 for the `ops` tables."""
    published_at: datetime | None
    version: int
    """Version of the Delta table; 0 for the `ops` tables."""
    rows: int
    schema: pa.Schema
    """Columns as Delta's log has them: timestamps in UTC, microseconds."""
    files: tuple[DataFile, ...]
    """The Parquet files of that version, and nothing else; empty for the `ops` tables."""
    contract: Contract | None
    """Descriptions, units, key and grain; None for the `ops` tables."""
    memory: pa.Table | None = None
    """The rows of an `ops` table, which the ledger holds."""

    def dataset(self) -> ds.Dataset:
        """The rows unread: whoever scans reads only the columns and row groups it needs."""
        from pyarrow import dataset

        if self.memory is not None:
            return dataset.dataset(self.memory)
        return data_set(self.name, self.schema, self.files)

    def batches(
        self, columns: Sequence[str] | None = None, rows: int = BATCH_ROWS
    ) -> Iterator[pa.RecordBatch]:
        """The rows in record batches of at most `rows`, so that memory stays bounded.

        Damaged where a file of the version is gone or cannot be read.
        """
        yield from self._scan(columns, rows)

    def to_arrow(self, columns: Sequence[str] | None = None) -> pa.Table:
        """All rows in memory, in no order; Damaged as for `batches`."""
        import pyarrow as pa

        names = list(columns) if columns is not None else self.schema.names
        schema = pa.schema([self.schema.field(name) for name in names])
        return pa.Table.from_batches(self._scan(columns, BATCH_ROWS), schema)

    def _scan(self, columns: Sequence[str] | None, rows: int) -> Iterator[pa.RecordBatch]:
        wanted = list(columns) if columns is not None else None
        with readable(self.name):
            whole = self.dataset()
            if self.memory is None:
                assert_columns(self.name, whole)
            scanned = whole.to_batches(columns=wanted, batch_size=rows)
        while True:
            with readable(self.name):
                batch = next(scanned, None)
            if batch is None:
                return
            yield batch


class Published:
    """What readers see of a warehouse, pinned when it is made.

    `at` names an older set: `3` (publication 3 of whichever one feed is read), `soil=3`,
    `soil=3,launches=1`, or a time; see `moment.parse`.
    """

    def __init__(self, warehouse: Warehouse, at: str | int | datetime | None = None) -> None:
        self.warehouse = warehouse
        self.at = moment.parse(at, feeds.feed_names())
        self._ledgers = {name: ledger.read(warehouse, name) for name in feeds.feed_names()}

    @cached_property
    def publications(self) -> dict[str, Publication]:
        """The pinned publication of each feed that had one."""
        chosen = {
            feed: moment.choose(self.at, feed, every) for feed, every in self._ledgers.items()
        }
        return {feed: found for feed, found in chosen.items() if found is not None}

    def ledger(self, feed: str) -> tuple[Publication, ...]:
        """Every publication of a feed up to the pinned one, oldest first."""
        pinned = self.publications.get(feed)
        upto = pinned.publication if pinned else 0
        return tuple(p for p in self._ledgers.get(feed, ()) if p.publication <= upto)

    def tables(self) -> tuple[str, ...]:
        """Every name that can be read: tables, quarantine tables, then the `ops` tables."""
        return (*self._states, *(ops.TABLES if self.publications else ()))

    def __contains__(self, name: str) -> bool:
        return name in self._states or (name in ops.TABLES and bool(self.publications))

    def table(self, name: str) -> PublishedTable:
        """The table of that name, at its pinned version.

        UsageError where it is not published; Damaged where its log no longer says what it
        said when it was published, or asks for a reader that this one is not.
        """
        if name in ops.TABLES and self.publications:
            return self._ops(name)
        feed, state = self._state(name)
        version, manifest = _pinned(name, state)
        snapshot = TableLog(self.warehouse, name).snapshot(version)
        seal.assert_manifest(name, snapshot, manifest)
        publication = self.publications[feed]
        return PublishedTable(
            name=name,
            feed=feed,
            publication=publication.publication,
            published_at=publication.published_at,
            version=version,
            rows=seal.counted(state, name)[0],
            schema=schema_of(name, snapshot),
            files=data_files(self.warehouse, name, snapshot),
            contract=contract_of(state.table, name),
        )

    def feed_of(self, name: str) -> str:
        """The feed that publishes the table; UsageError where it is not published."""
        return self._state(name)[0]

    def contract(self, name: str) -> Contract:
        """The table's contract, without a look at its log; UsageError as for `feed_of`."""
        return contract_of(self._state(name)[1].table, name)

    def _state(self, name: str) -> tuple[str, TableState]:
        if name not in self._states:
            raise self._unknown(name)
        return self._states[name]

    @cached_property
    def _states(self) -> dict[str, tuple[str, TableState]]:
        found: dict[str, tuple[str, TableState]] = {}
        for feed, publication in self.publications.items():
            for state in publication.tables:
                found[state.table] = (feed, state)
                if state.quarantine_version is not None:
                    found[quarantine_name(state.table)] = (feed, state)
                if state.archive_version is not None:
                    found[archive_name(state.table)] = (feed, state)
        return dict(sorted(found.items(), key=lambda item: _rank(item[0])))

    def _ops(self, name: str) -> PublishedTable:
        rows = ops.rows(
            name,
            [p for feed in self.publications for p in self.ledger(feed)],
            self._ledger_schema,
        )
        return PublishedTable(name, "", 0, None, 0, rows.num_rows, rows.schema, (), None, rows)

    @cached_property
    def _ledger_schema(self) -> pa.Schema:
        """The columns of the widest ledger: an older release wrote fewer."""
        schemas = []
        for feed, publication in self.publications.items():
            table = ledger.table_path(feed)
            # Each commit of a ledger is one publication, and version 0 the first.
            log = TableLog(self.warehouse, table).snapshot(publication.publication - 1)
            schemas.append(schema_of(table, log))
        return max(schemas, key=len)

    def _unknown(self, name: str) -> UsageError:
        root = self.warehouse.root
        if not self.publications:
            when = " at that time" if self.at is not None else " yet; run `strata run` first"
            return UsageError(f"nothing is published in {root}{when}")
        near = meant(name, self.tables())
        hint = f"did you mean {', '.join(near)}?" if near else "`strata show` lists the tables"
        return UsageError(f"a table must be published to be read; {name} is not in {root}: {hint}")


def contract_of(table: str, name: str) -> Contract:
    """The contract of a published name: its table's own, or that of the table's quarantine or
    archive."""
    contract = load_contract(table)
    if name == archive_name(table):
        return archive_contract(contract)
    return contract if name == table else quarantine_contract(contract)


def _pinned(name: str, state: TableState) -> tuple[int, str]:
    return next((v, manifest) for table, v, manifest in seal.parts(state) if table == name)


def _rank(name: str) -> tuple[int, str]:
    layer = name.split(".", 1)[0]
    return (LAYERS.index(layer) if layer in LAYERS else len(LAYERS), name)


def as_rows(table: pa.Table) -> list[dict[str, Any]]:
    """Rows as plain dicts; a map is a dict too, where Arrow gives a list of pairs."""
    return table.to_pylist(maps_as_pydicts="strict")
