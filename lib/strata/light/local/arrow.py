"""Arrow's arrays from numpy's and from texts, and back, by their buffers.

Arrow's own ways of taking a value from Python import pandas, where there is one, to ask whether the
value is its: some 45 MiB and a second for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

NOTHING = pa.nulls(1, pa.string())[0]


def of(values: np.ndarray, is_told: np.ndarray | None = None) -> pa.Array:
    """An array of the same numbers, or truths; NULL where it is not told."""
    there = None if is_told is None else _bits(is_told)
    if values.dtype == bool:
        return pa.Array.from_buffers(pa.bool_(), len(values), [there, _bits(values)])
    kind = {"f8": pa.float64(), "i8": pa.int64(), "i4": pa.int32()}[values.dtype.str[1:]]
    buffers = [there, pa.py_buffer(np.ascontiguousarray(values))]
    return pa.Array.from_buffers(kind, len(values), buffers)


def of_texts(texts: Sequence[str | None]) -> pa.Array:
    """An array of these texts; None is NULL."""
    raw = [(text or "").encode() for text in texts]
    ends = np.zeros(len(raw) + 1, np.int32)
    np.cumsum([len(each) for each in raw], out=ends[1:])
    there = np.array([text is not None for text in texts], bool)
    buffers = [_bits(there), pa.py_buffer(ends), pa.py_buffer(b"".join(raw))]
    return pa.Array.from_buffers(pa.string(), len(raw), buffers)


def repeated(text: str, count: int) -> pa.Array:
    """The same text so many times."""
    return of_texts([text]).take(of(np.zeros(count, np.int32)))


def numbers(array: pa.Array) -> np.ndarray:
    """The numbers of an array, of 32 or 64 bits; what stands for a NULL is undefined."""
    kind = np.dtype(array.type.to_pandas_dtype())
    if not len(array):
        return np.zeros(0, kind)
    return np.frombuffer(array.buffers()[1], kind, len(array), array.offset * kind.itemsize)


def truths(array: pa.Array) -> np.ndarray:
    """The truths of an array without NULL."""
    return _unpacked(array.buffers()[1], array)


def is_told(array: pa.Array) -> np.ndarray:
    """Which places have a value."""
    if not array.null_count:
        return np.ones(len(array), bool)
    return _unpacked(array.buffers()[0], array)


def _bits(values: np.ndarray) -> pa.Buffer:
    return pa.py_buffer(np.packbits(values, bitorder="little"))


def _unpacked(buffer: pa.Buffer | None, array: pa.Array) -> np.ndarray:
    if buffer is None:
        return np.zeros(0, bool)
    bits = np.unpackbits(np.frombuffer(buffer, np.uint8), bitorder="little")
    return bits[array.offset : array.offset + len(array)].astype(bool)
