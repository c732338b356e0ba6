"""Why a figure is what it is, and where a raw record went: every row has its file and record.

A table declares what it is made from and by which columns it is grouped. So the rows behind one of
its rows are those of its inputs that share these columns, and so on down to raw records. Nothing
is computed again; what cannot be told by columns is said to be the whole input.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from strata.declare.contract import archive_name, load_contract, quarantine_name, split_name
from strata.declare.feed import Feed, load_feed
from strata.errors import UsageError
from strata.kit.table import Table
from strata.ledger import publication as ledger
from strata.ledger.publication import FileEntry
from strata.serve.duck import connect
from strata.serve.published import Published

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

PROVENANCE = ("_file_sha256", "_record_number")
_FEW = 12


@dataclass(frozen=True)
class Step:
    """Rows of one table that stand behind the rows of the step before."""

    table: str
    version: int
    rows: int
    total: int
    """How many rows the table has in all."""
    by: tuple[str, ...]
    """The columns by which they were found; () where the whole table stands behind it."""
    keys: tuple[dict[str, Any], ...]
    """The keys of the first few."""
    files: tuple[tuple[str, tuple[int, ...], int], ...]
    """For bronze: (file, first record numbers, how many)."""
    inputs: tuple[Step, ...]


@dataclass(frozen=True)
class Fate:
    """What became of a raw record in one table."""

    table: str
    outcome: str
    """`accepted`, `quarantined` or `folded`."""
    detail: str


def figure(published: Published, name: str, values: dict[str, str]) -> tuple[dict[str, Any], Step]:
    """One row of a table and the steps down to its raw records.

    UsageError where the values name no row, or more than one.
    """
    feed = load_feed(split_name(name)[1])
    with _Rows(published) as rows:
        own = rows.matching(name, values)
        _assert_one(own, name, values)
        whole: dict[str, Any] = own.to_pylist()[0]
        # A column may be younger than what is published.
        columns = [name for name in load_contract(name).business_columns if name in whole]
        step = _step(rows, feed, name, own, tuple(values), set())
        return {column: whole[column] for column in columns}, step


def _assert_one(found: pa.Table, name: str, values: dict[str, str]) -> None:
    if not found.num_rows:
        told = ", ".join(f"{column}={text}" for column, text in values.items())
        raise UsageError(
            f"no row of {name} has {told}; `strata show {name} --limit 0` lists its rows"
        )
    if found.num_rows > 1:
        raise UsageError(
            f"one row is explained at a time; {found.num_rows} rows of {name} match: "
            f"give its key, {_key(name)}, as COLUMN=VALUE"
        )


def _key(name: str) -> str:
    """What names one row; a record of bronze has no key but its place."""
    return ", ".join(load_contract(name).key or PROVENANCE)


def _step(
    rows: _Rows, feed: Feed, name: str, found: pa.Table, by: tuple[str, ...], seen: set[str]
) -> Step:
    table = rows.published.table(name)
    contract = load_contract(name)
    is_bronze = name.startswith("bronze.")
    inputs = () if is_bronze else _inputs(rows, feed, name, found, seen)
    keys = found.select(list(contract.key)).slice(0, _FEW).to_pylist() if contract.key else []
    return Step(
        name, table.version, found.num_rows, rows.total(name), by, tuple(keys),
        _files(found) if is_bronze else (), inputs,
    )  # fmt: skip


def _inputs(
    rows: _Rows, feed: Feed, name: str, found: pa.Table, seen: set[str]
) -> tuple[Step, ...]:
    """The inputs' rows, driving inputs first: the others are referred to from these."""
    declared = load_feed(split_name(name)[1]).table(name)
    driving = declared.driving_inputs
    steps: list[Step] = []
    siblings: list[tuple[str, pa.Table]] = []
    for source in sorted(declared.inputs, key=lambda item: item not in driving):
        if source not in rows.published or source in seen:
            continue
        seen.add(source)
        columns, behind = _behind(rows, declared, source, found, siblings)
        if source in driving:
            siblings.append((source, behind))
        steps.append(_step(rows, feed, source, behind, columns, seen))
    return tuple(steps)


