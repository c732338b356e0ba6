"""Arrow and Python's values, without pandas: Arrow's own conversions import it, which takes a tenth
of a run that finds nothing new.
"""

from __future__ import annotations

import struct
from datetime import datetime, timedelta, timezone
from typing import Any

import pyarrow as pa

_EPOCH = datetime(1970, 1, 1)


def constant(value: int | str) -> pa.Scalar:
    """The value as Arrow's, made from its bytes."""
    if isinstance(value, str):
        text = value.encode()
        offsets = pa.py_buffer(struct.pack("=2i", 0, len(text)))
        return pa.StringArray.from_buffers(1, offsets, pa.py_buffer(text))[0]
    return pa.Array.from_buffers(pa.int64(), 1, [None, pa.py_buffer(struct.pack("=q", value))])[0]


def rows(table: pa.Table) -> list[dict[str, Any]]:
    """The rows as Python has them. A moment with a zone is in UTC, which Delta's timestamps are."""
    moments = {
        field.name: timezone.utc if field.type.tz else None
        for field in table.schema
        if pa.types.is_timestamp(field.type)
    }
    for name, zone in moments.items():
        whole = table[name].cast(pa.timestamp("us", "UTC" if zone else None)).cast(pa.int64())
        table = table.set_column(table.schema.get_field_index(name), name, whole)
    found: list[dict[str, Any]] = table.to_pylist()
    for row in found:
        for name, zone in moments.items():
            if row[name] is not None:
                moment = _EPOCH + timedelta(microseconds=row[name])
                row[name] = moment.replace(tzinfo=zone)
    return found
