"""What a contract makes of a table: how it is created, which statistics it has, and how its rows
must come.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pyarrow as pa

from strata.declare.contract import Contract, Field, struct_type
from strata.declare.delta_schema import schema_json
from strata.errors import StrataError
from strata.lake.commit import Shape
from strata.lake.log import Snapshot

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def columns_with_statistics(contract: Contract) -> list[str]:
    """The columns by which files are skipped: the key, dates, the order, and the raw file.

    Of every column statistics took a quarter of the time of a wide table's write, and a file that
    holds all of a column's values is skipped by none. Minimum and maximum of a personal column
    would stay in the log, which no later deletion reaches. What a table names here has bounds in
    every file: delta-rs takes bounds that lack for NULL, and its filters would find no row.
    """
    named = {*contract.order_by, "_file_sha256"}
    return [
        f.name
        for f in contract.fields
        if (f.is_key or f.type in ("date", "timestamp") or f.name in named) and _has_order(f)
    ]


def shape_of(contract: Contract) -> Shape:
    """What a contract's table is created as."""
    return Shape(
        json.dumps(schema_json(contract.fields)),
        contract.purpose,
        contract.partition_columns,
        _statistics(contract),
    )


def _statistics(contract: Contract) -> dict[str, str]:
    wanted = columns_with_statistics(contract)
    return (
        {"delta.dataSkippingStatsColumns": ",".join(wanted)}
        if wanted
        else {"delta.dataSkippingNumIndexedCols": "0"}
    )


def _has_order(field: Field) -> bool:
    # Delta refuses to be asked for statistics of partitions, whose values stand in the log anyway,
    # and of some types; `footers` states no bounds of fractions.
    unordered = ("array", "map", "struct", "boolean", "binary", "float", "double", "decimal")
    return not field.is_personal and not field.is_partition and not field.type.startswith(unordered)


def has_columns_of(snapshot: Snapshot, contract: Contract) -> bool:
    """Whether it has the contract's columns in their order, with their types."""
    held = json.loads(snapshot.metadata["schemaString"])["fields"]
    wanted = schema_json(contract.fields)["fields"]
    return [(f["name"], f["type"]) for f in held] == [(f["name"], f["type"]) for f in wanted]


def in_order(frame: DataFrame, contract: Contract) -> DataFrame:
    """Within each task, whose rows are cut into files of so many
    (`spark.sql.files.maxRecordsPerFile`, which a cluster sets itself).
    """
    return frame.sortWithinPartitions(*contract.order_by) if contract.order_by else frame


def sort(table: pa.Table, contract: Contract) -> pa.Table:
    """The rows as `in_order` has those of one task: NULL comes first."""
    import pyarrow.compute as pc

    if not contract.order_by:
        return table
    keys = [(name, "ascending", "at_start") for name in contract.order_by]
    return table.take(pc.sort_indices(table, sort_keys=keys))


def conform(frame: DataFrame, contract: Contract) -> DataFrame:
    """Selects the contract's columns in its order; a missing column or another type is an error.

    `DataFrame.to` would fill a missing column with NULL in silence, so names and types are checked
    first.
    """
    check_columns(frame, contract)
    return frame.select(*contract.columns)


def check_columns(frame: DataFrame, contract: Contract) -> None:
    """StrataError where the frame lacks a column of the contract, or has one of another type."""
    expected = struct_type(contract.fields, enforce_required=False)
    found = {field.name: field.dataType for field in frame.schema}
    problems = [f"{f.name} is missing" for f in expected if f.name not in found]
    problems += [
        f"{f.name} is {found[f.name].simpleString()}, the contract says {f.dataType.simpleString()}"
        for f in expected
        if f.name in found and found[f.name].simpleString() != f.dataType.simpleString()
    ]
    if problems:
        raise StrataError(
            f"the transform of {contract.table} must give the contract's columns: "
            + "; ".join(problems)
        )
