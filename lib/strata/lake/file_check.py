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

import numpy as np
import pyarrow as pa
from pyarrow import compute, parquet

from strata.fs import files
from strata.kit import keys
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
    if keys.has_identity(group.column_names):
        found.identity ^= identity(*(group.column(name) for name in keys.ROW_ID))


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


# --- row ids -------------------------------------------------------------------------------------

_MASK = (1 << 64) - 1
_P1, _P2, _P3, _P4, _P5 = (
    0x9E3779B185EBCA87,
    0xC2B2AE3D27D4EB4F,
    0x165667B19E3779F9,
    0x85EBCA77C2B2AE63,
    0x27D4EB2F165667C5,
)
_SPARK_SEED = 42


def identity_of(rows: pa.Table) -> int:
    """The order-free hash of the rows' ids, as `kit.keys.identity`; 0 where they have none."""
    has_ids = keys.has_identity(rows.column_names)
    return identity(*(rows[name] for name in keys.ROW_ID)) if has_ids else 0


def identity(files_sha256: pa.ChunkedArray, records: pa.ChunkedArray) -> int:
    """XOR over all rows of Spark's `xxhash64(_file_sha256, _record_number)`, a signed 64-bit
    number.
    """
    hashes = files_sha256.combine_chunks().dictionary_encode()
    if isinstance(hashes, pa.ChunkedArray):
        hashes = hashes.combine_chunks()
    seeds = np.array(
        [xxh64(text.encode(), _SPARK_SEED) for text in hashes.dictionary.to_pylist()] or [0],
        dtype=np.uint64,
    )
    codes = hashes.indices.fill_null(0).to_numpy(zero_copy_only=False)
    numbers = records.combine_chunks().fill_null(0).to_numpy(zero_copy_only=False)
    mixed = _xxh64_long(np.asarray(numbers, dtype=np.int64).view(np.uint64), seeds[codes])
    return (
        int(np.bitwise_xor.reduce(mixed, initial=np.uint64(0)).astype(np.int64))
        if len(mixed)
        else 0
    )


def _xxh64_long(values: Any, seeds: Any) -> Any:
    """XXH64 of each 8-byte value, each with its own seed
    (https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md).
    """
    with np.errstate(over="ignore"):
        p1, p2, p3, p4, p5 = (np.uint64(p) for p in (_P1, _P2, _P3, _P4, _P5))
        h = seeds + p5 + np.uint64(8)
        h ^= _rotate(values * p2, 31) * p1
        h = _rotate(h, 27) * p1 + p4
        h = (h ^ (h >> np.uint64(33))) * p2
        h = (h ^ (h >> np.uint64(29))) * p3
        return h ^ (h >> np.uint64(32))


def _rotate(values: Any, by: int) -> Any:
    return (values << np.uint64(by)) | (values >> np.uint64(64 - by))


def xxh64(data: bytes, seed: int) -> int:
    """XXH64 of some bytes, by the same specification."""
    size, at = len(data), 0
    if size >= 32:
        lanes = [(seed + _P1 + _P2) & _MASK, (seed + _P2) & _MASK, seed, (seed - _P1) & _MASK]
        while at <= size - 32:
            lanes = [
                _round(lane, word)
                for lane, word in zip(lanes, struct.unpack_from("<4Q", data, at), strict=True)
            ]
            at += 32
        h = sum(_rotl(lane, by) for lane, by in zip(lanes, (1, 7, 12, 18), strict=True)) & _MASK
        for lane in lanes:
            h = ((h ^ _round(0, lane)) * _P1 + _P4) & _MASK
    else:
        h = (seed + _P5) & _MASK
    h = (h + size) & _MASK
    while at <= size - 8:
        h = (_rotl(h ^ _round(0, struct.unpack_from("<Q", data, at)[0]), 27) * _P1 + _P4) & _MASK
        at += 8
    if at <= size - 4:
        h = (
            _rotl(h ^ (struct.unpack_from("<I", data, at)[0] * _P1 & _MASK), 23) * _P2 + _P3
        ) & _MASK
        at += 4
    for byte in data[at:]:
        h = _rotl(h ^ (byte * _P5 & _MASK), 11) * _P1 & _MASK
    h = ((h ^ (h >> 33)) * _P2) & _MASK
    h = ((h ^ (h >> 29)) * _P3) & _MASK
    return h ^ (h >> 32)


def _round(lane: int, word: int) -> int:
    return _rotl((lane + word * _P2) & _MASK, 31) * _P1 & _MASK


def _rotl(value: int, by: int) -> int:
    return ((value << by) | (value >> (64 - by))) & _MASK


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
