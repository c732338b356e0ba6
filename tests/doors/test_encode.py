"""What COPY is given in binary is what stands in the database, for every type and its extremes."""

from __future__ import annotations

import math
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa
from strata.serve.postgres.changes import Change
from strata.serve.postgres.encode import HEAD, TAIL, as_binary, has_binary
from strata.serve.postgres.server import Server
from strata.serve.postgres.spill import spill
from strata.serve.postgres.targets import SHOP

COLUMNS = {
    "name": ("text", pa.string()),
    "day": ("date", pa.date32()),
    "at": ("timestamptz", pa.timestamp("us", "UTC")),
    "small": ("smallint", pa.int16()),
    "whole": ("integer", pa.int32()),
    "large": ("bigint", pa.int64()),
    "ratio": ("double precision", pa.float64()),
    "near": ("real", pa.float32()),
    "is_so": ("boolean", pa.bool_()),
    "raw": ("bytea", pa.binary()),
    "price": ("numeric(12,4)", pa.decimal128(12, 4)),
    "revenue": ("numeric(18,2)", pa.decimal128(18, 2)),
    "count": ("numeric(18,0)", pa.decimal128(18, 0)),
    "share": ("numeric(5,5)", pa.decimal128(5, 5)),
}
ROWS: list[tuple[Any, ...]] = [
    (
        "",
        date(1, 1, 1),
        datetime(1970, 1, 1, tzinfo=timezone.utc),
        -32768,
        -(2**31),
        -(2**63),
        -math.inf,
        0.5,
        False,
        b"",
        Decimal("-99999999.9999"),
        Decimal("-9999999999999999.99"),
        Decimal("-999999999999999999"),
        Decimal("-0.99999"),
    ),
    (
        "\\. ',\t\n\u00e9\U0001f375",
        date(9999, 12, 31),
        datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=timezone.utc),
        32767,
        2**31 - 1,
        2**63 - 1,
        0.1,
        -0.25,
        True,
        b"\x00\xff",
        Decimal("0.0001"),
        Decimal("10000.10"),
        Decimal("100000000"),
        Decimal("0.00010"),
    ),
    ("NULL", *[None] * 13),
    (None, *[None] * 13),
    (
        "zero",
        date(2000, 1, 1),
        datetime(2000, 1, 1, tzinfo=timezone.utc),
        0,
        0,
        0,
        -0.0,
        0.0,
        True,
        b"0",
        Decimal("0.0000"),
        Decimal("0.00"),
        Decimal("0"),
        Decimal("0.00000"),
    ),
]


def test_every_type_arrives_as_it_is(cluster: Server) -> None:
    schema = pa.schema([(name, kind) for name, (_, kind) in COLUMNS.items()])
    assert has_binary(schema)
    assert not has_binary(pa.schema([("long", pa.decimal128(38, 4))])), "64 bits hold 18 digits"
    assert not has_binary(pa.schema([("list", pa.list_(pa.string()))]))
    whole = pa.RecordBatch.from_pylist(
        [dict(zip(COLUMNS, row, strict=True)) for row in ROWS], schema
    )
    encoded = as_binary(whole)
    # A part of a batch, and rows of an encoded one, as months are cut.
    parts = [HEAD, encoded.rows(0, 1), as_binary(whole.slice(1, 2)).data, encoded.rows(3, 5), TAIL]
    with psycopg.connect(cluster.url("owner")) as connection:
        kinds = ", ".join(f'"{name}" {kind}' for name, (kind, _) in COLUMNS.items())
        connection.execute(f"CREATE TEMPORARY TABLE told (row_number serial, {kinds})")
        names = ", ".join(f'"{name}"' for name in COLUMNS)
        with connection.cursor().copy(f"COPY told ({names}) FROM STDIN (FORMAT binary)") as copy:
            for part in parts:
                copy.write(part)
        connection.execute("SET TIME ZONE 'UTC'")
        found = connection.execute(f"SELECT {names} FROM told ORDER BY row_number").fetchall()
    assert found == ROWS


def test_a_month_goes_on_as_soon_as_no_later_file_can_hold_a_row_of_it() -> None:
    orders = next(target for target in SHOP if target.name == "shop.orders")
    days = {
        "b": [date(2024, 2, 28), date(2024, 3, 1)],
        "a": [date(2024, 1, 5), date(2024, 2, 1)],
        "unknown": [date(2024, 3, 31), date(2024, 1, 31)],
        "last": [date(9999, 12, 31)],
    }
    spans = {name: (min(own), max(own)) for name, own in days.items()} | {"unknown": None}

    class Files:
        """A published table, of these files."""

        sources = days

        def batches(self, name: str) -> list[pa.RecordBatch]:
            rows = [{"order_id": f"{name}{day}", "order_date": day} for day in days[name]]
            return [pa.RecordBatch.from_pylist(rows, orders.schema)]

    steps = [
        ({month: own.tally.rows for month, own in whole.items()}, read)
        for whole, read in spill(orders, Files(), Change(spans, None))  # type: ignore[arg-type]
    ]
    january, february, march = (date(2024, month, 1) for month in (1, 2, 3))
    assert steps == [
        ({}, 2),
        ({january: 2}, 2),
        ({february: 2, march: 2}, 2),
        ({}, 1),
        ({date(9999, 12, 1): 1}, 0),
    ]
