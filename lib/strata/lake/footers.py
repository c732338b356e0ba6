"""What a commit says of a Parquet file, taken from the file's own footer.

Spark and Arrow both write footers; so one reader serves every writer, and the log's statistics are
those of the file. Null counts prove NOT NULL, for which Delta's own writer would ask every row
again.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from strata.declare.contract import Contract
from strata.errors import StrataError
from strata.fs import files
from strata.lake.data_file import DataFile

if TYPE_CHECKING:
    from pyarrow.parquet import FileMetaData

_NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"
_READERS = 16
"""Footers read at a time: of an object store each is two requests, which mostly wait."""
_LONGEST = 32
"""Characters of a text that stand in the log, as in Delta's own writer."""
_LAST = "\U0010ffff"
_LAST_MOMENT = datetime.max - timedelta(milliseconds=1)


@dataclass(frozen=True)
class Column:
    """What a footer says of one column, over all row groups."""

    nulls: int | None
    """None where the footer does not count them."""
    low: Any = None
    high: Any = None
    """The smallest and largest value; None where some row group has none."""

    def may_hold(self, ordered: Sequence[Any], or_null: bool) -> bool:
        """Whether one of these values, which are in order, or a NULL may be among the column's."""
        if or_null and self.nulls != 0:
            return True
        if self.low is _Nothing or self.low is None or self.high is None:
            return self.low is not _Nothing
        place = bisect_left(ordered, self.low)
        return place < len(ordered) and bool(ordered[place] <= self.high)


def written(folder: str, contract: Contract, under: str, wanted: Sequence[str]) -> list[DataFile]:
    """The files that Spark's own writer left in `<folder>/<under>`, with rows in them; the others
    are removed.

    `wanted` names the columns with statistics. StrataError where a required column holds a NULL.
    """
    sizes = {
        f"{under}/{name}": size
        for name, size in files.walk(f"{folder}/{under}").items()
        if _is_data(name)
    }

    def look(name: str) -> DataFile:
        metadata = read_footer(f"{folder}/{name}")
        partition = _partition_values(name, contract)
        refuse_nulls(contract, required_nulls(f"{folder}/{name}", metadata, partition, contract))
        return _data_file(name, sizes[name], metadata, wanted, partition)

    with ThreadPoolExecutor(_READERS) as pool:
        found = list(pool.map(look, sorted(sizes)))
    for file in found:
        if not file.rows:
            files.remove(f"{folder}/{file.name}")
    return [file for file in found if file.rows]


def _data_file(
    name: str,
    size: int,
    metadata: FileMetaData,
    wanted: Sequence[str],
    partition: dict[str, str | None],
) -> DataFile:
    now_ms = int(datetime.now(timezone.utc).timestamp() * 1000)
    stats = statistics(metadata, wanted)
    return DataFile(name, size, metadata.num_rows, now_ms, stats, partition)


def statistics(metadata: FileMetaData, wanted: Collection[str]) -> dict[str, Any]:
    """As Delta's log has them: `numRecords`, and of the wanted columns null counts and bounds."""
    found = {name: column for name, column in columns(metadata).items() if name in wanted}
    low = {name: _lower(c.low) for name, c in found.items() if _has_bounds(c)}
    high = {name: _upper(c.high) for name, c in found.items() if _has_bounds(c)}
    nulls = {name: c.nulls for name, c in found.items() if c.nulls is not None}
    stats = {"numRecords": metadata.num_rows, "minValues": low, "maxValues": high}
    return stats | {"nullCount": nulls}


def columns(metadata: FileMetaData) -> dict[str, Column]:
    """Each column that is no list, map or struct, over all row groups."""
    found: dict[str, Column] = {}
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for place in range(group.num_columns):
            chunk = group.column(place)
            if metadata.schema.column(place).max_repetition_level == 0:
                part = _chunk(chunk.statistics, group.num_rows)
                name = chunk.path_in_schema
                found[name] = part if name not in found else _both(found[name], part)
    return found


