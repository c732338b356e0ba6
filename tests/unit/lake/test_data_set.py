"""A version's files as one Arrow dataset."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from strata.lake.data_set import of_version
from strata.lake.log import TableLog

from tests.unit.lake.test_grouped import SALES, Sales, row


def test_texts_may_be_given_as_dictionaries_with_the_same_values(tmp_path: Path) -> None:
    sales = Sales(tmp_path)
    sales.append(row(1, "a", 1), row(1, None, 2))
    sales.append(row(2, "b", 3))
    snapshot = TableLog(sales.warehouse, SALES.table).snapshot(sales.version)
    plain = of_version(sales.warehouse, SALES.table, snapshot)
    coded = of_version(sales.warehouse, SALES.table, snapshot, coded=("shop", "no_such_column"))
    assert coded.schema.field("shop").type == pa.dictionary(pa.int32(), pa.string())
    assert coded.schema.names == plain.schema.names
    assert coded.to_table().sort_by("sale_id").to_pylist() == [
        {"sale_date": own[0], "shop": own[1], "sale_id": own[2]}
        | {"_file_sha256": "f", "_record_number": own[2]}
        for own in (row(1, "a", 1), row(1, None, 2), row(2, "b", 3))
    ]
