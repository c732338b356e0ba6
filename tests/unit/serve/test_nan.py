"""NaN and the filters of readers: of fractions NaN is the greatest, as Spark says, whatever the
statistics of a file let a reader guess.
"""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import compute as pc
from strata.lake.versions import Warehouse, read_arrow
from strata.ledger import seal
from strata.ledger.publication import Publication, TableState
from strata.serve import duck
from strata.serve.published import Published

from tests.unit.serve import small

TABLE = "silver.toy_sales"
NAN = float("nan")
MIXED = pa.table({"id": [1, 2, 3], "size": [1.0, NAN, 3.0]})


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    """A table whose log says, as Spark writes it, that every value of its file is NaN."""
    warehouse = Warehouse(str(tmp_path))
    version = small.write(warehouse, TABLE, MIXED)
    [log] = Path(warehouse.path(TABLE), "_delta_log").glob("*.json")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    for line in lines:
        if "add" in line:
            stats = json.loads(line["add"]["stats"])
            stats["minValues"]["size"] = stats["maxValues"]["size"] = "NaN"
            line["add"]["stats"] = json.dumps(stats)
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    state = seal.seal(warehouse, TableState(TABLE, version, MIXED.num_rows), None)
    small.write_ledger(warehouse, Publication(small.FEED, 1, 0, "run-1", tables=(state,)))
    return warehouse


def test_a_filter_of_the_reader_lets_no_nan_pass(warehouse: Warehouse) -> None:
    version = Published(warehouse).table(TABLE).version
    for where, ids in ((pc.field("size") < 2, [1]), (pc.field("size") >= 3, [3])):
        assert read_arrow(warehouse, TABLE, version, ["id"], where)["id"].to_pylist() == ids


@pytest.mark.parametrize(
    ("where", "ids"),
    # What Spark answers: NaN equals itself, and is greater than every number.
    [
        ("size < 2", [1]),
        ("size > 2", [2, 3]),
        ("NOT size > 2", [1]),
        ("size BETWEEN 2 AND 9", [3]),
        ("isnan(size)", [2]),
        ("size <> 3", [1, 2]),
    ],
)
def test_sql_answers_as_spark_does(warehouse: Warehouse, where: str, ids: list[int]) -> None:
    text = f"SELECT id FROM {TABLE} WHERE {where} ORDER BY id"
    assert duck.query(Published(warehouse), text)["id"].to_pylist() == ids
