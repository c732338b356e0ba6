"""A file's columns held against its table's: one flipped bit of a footer makes seconds of
microseconds, or gives a column or a field of a struct another name, whose values are NULL then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pyarrow as pa

from strata.errors import Damaged

if TYPE_CHECKING:
    from pyarrow import dataset as ds

_READERS = 16
"""Footers read at a time: of an object store each is a request, which mostly waits."""


def strange_columns(wanted: pa.Schema, found: Mapping[str, pa.DataType]) -> list[str]:
    """Each column of a file that its table has not, or has with another type, as a sentence."""
    names = set(wanted.names)
    return [
        f"it has a column {name!r}, which its table lacks"
        if name not in names
        else f"its column {name} is {kind}, the table's is {wanted.field(name).type}"
        for name, kind in found.items()
        if name not in names or not is_stored_as(wanted.field(name).type, kind)
    ]


def is_stored_as(wanted: pa.DataType, kind: pa.DataType) -> bool:
    """Whether a file's type is the table's, throughout lists, maps and structs."""
    if pa.types.is_timestamp(wanted):
        # INT96, as Spark writes it unless told otherwise, is nanoseconds without a zone to Arrow.
        is_int96 = pa.types.is_timestamp(kind) and (kind.unit, kind.tz) == ("ns", None)
        return bool(is_int96 or (kind == wanted))
    if pa.types.is_map(wanted):
        return pa.types.is_map(kind) and _all_stored_as(
            ((wanted.key_type, kind.key_type), (wanted.item_type, kind.item_type))
        )
    if pa.types.is_list(wanted):
        return pa.types.is_list(kind) and is_stored_as(wanted.value_type, kind.value_type)
    if pa.types.is_struct(wanted):
        # A file older than one of the fields lacks it.
        return pa.types.is_struct(kind) and all(
            wanted.get_field_index(field.name) >= 0
            and is_stored_as(wanted.field(field.name).type, field.type)
            for field in kind
        )
    return bool(kind == wanted)


def _all_stored_as(pairs: Iterable[tuple[pa.DataType, pa.DataType]]) -> bool:
    return all(is_stored_as(wanted, kind) for wanted, kind in pairs)


def assert_columns(table: str, whole: ds.Dataset) -> None:
    """Damaged where a file of a version has other columns than its table: read on, and the table's
    own would be NULL throughout, or other values.
    """

    def look(fragment: ds.Fragment) -> None:
        assert_file_columns(table, whole.schema, fragment.path, fragment.physical_schema)

    with ThreadPoolExecutor(_READERS) as pool:
        list(pool.map(look, whole.get_fragments()))


def assert_file_columns(table: str, wanted: pa.Schema, path: str, found: pa.Schema) -> None:
    """The same of one file, by the columns that its footer gives."""
    told = {field.name: field.type for field in found if not _reads_right(field, wanted)}
    strange = strange_columns(wanted, told)
    if strange:
        raise Damaged(
            f"a file has its table's columns; {path} of {table} has not: {strange[0]}: "
            "see `strata doctor`",
            table=table,
            file=path,
        )


def _reads_right(field: pa.Field, wanted: pa.Schema) -> bool:
    """Whether the values are the table's, though the type is not: text that a footer calls bytes,
    and INT96, which is read as microseconds here, but without a zone.
    """
    place = wanted.get_field_index(field.name)
    pair = (wanted.field(place).type, field.type) if place >= 0 else None
    int96 = (pa.timestamp("us", "UTC"), pa.timestamp("us"))
    return pair in ((pa.string(), pa.binary()), int96)
