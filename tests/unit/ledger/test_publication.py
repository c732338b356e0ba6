"""The ledger, read without Spark: what a damaged file makes of it is told, and never read."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet
from strata.errors import Damaged
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


def test_text_that_became_bytes_is_damage(tmp_path: Path) -> None:
    """One flipped bit of a footer makes text bytes, to readers who go by the footer."""
    warehouse = Warehouse(str(tmp_path))
    small.publish(warehouse, {"gold.toy_days": DAYS})
    assert [p.run_id for p in ledger.read(warehouse, "toy")] == ["run-1"]
    [path] = Path(warehouse.path(ledger.table_path("toy"))).glob("*.parquet")
    rows = parquet.read_table(path)
    place = rows.schema.get_field_index("run_id")
    parquet.write_table(rows.set_column(place, "run_id", rows["run_id"].cast("binary")), path)

    with pytest.raises(Damaged, match="holds text and no bytes"):
        ledger.read(warehouse, "toy")
