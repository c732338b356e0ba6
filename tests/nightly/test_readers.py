"""While readers poll, 100 publications happen in another process: no error, no mixed set, nothing
stale once a publication was announced.
"""

from __future__ import annotations

import multiprocessing
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from strata.lake.versions import Warehouse
from strata.serve import duck
from strata.serve.published import Published

from tests.unit.serve import small

pytestmark = pytest.mark.nightly
DAYS, SALES = "gold.toy_days", "silver.toy_sales"
PUBLICATIONS = 100
TYPES = pa.schema(
    [("sale_date", pa.date32()), ("amount_eur", pa.decimal128(18, 2)), ("sales", pa.int64())]
)
# Both tables of publication n say n; a query that saw two publications would see two numbers.
QUERY = """
select (select max(sales) from gold.toy_days) as days, (select max(sales) from silver.toy_sales) as sales,
  (select max(publication) from ops.publications) as publication"""


def _publish_all(root: str, announced: Any) -> None:
    for number in range(1, PUBLICATIONS + 1):
        rows = pa.Table.from_pylist(
            [{"sale_date": date(2026, 2, 1), "amount_eur": Decimal(number), "sales": number}] * 3,
            TYPES,
        )
        small.publish(Warehouse(root), {DAYS: rows, SALES: rows})
        announced.value = number


def test_readers_see_whole_sets_and_the_newest(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    announced = context.Value("i", 0)
    writer = context.Process(target=_publish_all, args=(str(tmp_path), announced))
    writer.start()
    seen: list[int] = []
    try:
        while writer.is_alive():
            known = announced.value
            if known == 0:
                continue
            (row,) = duck.query(Published(Warehouse(str(tmp_path))), QUERY).to_pylist()
            assert row["days"] == row["sales"] == row["publication"], row
            assert row["days"] >= known, "what was announced was not there"
            seen.append(row["days"])
    finally:
        writer.join()
    assert writer.exitcode == 0
    assert announced.value == PUBLICATIONS
    assert seen == sorted(seen)
    assert len(set(seen)) > 10  # Readers and writer did run side by side.
