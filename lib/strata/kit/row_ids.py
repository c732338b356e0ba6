"""The rows' own ids, hashed without Spark as it hashes them: XXH64 of the file's SHA-256, then of
the record's number with that for a seed.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pyarrow as pa

from strata.kit import keys

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
    """XOR over all rows of their hashes, a signed 64-bit number."""
    return int(np.bitwise_xor.reduce(hashes(files_sha256, records), initial=np.int64(0)))


def hashes(files_sha256: pa.ChunkedArray, records: pa.ChunkedArray) -> np.ndarray:
    """Of each row Spark's `xxhash64(_file_sha256, _record_number)`: a NULL leaves the hash of what
    stands before it.
    """
    texts = files_sha256.combine_chunks().dictionary_encode()
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    known = texts.dictionary.to_pylist()
    each = [xxh64(text.encode(), _SPARK_SEED) for text in known] + [_SPARK_SEED]
    codes = texts.indices.fill_null(len(known)).to_numpy(zero_copy_only=False)
    seeds = np.array(each, dtype=np.uint64)[codes]
    numbers = records.combine_chunks()
    values = np.asarray(numbers.fill_null(0).to_numpy(zero_copy_only=False), dtype=np.int64)
    mixed = _xxh64_long(values.view(np.uint64), seeds)
    told = numbers.is_valid().to_numpy(zero_copy_only=False)
    return np.where(told, mixed, seeds).view(np.int64)


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
