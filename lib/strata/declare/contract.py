"""Contracts: what each table holds, read from `schemas/` (Open Data Contract Standard v3).

The qualified table name is the path of its contract: `silver.soil_sites` is
`schemas/silver/soil_sites.yaml`. There is no registry. Reading a contract needs no Spark.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strata.declare import known, resources
from strata.declare.delta_schema import schema_json
from strata.declare.documents import read_yaml
from strata.errors import DeclarationError, UsageError

if TYPE_CHECKING:
    from strata.declare import shapes

LAYERS = ("bronze", "silver", "gold")

_TYPES = re.compile(
    r"string|double|float|bigint|int|smallint|boolean|date|timestamp|timestamp_ntz|binary"
    r"|decimal\(\d{1,2},\d{1,2}\)|array<.+>|struct<.+>|map<.+>"
)
_ORDERABLE = ("date", "timestamp", "string", "int", "bigint")


@dataclass(frozen=True)
class Field:
    """One column of a contract."""

    name: str
    type: str
    """The Spark SQL type, e.g. `double` or `decimal(18,2)`."""
    description: str
    required: bool = False
    """No accepted row may hold NULL here; its suite has a rule for it, and Delta enforces it on the
    table as made.
    """
    unit: str | None = None
    is_key: bool = False
    is_personal: bool = False
    is_provenance: bool = False
    """Tells where a row came from; left out when two tables are compared."""
    is_partition: bool = False


@dataclass(frozen=True)
class Contract:
    """What one table holds."""

    table: str
    purpose: str
    grain: str
    fields: tuple[Field, ...]
    allow_empty: bool = False
    """Whether the table may be published without a single row."""
    order_by: tuple[str, ...] = ()
    """Each of its files holds a stretch of this order, as far as the rows of one task make one: who
    asks for some days reads few.
    """

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that identify a row; () = none do."""
        return tuple(field.name for field in self.fields if field.is_key)

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column, in the order of the contract."""
        return tuple(field.name for field in self.fields)

    @property
    def business_columns(self) -> tuple[str, ...]:
        """The columns by which two copies of the table are compared."""
        return tuple(field.name for field in self.fields if not field.is_provenance)

    @property
    def partition_columns(self) -> tuple[str, ...]:
        """The columns by which the files are laid out in folders."""
        return tuple(field.name for field in self.fields if field.is_partition)


# What the reader and the engine know of every raw record; part of every bronze contract.
BRONZE_PROVENANCE = (
    Field("_file_sha256", "string", "SHA-256 of the raw file", True, is_provenance=True),
    Field(
        "_source_file",
        "string",
        "Path of the raw file below <raw>/<feed>",
        True,
        is_provenance=True,
    ),
    Field(
        "_record_number",
        "bigint",
        "Number of the record in its file, from 1",
        True,
        is_provenance=True,
    ),
    Field(
        "_layout", "string", "Source contract by which the file was read", True, is_provenance=True
    ),
    Field(
        "_delivery_date",
        "date",
        "From a `delivery=YYYY-MM-DD` part of the path",
        is_provenance=True,
    ),
    Field(
        "_extra", "string", "JSON of the fields that the layout does not name", is_provenance=True
    ),
    Field("_raw_record", "string", "Whole text of a record that did not parse", is_provenance=True),
    Field("_run_id", "string", "Run that read the record", True, is_provenance=True),
    Field("_ingested_at", "timestamp", "When that run read it, UTC", True, is_provenance=True),
)


def split_name(table: str) -> tuple[str, str, str]:
    """`silver.soil_sites` → (`silver`, `soil`, `sites`)."""
    match = re.fullmatch(r"(bronze|silver|gold)\.([a-z0-9]+)_([a-z0-9_]+)", table)
    if not match:
        raise UsageError(f"a table is named layer.feed_noun, e.g. silver.soil_sites; got {table!r}")
    return match[1], match[2], match[3]


def contract_path(table: str) -> Path:
    """Where the contract of the table stands, or should."""
    layer, feed, noun = split_name(table)
    return resources.find("schemas", f"{layer}/{feed}_{noun}.yaml")


def grain_of(table: str) -> str:
    """What one row of the table is, taken from its contract unchecked: to list many tables."""
    return str(read_yaml(contract_path(table))["schema"][0]["dataGranularityDescription"])


@cache
def load_contract(table: str) -> Contract:
    """The contract of `table`; a DeclarationError lists every rule that the file breaks."""
    path = contract_path(table)
    if not path.is_file():
        raise DeclarationError(f"every table has a contract; {table} has none at {path}: write it")
    told = known.recall(
        f"contract {table}", lambda: asdict(parse_contract(table, read_yaml(path), path))
    )
    fields = tuple(Field(**own) for own in told["fields"])
    return Contract(**{**told, "fields": fields, "order_by": tuple(told["order_by"])})


def parse_contract(table: str, document: dict[str, Any], path: Path) -> Contract:
    """The contract that a document states; a DeclarationError lists every rule that it breaks."""
    from strata.declare import mistakes, shapes  # Pydantic takes a quarter of a second to import.

    layer, _, _ = split_name(table)
    findings: list[str] = []
    shape = mistakes.read_shape(shapes.TableContract, document, findings)
    if shape is None:
        raise DeclarationError(f"{path}: " + "; ".join(findings), findings=findings)
    if shape.id != table:
        findings.append(f"id must be {table}; found {shape.id!r}")
    holder = shape.objects[0]
    fields = tuple(_field(column, findings) for column in holder.properties)
    if layer == "bronze":
        fields += BRONZE_PROVENANCE
    _check_fields(fields, layer, findings)
    options = holder.customProperties
    _check_order(options.orderBy, fields, layer, findings)
    if findings:
        raise DeclarationError(f"{path}: " + "; ".join(findings), findings=findings)
    return Contract(
        table=table,
        purpose=shape.description.purpose,
        grain=holder.dataGranularityDescription,
        fields=fields,
        allow_empty=options.allowEmpty,
        order_by=tuple(options.orderBy),
    )


def _check_order(
    order_by: list[str], fields: tuple[Field, ...], layer: str, findings: list[str]
) -> None:
    """Bounds of the columns stand in the log, for which a personal value is not."""
    orderable = {
        field.name
        for field in fields
        if not (field.is_personal or field.is_partition) and field.type in _ORDERABLE
    }
    if order_by and layer == "bronze":
        findings.append(
            "orderBy is for silver and gold; a bronze table has the order of its raw files"
        )
    if not set(order_by) <= orderable:
        findings.append(
            "orderBy must list columns of dates, text or whole numbers, neither personal nor "
            f"partitions; found {order_by!r}"
        )


def _field(column: shapes.Column, findings: list[str]) -> Field:
    kind = column.physicalType or column.logicalType
    if not _TYPES.fullmatch(kind):
        findings.append(f"{column.name}: physicalType {kind!r} is not a Spark SQL type")
    return Field(
        name=column.name,
        type=kind,
        description=column.description,
        required=column.required,
        unit=column.customProperties.unit,
        is_key=column.primaryKey,
        is_personal=column.classification == "personal",
        is_provenance="provenance" in column.tags,
        is_partition=column.partitioned,
    )


def _check_fields(fields: tuple[Field, ...], layer: str, findings: list[str]) -> None:
    names = [field.name for field in fields]
    findings += [
        f"column {name} stands twice" for name in sorted(set(names)) if names.count(name) > 1
    ]
    findings += [
        f"{field.name}: a column that starts with _ must be tagged provenance"
        for field in fields
        if field.name.startswith("_") and not field.is_provenance
    ]
    findings += [
        f"{field.name}: a key must be required"
        for field in fields
        if field.is_key and not field.required
    ]
    if layer != "bronze" and not any(field.is_key for field in fields):
        findings.append("a silver or gold table has a primary key; none is marked")


def struct_type(fields: tuple[Field, ...], enforce_required: bool = True) -> Any:
    """The Spark StructType of `fields`, with descriptions as column comments."""
    from pyspark.sql.types import StructType

    return StructType.fromJson(schema_json(fields, enforce_required))


REASONS = Field("_reasons", "array<string>", "Every rule that the row breaks", is_provenance=True)


def quarantine_name(table: str) -> str:
    """`silver.soil_sites` → `quarantine.silver_soil_sites`."""
    return "quarantine." + table.replace(".", "_")


DAY = Field("_day", "date", "The day by which the record is archived", True, is_provenance=True)


def archive_name(table: str) -> str:
    """`bronze.fleet_events` → `archive.bronze_fleet_events`."""
    return "archive." + table.replace(".", "_")


def archive_contract(contract: Contract) -> Contract:
    """The columns of a bronze table, and the day of each record, in the order of their days, and
    within a day in that of the first two columns: like rows compress well.
    """
    return Contract(
        table=archive_name(contract.table),
        purpose=f"Rows of {contract.table} whose days have left it.",
        grain=contract.grain,
        fields=(*contract.fields, DAY),
        allow_empty=True,
        order_by=(DAY.name, *contract.business_columns[:2]),
    )


def quarantine_contract(contract: Contract) -> Contract:
    """The table's columns, all of them nullable, and the reasons: a rejected row whole."""
    nullable = tuple(
        Field(
            f.name,
            f.type,
            f.description,
            unit=f.unit,
            is_personal=f.is_personal,
            is_provenance=f.is_provenance,
        )
        for f in contract.fields
    )
    return Contract(
        table=quarantine_name(contract.table),
        purpose=f"Rows that {contract.table} rejected, each once.",
        grain="one row per rejected row",
        fields=(*nullable, REASONS),
        allow_empty=True,
    )
