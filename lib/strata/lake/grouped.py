"""The rows of a version that have some values of one column: found and read by Arrow, file by file.

For few of many rows, which Spark would take longer to plan than this takes to read. Each file's
footer says whether the values may lie in it; then that one column is read, and of the files that
have them, the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc

from strata.kit import row_ids
from strata.kit.groups import Keys
from strata.kit.keys import ROW_ID, has_identity
from strata.lake import footers
from strata.lake.data_set import DataFile, data_files, read_files, readable, schema_of
from strata.lake.log import Snapshot
from strata.lake.warehouse import Warehouse

_READERS = 4


@dataclass(frozen=True)
class Hit:
    """A file that has rows of the groups."""

    file: DataFile
    lies: pa.ChunkedArray
    """Which of the file's rows they are."""
    rows: int
    """How many."""


@dataclass(frozen=True)
class Lies:
    """Which rows are of some groups, by other columns than the groups' own."""

    reads: tuple[str, ...]
    lie: Callable[[pa.Table], pa.ChunkedArray]
    """Whether each row is, given those columns and the rows' ids."""
    besides: Keys | None = None
    """Rows for which `may` does not answer."""
    may: Callable[[pa.ChunkedArray], pa.ChunkedArray] | None = None
    """By the first column alone: false of a row that is of none of the groups."""


@dataclass(frozen=True)
class Grouped:
    """A version of a table, of which some groups are asked. Its rows must be those of its files:
    `Snapshot.is_plain`."""

    warehouse: Warehouse
    table: str
    snapshot: Snapshot
    keys: Keys
    by: Lies | None = None
    """How a row is told to be of the groups, where it does not hold their column."""

    @cached_property
    def hits(self) -> list[Hit]:
        """The files that have rows of the groups."""
        held = data_files(self.warehouse, self.table, self.snapshot)
        with readable(self.table), ThreadPoolExecutor(_READERS) as pool:
            return [hit for hit in pool.map(self._look, held) if hit is not None]

    @property
    def count(self) -> int:
        """How many rows the groups have."""
        return sum(hit.rows for hit in self.hits)

    @cached_property
    def identity(self) -> int:
        """The order-free hash of those rows' ids; 0 where rows have none."""
        if not has_identity(self._schema.names):
            return 0
        return row_ids.identity_of(self.rows(ROW_ID))

    def rows(self, columns: Sequence[str] | None = None) -> pa.Table:
        """The groups' rows."""
        return self._read(columns, lambda hit: hit.lies)

    def other_rows(self) -> pa.Table:
        """The rows of other groups in the files that have rows of these."""
        return self._read(None, lambda hit: pc.invert(hit.lies))

    @cached_property
    def _schema(self) -> pa.Schema:
        return schema_of(self.table, self.snapshot)

    def _look(self, file: DataFile) -> Hit | None:
        if self.by is None and not self._may_hold(file, self.keys):
            return None
        if self.by is not None and not self._may_lie(file, self.by):
            return None
        ids = ROW_ID if has_identity(self._schema.names) else ()
        asked = (self.keys.column,) if self.by is None else (*self.by.reads, *ids)
        rows = read_files(self.table, self._schema, [file], list(dict.fromkeys(asked)))
        lies = self.keys.lie_in(rows[self.keys.column]) if self.by is None else self.by.lie(rows)
        count = pc.sum(lies).as_py() or 0
        if not count:
            return None
        return Hit(file, lies, count)

    def _may_hold(self, file: DataFile, keys: Keys) -> bool:
        column = footers.columns(footers.read_footer(file.uri)).get(keys.column)
        return column is None or column.may_hold(keys.ordered, keys.has_null)

    def _may_lie(self, file: DataFile, by: Lies) -> bool:
        """Most files have no row of the groups: of those one column is read, and not decoded."""
        if by.may is None or by.besides is None or self._may_hold(file, by.besides):
            return True
        first = by.reads[0]
        found = read_files(self.table, self._schema, [file], [first])[first]
        return bool(pc.any(by.may(found)).as_py())

    def _read(
        self, columns: Sequence[str] | None, which: Callable[[Hit], pa.ChunkedArray]
    ) -> pa.Table:
        def read(hit: Hit) -> pa.Table:
            rows = read_files(self.table, self._schema, [hit.file], columns)
            return rows.filter(which(hit))

        names = self._schema.names if columns is None else columns
        none = pa.schema([self._schema.field(name) for name in names]).empty_table()
        with ThreadPoolExecutor(_READERS) as pool:
            return pa.concat_tables([none, *pool.map(read, self.hits)])