def _chunk(told: Any, rows: int) -> Column:
    if told is None:
        return Column(None)
    nulls = told.null_count if told.has_null_count else None
    try:
        bounds = (told.min, told.max) if told.has_min_max else (None, None)
    except (ValueError, OverflowError):  # A date that Python's calendar does not have.
        bounds = (None, None)
    # A row group of nothing but nulls has no bounds, and asks for none.
    return Column(nulls, *(bounds if nulls != rows else (_Nothing, _Nothing)))


class _Nothing:
    """The bounds of no value."""


def _both(first: Column, second: Column) -> Column:
    known = first.nulls is not None and second.nulls is not None
    nulls = (first.nulls or 0) + (second.nulls or 0) if known else None
    return Column(nulls, _of(min, first.low, second.low), _of(max, first.high, second.high))


def _of(choose: Any, first: Any, second: Any) -> Any:
    if first is _Nothing or second is _Nothing:
        return second if first is _Nothing else first
    return None if first is None or second is None else choose(first, second)


def _has_bounds(column: Column) -> bool:
    """Not of fractions: a footer leaves NaN out of them, which Spark sorts last, and a decimal has
    no exact number in every reader's JSON. Nor where behind the greatest moment there is no
    millisecond."""
    if isinstance(column.high, datetime) and column.high.replace(tzinfo=None) > _LAST_MOMENT:
        return False
    return all(
        isinstance(bound, (str, int, date)) and not isinstance(bound, bool)
        for bound in (column.low, column.high)
    )


def _lower(value: Any) -> Any:
    if isinstance(value, str):
        return value[:_LONGEST]
    return _moment(value) if isinstance(value, datetime) else _plain(value)


def _upper(value: Any) -> Any:
    """At least the value: a text that is cut gets a character behind which nothing sorts, a moment
    the next millisecond."""
    if isinstance(value, str):
        kept = _LONGEST
        while value[kept : kept + 1] == _LAST:
            kept += 1
        return value if len(value) <= kept else value[:kept] + _LAST
    if isinstance(value, datetime):
        return _moment(value + timedelta(microseconds=-value.microsecond % 1000))
    return _plain(value)


def _moment(value: datetime) -> str:
    text = value.isoformat(timespec="milliseconds")
    return text if value.tzinfo is None else _utc(value)


def _utc(value: datetime) -> str:
    utc = value.astimezone(timezone.utc)
    return utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def required_nulls(
    uri: str, metadata: FileMetaData, partition: Mapping[str, str | None], contract: Contract
) -> list[str]:
    """The required columns of a file that hold a NULL."""
    if not metadata.num_rows:
        return []
    found = columns(metadata)

    def holds_null(name: str) -> bool:
        if name in contract.partition_columns:
            return partition[name] is None
        counted = found[name].nulls if name in found else None
        return bool(_count_nulls(uri, name) if counted is None else counted)

    return [field.name for field in contract.fields if field.required and holds_null(field.name)]


def refuse_nulls(contract: Contract, nulls: Sequence[str]) -> None:
    """StrataError where a file holds a NULL in one of these required columns."""
    if nulls:
        raise StrataError(
            f"a required column holds no NULL; {contract.table}.{nulls[0]} does, though its "
            "suite let the row pass: give the suite a rule that the column is not null",
            table=contract.table,
            column=nulls[0],
        )


def _count_nulls(uri: str, name: str) -> int:
    """Of a list, map or struct, whose footer counts what lies in it; or where nothing is
    counted."""
    from pyarrow import parquet

    with files.open_input(uri) as stream:
        return int(parquet.read_table(stream, columns=[name]).column(name).null_count)


def read_footer(uri: str) -> FileMetaData:
    """What the end of a Parquet file says."""
    from pyarrow import parquet

    with files.open_input(uri) as stream:
        return parquet.read_metadata(stream)


def _is_data(name: str) -> bool:
    """A file of rows: what begins so is a writer's own note, or its work in progress."""
    return name.endswith(".parquet") and not any(part[0] in "_." for part in name.split("/"))


def _partition_values(name: str, contract: Contract) -> dict[str, str | None]:
    told = dict(part.split("=", 1) for part in name.split("/")[:-1] if "=" in part)
    return {
        column: None if told[column] == _NULL_PARTITION else unquote(told[column])
        for column in contract.partition_columns
    }
