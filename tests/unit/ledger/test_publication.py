"""The ledger, read without Spark, from a file whose footer is damaged."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet
from strata.lake.versions import Warehouse
from strata.ledger import publication as ledger

from tests.unit.serve import small

DAYS = pa.table(
    {
        "sale_date": pa.array([date(2026, 2, 1)], pa.date32()),
        "amount_eur": pa.array([Decimal("1.50")], pa.decimal128(18, 2)),
        "sales": [1],
    }
)


def test_text_that_a_footer_calls_bytes_is_read_as_text(tmp_path: Path) -> None:
    """One flipped bit of a footer makes text bytes, to readers who go by the footer; the log's
    schema is what counts here.
    """
    warehouse = Warehouse(str(tmp_path))
    small.publish(warehouse, {"gold.toy_days": DAYS})
    assert [p.run_id for p in ledger.read(warehouse, "toy")] == ["run-1"]
    [path] = Path(warehouse.path(ledger.table_path("toy"))).glob("*.parquet")
    rows = parquet.read_table(path)
    place = rows.schema.get_field_index("run_id")
    parquet.write_table(rows.set_column(place, "run_id", rows["run_id"].cast("binary")), path)
    assert [p.run_id for p in ledger.read(warehouse, "toy")] == ["run-1"]