def _behind(
    rows: _Rows, table: Table, source: str, found: pa.Table, siblings: list[tuple[str, pa.Table]]
) -> tuple[tuple[str, ...], pa.Table]:
    """The rows of an input behind those found, by the first columns that lead to any."""
    first: tuple[tuple[str, ...], pa.Table] | None = None
    for columns, against in _links(table, source, found, siblings):
        if set(columns) <= set(against.column_names) & set(load_contract(source).columns):
            behind = rows.behind(source, against, columns)
            first = first or (columns, behind)
            if behind.num_rows:
                return columns, behind
    return first or ((), rows.behind(source, found, ()))


def _links(
    table: Table, source: str, found: pa.Table, siblings: list[tuple[str, pa.Table]]
) -> list[tuple[tuple[str, ...], pa.Table]]:
    """(columns, rows that have them), the closest first."""
    contract = load_contract(source)
    links: list[tuple[tuple[str, ...], pa.Table]] = []
    if source in table.driving_inputs:
        own = (*load_contract(table.name).key, *table.group)
        shared = tuple(dict.fromkeys(name for name in own if name in contract.columns))
        links += [(PROVENANCE, found), (shared, found)]
    else:
        reference = table.via.get(source)
        links += [(reference.by, other) for _, other in siblings if reference]
        links += [(table.group, found)]
        links += [(load_contract(sibling).key, other) for sibling, other in siblings]
        links += [(contract.key, other) for _, other in siblings]
    links += [(contract.key, found)]
    return [link for link in links if link[0]]


def _files(found: pa.Table) -> tuple[tuple[str, tuple[int, ...], int], ...]:
    by_file: dict[str, list[int]] = {}
    for row in found.select(["_source_file", "_record_number"]).to_pylist():
        by_file.setdefault(row["_source_file"], []).append(row["_record_number"])
    return tuple(
        (file, tuple(sorted(numbers)[:_FEW]), len(numbers))
        for file, numbers in sorted(by_file.items())
    )


class _Rows:
    """Finds rows of published tables by DuckDB, which compares types as SQL does."""

    def __init__(self, published: Published) -> None:
        self.published = published
        self._connection: duckdb.DuckDBPyConnection = connect()

    def __enter__(self) -> _Rows:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def matching(self, name: str, values: dict[str, str]) -> pa.Table:
        """The rows whose columns have these values, given as text."""
        columns = self.published.table(name).schema.names
        if not values:
            raise UsageError(
                f"a row of {name} is named by its key: give {_key(name)} as COLUMN=VALUE"
            )
        if strange := sorted(set(values) - set(columns)):
            raise UsageError(
                f"a row of {name} is named by its columns; {strange[0]} is none of them: "
                f"its key is {_key(name)}"
            )
        where = " AND ".join(
            f'"{column}" IS NOT DISTINCT FROM ?' if text else f'"{column}" IS NULL'
            for column, text in values.items()
        )
        return self._ask(
            f"SELECT * FROM {self._all(name)} WHERE {where}", [v for v in values.values() if v]
        )

    def behind(self, name: str, found: pa.Table, by: tuple[str, ...]) -> pa.Table:
        """The rows of a table that share these columns with the rows found; all where none."""
        every = self._all(name)
        if not by:
            return self._ask(f"SELECT * FROM {every}", [])
        self._connection.register("rows_found", found.select(list(by)))
        same = " AND ".join(f'a."{c}" IS NOT DISTINCT FROM b."{c}"' for c in by)
        wanted = "SELECT DISTINCT * FROM rows_found"
        return self._ask(f"SELECT a.* FROM {every} a SEMI JOIN ({wanted}) b ON {same}", [])

    def total(self, name: str) -> int:
        """How many rows the table has, archived ones too."""
        tables = (name, archive_name(name))
        return sum(self.published.table(n).rows for n in tables if n in self.published)

    def _all(self, name: str) -> str:
        """The table's rows for a FROM clause, with those of raw days that lie in its archive."""
        self._connection.register("rows_standing", self.published.table(name).dataset())
        if (archived := archive_name(name)) not in self.published:
            return "rows_standing"
        self._connection.register("rows_archived", self.published.table(archived).dataset())
        own = ", ".join(f'"{column}"' for column in self.published.table(name).schema.names)
        rest = f"SELECT {own} FROM rows_archived"
        return f"(SELECT {own} FROM rows_standing UNION ALL {rest})"

    def _ask(self, text: str, values: list[Any]) -> pa.Table:
        import duckdb

        try:
            return self._connection.sql(text, params=values).to_arrow_table()
        except duckdb.Error as error:
            first = str(error).splitlines()[0][:300]
            raise UsageError(f"the row cannot be looked up: {first}") from None


