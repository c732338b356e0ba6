"""Reads one Parquet file whole, and tells what is in it: the facts against which its table's log is
held.

Every page's checksum is verified, row groups are read one at a time, and the footer's own
statistics are compared with the data: a reader that skips by them would otherwise give a wrong
answer in silence.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from pyarrow import compute, parquet

from strata.fs import files
from strata.kit import row_ids
from strata.lake import isolated

_CHUNK = 1 << 22
ENDS_READER = "cannot be read: it ends the process that reads it"


@dataclass
class Column:
    """The smallest and largest value of a column, and how many are null."""

    low: Any = None
    high: Any = None
    nulls: int = 0

    def add(self, low: Any, high: Any, nulls: int) -> None:
        """Takes in one more part's bounds and count of NULLs."""
        self.low = low if self.low is None else self.low if low is None else min(self.low, low)
        self.high = (
            high if self.high is None else self.high if high is None else max(self.high, high)
        )
        self.nulls += nulls


@dataclass
class Scan:
    """What a file holds, and what is wrong with it."""

    rows: int = 0
    identity: int = 0
    """Order-free hash of its row ids, as the ledger keeps it for the whole table; 0 where rows have
    none.
    """
    columns: dict[str, Column] = field(default_factory=dict)
    types: dict[str, pa.DataType] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def scan(uri: str) -> Scan:
    """Decodes the whole file, in a process of its own; what cannot be read or does not fit stands
    in `problems`.
    """
    try:
        return isolated.call(_scan, uri)
    except isolated.Ended:
        return Scan(problems=[ENDS_READER])


def _scan(uri: str) -> Scan:
    found = Scan()
    try:
        with files.open_input(uri) as stream:
            file = parquet.ParquetFile(stream, page_checksum_verification=True)
            found.types = {item.name: item.type for item in file.schema_arrow}
            for number in range(file.metadata.num_row_groups):
                _add_group(found, file.metadata.row_group(number), file.read_row_group(number))
            if found.rows != file.metadata.num_rows:
                found.problems.append(
                    f"its footer says {file.metadata.num_rows} rows, it holds {found.rows}"
                )
    except Exception as error:  # Arrow has an error class for each kind of nonsense
        found.problems.append(f"cannot be read: {str(error).partition(chr(10))[0][:200]}")
    return found


def _add_group(found: Scan, footer: Any, group: pa.Table) -> None:
    found.rows += group.num_rows
    if footer.num_rows != group.num_rows:
        found.problems.append(
            f"its footer says {footer.num_rows} rows for a row group of {group.num_rows}"
        )
    stated = {
        footer.column(n).path_in_schema: footer.column(n).statistics
        for n in range(footer.num_columns)
    }
    for name in group.column_names:
        values = group.column(name)
        column = _summary(values)
        found.columns.setdefault(name, Column()).add(column.low, column.high, column.nulls)
        if stated.get(name) is not None:
            found.problems += [
                f"its footer's {what} of {name} are not those of its rows"
                for what in _wrong(stated[name], column)
            ]
    found.identity ^= row_ids.identity_of(group)


def _summary(values: pa.ChunkedArray) -> Column:
    kind, nulls = values.type, values.null_count
    if pa.types.is_nested(kind) or pa.types.is_null(kind):
        return Column(nulls=nulls)
    if pa.types.is_floating(kind):
        # NaN has no place between bounds. The filter drops nulls too, so they are counted before.
        values = values.filter(compute.invert(compute.is_nan(values)))
    bounds = compute.min_max(values).as_py()
    return Column(bounds["min"], bounds["max"], nulls)


def _wrong(stated: Any, column: Column) -> list[str]:
    wrong = []
    if stated.has_null_count and stated.null_count != column.nulls:
        wrong.append("counts of nulls")
    if stated.has_min_max and column.low is not None:
        low, high = _alike(stated.min, column.low), _alike(stated.max, column.high)
        # Bounds that are wider than need be skip nothing wrongly; text may be cut short on purpose.
        if low is not None and high is not None and (low > column.low or high < column.high):
            wrong.append("bounds")
    return wrong


def _alike(stated: Any, value: Any) -> Any:
    """The stated bound as a value of the column's own type; None where they cannot be compared."""
    if isinstance(stated, bytes) and isinstance(value, str):
        return stated.decode("utf-8", "replace")
    if hasattr(value, "tzinfo") and hasattr(stated, "tzinfo"):
        return stated.replace(tzinfo=value.tzinfo)
    return stated if isinstance(stated, type(value)) else None


# --- Hadoop's checksums --------------------------------------------------------------------------

_CHECKSUM_BLOCK = 512  # bytes; Hadoop's own default


def fits_checksum(uri: str, checksum_uri: str) -> bool:
    """Whether a file's bytes are those that Hadoop wrote: CRC-32 of each block, in the `.crc` file
    beside it.

    Local disks have such files, object stores have none.
    """
    sums = files.read_bytes(checksum_uri)
    if sums[:4] != b"crc\0" or len(sums) < 8:
        return False
    (block,) = struct.unpack(">i", sums[4:8])
    return block > 0 and _checksums(uri, block) == sums[8:]


def write_checksums(uri: str) -> None:
    """Writes the `.crc` file that Hadoop would have written beside a file on a local disk, and that
    it asks when it reads.
    """
    folder, _, name = uri.rpartition("/")
    with files.open_output(f"{folder}/.{name}.crc") as stream:
        stream.write(
            b"crc\0" + struct.pack(">i", _CHECKSUM_BLOCK) + _checksums(uri, _CHECKSUM_BLOCK)
        )


def _checksums(uri: str, block: int) -> bytes:
    found = bytearray()
    with files.open_input(uri) as stream:
        while data := stream.read(block * max(1, _CHUNK // block)):
            found += b"".join(
                struct.pack(">I", zlib.crc32(data[at : at + block]))
                for at in range(0, len(data), block)
            )
    return bytes(found)