# --- where a record went -------------------------------------------------------------------------


def record(published: Published, file: str, number: int) -> tuple[FileEntry, list[Fate]]:
    """The file that is meant, and what became of one of its records in each table that reads it.

    `file` is the end of a path, or the beginning of a SHA-256. UsageError where no file, or more
    than one, is meant, or it has no such record.
    """
    feed, entry = _entry(published, file)
    if entry.status != "taken":
        return entry, [Fate("", entry.status, entry.detail)]
    with _Rows(published) as rows:
        place = {"_file_sha256": entry.sha256, "_record_number": str(number)}
        raw = rows.matching(entry.table, place)
        if not raw.num_rows:
            return entry, [_fate_in_bronze(rows, entry, number, place)]
        fates = [Fate(entry.table, "accepted", f"as record {number}")]
        for table in feed.tables:
            if entry.table in table.driving_inputs and table.name in published:
                fates.append(_fate(rows, table, raw, place))
        return entry, fates


def _entry(published: Published, file: str) -> tuple[Feed, FileEntry]:
    found = [
        (name, entry)
        for name in published.publications
        for publication in ledger.lineage(published.ledger(name))
        for entry in publication.files
        if f"/{name}/{entry.source}/{entry.path}".endswith(f"/{file.lstrip('/')}")
        or (len(file) >= 6 and entry.sha256.startswith(file))
    ]
    taken = [item for item in found if item[1].status == "taken"] or found
    if len(taken) != 1:
        raise UsageError(
            f"--record is FILE:NUMBER, with one file of the ledger; {len(taken)} match {file!r}: "
            'give more of its path or SHA-256; `strata sql "select * from ops.files"` lists them'
        )
    name, entry = taken[0]
    return load_feed(name), entry


def _fate_in_bronze(rows: _Rows, entry: FileEntry, number: int, place: dict[str, str]) -> Fate:
    """Of a record that bronze has not; UsageError where the file has none of this number."""
    if reasons := _reasons(rows, entry.table, place):
        return Fate(entry.table, "quarantined", reasons)
    if not 1 <= number <= entry.records:
        raise UsageError(
            f"records are numbered from 1; {entry.path} has {entry.records}, not {number}"
        )
    return Fate(entry.table, "folded", "no row of it is kept; `strata gates` has the reasons")


def _reasons(rows: _Rows, table: str, place: dict[str, str]) -> str:
    """Why the record waits in the table's quarantine; empty where it does not."""
    rejected = quarantine_name(table)
    if rejected not in rows.published:
        return ""
    waiting = rows.matching(rejected, place).to_pylist()
    return "; ".join(dict.fromkeys(reason for row in waiting for reason in row["_reasons"]))


def _fate(rows: _Rows, table: Table, raw: pa.Table, place: dict[str, str]) -> Fate:
    own = rows.published.table(table.name).schema.names
    if not set(PROVENANCE) <= set(own):
        return Fate(table.name, "accepted", "counted in its sums")
    accepted = rows.matching(table.name, place)
    if accepted.num_rows:
        key = load_contract(table.name).key
        told = [", ".join(f"{k} {row[k]}" for k in key) for row in accepted.slice(0, 3).to_pylist()]
        more = f" and {accepted.num_rows - 3} more" if accepted.num_rows > 3 else ""
        return Fate(table.name, "accepted", "; ".join(told) + more)
    if reasons := _reasons(rows, table.name, place):
        return Fate(table.name, "quarantined", reasons)
    return Fate(table.name, "folded", _survivor(rows, table, raw))


def _survivor(rows: _Rows, table: Table, raw: pa.Table) -> str:
    """The accepted record with the same content, or else with the same key as it arrived."""
    bronze = table.driving_inputs[0]
    contract = load_contract(bronze)
    alike = [contract.business_columns, load_contract(table.name).key]
    for columns in alike:
        shared = tuple(c for c in columns if c in raw.column_names)
        if not shared or len(shared) < len(columns):
            continue
        same = rows.behind(bronze, raw, shared)
        kept = rows.behind(table.name, same, PROVENANCE)
        if kept.num_rows:
            row = kept.to_pylist()[0]
            files = rows.behind(bronze, kept, PROVENANCE).to_pylist()
            return f"into record {row['_record_number']} of {files[0]['_source_file']}"
    return "into another record of its key; `strata gates` has the reasons"
