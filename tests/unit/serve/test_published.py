"""The door to what is published: pinned, checked, and refusing what Arrow would read wrongly."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from strata.errors import Damaged, UsageError
from strata.lake.versions import Warehouse
from strata.ledger.publication import FileEntry, GateEntry
from strata.serve.published import Published, as_rows

from tests.unit.serve import small

DAYS = "gold.toy_days"
WIDE = "silver.toy_sales"
OLD = [{"sale_date": date(2026, 2, 1), "amount_eur": Decimal("10.00"), "sales": 1}]
NEW = [{"sale_date": date(2026, 2, 2), "amount_eur": Decimal("20.50"), "sales": 2}]
DAY_TYPES = pa.schema(
    [("sale_date", pa.date32()), ("amount_eur", pa.decimal128(18, 2)), ("sales", pa.int64())]
)
GATE = GateEntry(
    DAYS, "whole", "1 new file", 3, 1, 1, 1, {"same sale": 1}, {"no shop": 1}, 1, 1, 1, 0.5
)
FILE = FileEntry(
    "sales",
    "a.csv",
    "ab" * 32,
    10,
    3,
    "taken",
    "sales",
    "bronze.toy_sales",
    delivery_date=date(2026, 2, 1),
)


def days(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, DAY_TYPES)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(str(tmp_path))


def rows_of(warehouse: Warehouse, name: str, at: Any = None) -> list[dict[str, Any]]:
    return as_rows(Published(warehouse, at).table(name).to_arrow())


def test_a_name_leads_to_the_pinned_version_with_its_contract(warehouse: Warehouse) -> None:
    small.publish(warehouse, {DAYS: days(OLD)})
    small.publish(warehouse, {DAYS: days(NEW)})
    table = Published(warehouse).table(DAYS)
    assert (table.feed, table.publication, table.version, table.rows) == ("toy", 2, 1, 1)
    assert table.published_at == datetime(2026, 3, 2, tzinfo=timezone.utc)
    assert table.contract is not None
    assert (table.contract.grain, table.contract.key) == ("one row per day", ("sale_date",))
    assert [(field.name, str(field.type)) for field in table.schema] == [
        ("sale_date", "date32[day]"), ("amount_eur", "decimal128(18, 2)"), ("sales", "int64"),
    ]  # fmt: skip
    assert [(Path(file.uri).parent.name, file.rows) for file in table.files] == [("toy_days", 1)]
    assert as_rows(table.to_arrow()) == NEW
    assert table.to_arrow(["sales", "sale_date"]).to_pylist() == [
        {"sales": 2, "sale_date": date(2026, 2, 2)}
    ]


def test_an_unpublished_version_is_never_seen(warehouse: Warehouse) -> None:
    small.publish(warehouse, {DAYS: days(OLD)})
    small.write(warehouse, DAYS, days(NEW))  # A candidate whose gate has not passed.
    small.write(warehouse, WIDE, days(NEW))
    assert rows_of(warehouse, DAYS) == OLD
    assert WIDE not in Published(warehouse)


def test_one_reader_keeps_its_set_while_others_publish(warehouse: Warehouse) -> None:
    small.publish(warehouse, {DAYS: days(OLD)})
    reader = Published(warehouse)
    small.publish(warehouse, {DAYS: days(NEW)})
    assert as_rows(reader.table(DAYS).to_arrow()) == OLD
    assert rows_of(warehouse, DAYS) == NEW


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (1, OLD), ("2", NEW), ("toy=1", OLD), ("2026-03-01", OLD), ("2026-03-01T23:59:59Z", OLD),
        ("2026-03-02T00:00:00+00:00", NEW), ("2026-03-02T00:00:00+01:00", OLD), (None, NEW),
    ],
)  # fmt: skip
def test_an_older_set_is_named_by_number_or_time(
    warehouse: Warehouse, at: Any, expected: Any
) -> None:
    small.publish(warehouse, {DAYS: days(OLD)})
    small.publish(warehouse, {DAYS: days(NEW)})
    assert rows_of(warehouse, DAYS, at) == expected


@pytest.mark.parametrize(
    ("at", "told"),
    [
        ("yesterday", "a time such as"), ("toy=1,toy=2", "each feed once"), ("nowhere=1", "each feed once"),
        ("toy=9", "toy has 1, 2, not 9"), ("toy=1", "publication 1 of toy has ended"),
        ("2026-02-28", "nothing is published"), ("9", "nothing is published"),
    ],
)  # fmt: skip
def test_a_set_that_is_not_there_is_refused(warehouse: Warehouse, at: str, told: str) -> None:
    small.publish(warehouse, {DAYS: days(OLD)})
    small.publish(warehouse, {DAYS: days(NEW)}, ends=1)
    with pytest.raises(UsageError, match=told):
        rows_of(warehouse, DAYS, at)


def test_an_unknown_name_is_answered_with_near_ones(warehouse: Warehouse) -> None:
    small.publish(warehouse, {DAYS: days(OLD)})
    with pytest.raises(UsageError, match=r"did you mean gold\.toy_days"):
        Published(warehouse).table("gold.toy_day")
    with pytest.raises(UsageError, match=r"did you mean gold\.toy_days"):
        Published(warehouse).table("silver.toy_days")
    with pytest.raises(UsageError, match="run `strata run` first"):
        Published(Warehouse(f"{warehouse.root}/empty")).table(DAYS)


def test_the_ledger_reads_as_tables(warehouse: Warehouse) -> None:
    small.publish(warehouse, {DAYS: days(OLD)}, files=(FILE,), gates=(GATE,))
    small.publish(warehouse, {DAYS: days(NEW)})
    gates = rows_of(warehouse, "ops.gates")
    assert [
        (row["feed"], row["publication"], row["table"], row["folds"], row["reasons"])
        for row in gates
    ] == [("toy", 1, DAYS, {"same sale": 1}, {"no shop": 1})]
    assert [
        (row["path"], row["records"], row["delivery_date"])
        for row in rows_of(warehouse, "ops.files")
    ] == [("a.csv", 3, date(2026, 2, 1))]
    assert [row["publication"] for row in rows_of(warehouse, "ops.publications")] == [1, 2]
    assert [row["publication"] for row in rows_of(warehouse, "ops.publications", "toy=1")] == [1]


def test_quarantine_has_a_name_of_its_own(warehouse: Warehouse) -> None:
    rejected = pa.table({"sale_date": pa.array([None], pa.date32()), "_reasons": [["no shop"]]})
    small.publish(warehouse, {DAYS: days(OLD)}, {DAYS: rejected})
    assert Published(warehouse).tables()[:2] == (DAYS, "quarantine.gold_toy_days")
    assert rows_of(warehouse, "quarantine.gold_toy_days") == [
        {"sale_date": None, "_reasons": ["no shop"]}
    ]


def test_batches_are_bounded(warehouse: Warehouse) -> None:
    small.publish(warehouse, {DAYS: days(OLD * 5000)})
    batches = list(Published(warehouse).table(DAYS).batches(["sales"], rows=1000))
    assert max(batch.num_rows for batch in batches) == 1000
    assert sum(batch.num_rows for batch in batches) == 5000


def test_values_survive_exactly(warehouse: Warehouse) -> None:
    """The types that our contracts use, at their ends, over two files of which one is old."""
    first = [
        {
            "text": "Δ 'x'", "money": Decimal("9999999999999999.99"), "at": datetime(9999, 12, 31, tzinfo=timezone.utc),
            "plain": datetime(1, 1, 1), "map": {"a": 1}, "list": ["x", None], "day": date(1583, 1, 1), "raw": b"\x00\xff",
            "part": {"x": 1.5, "y": None},
        }
    ]  # fmt: skip
    types = pa.schema({
        "text": pa.string(), "money": pa.decimal128(18, 2), "at": pa.timestamp("us", "UTC"), "plain": pa.timestamp("us"),
        "map": pa.map_(pa.string(), pa.int64()), "list": pa.list_(pa.string()), "day": pa.date32(), "raw": pa.binary(),
        "part": pa.struct({"x": pa.float64(), "y": pa.int32()}),
    })  # fmt: skip
    empty = [dict.fromkeys(types.names)]
    write_deltalake(warehouse.path(WIDE), pa.Table.from_pylist(first, types))
    small.publish(warehouse, {DAYS: days(OLD)})
    write_deltalake(warehouse.path(WIDE), pa.Table.from_pylist(empty, types), mode="append")
    _publish_as_it_stands(warehouse, WIDE)
    table = Published(warehouse).table(WIDE)
    assert len(table.files) == 2
    read = as_rows(table.to_arrow())
    assert sorted(read, key=lambda row: row["text"] is None) == first + empty


def test_partition_values_come_from_the_log(warehouse: Warehouse) -> None:
    rows = [{"shop": "a=b/c", "sales": 1}, {"shop": None, "sales": 2}, {"shop": "é", "sales": 3}]
    write_deltalake(warehouse.path(WIDE), pa.Table.from_pylist(rows), partition_by=["shop"])
    _publish_as_it_stands(warehouse, WIDE)
    assert sorted(rows_of(warehouse, WIDE), key=lambda row: row["sales"]) == rows


def _publish_as_it_stands(warehouse: Warehouse, table: str) -> None:
    from strata.ledger import publication as ledger
    from strata.ledger.publication import Publication, TableState

    delta = DeltaTable(warehouse.path(table))
    number = len(ledger.read(warehouse, "toy")) + 1
    count = delta.to_pyarrow_table().num_rows
    state = TableState(table, delta.version(), count)
    small.write_ledger(
        warehouse,
        Publication(
            "toy", number, number - 1, f"run-{number}", published_at=small.START, tables=(state,)
        ),
    )


# --- what Arrow would read wrongly ------------------------------------------------------------------


def _set_protocol(feature: str, configuration: dict[str, str]) -> Callable[[dict[str, Any]], None]:
    def change(action: dict[str, Any]) -> None:
        if "protocol" in action:
            action["protocol"] = {
                "minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": [feature], "writerFeatures": [feature],
            }  # fmt: skip
        if "metaData" in action:
            action["metaData"]["configuration"] = configuration

    return change


def _set_vector(action: dict[str, Any]) -> None:
    if "add" in action:
        action["add"]["deletionVector"] = {
            "storageType": "u", "pathOrInlineDv": "ab^-aqEH.-t@S}K{vb[*k^", "offset": 4, "sizeInBytes": 40, "cardinality": 1,
        }  # fmt: skip


def _set_old_mapping(action: dict[str, Any]) -> None:
    if "protocol" in action:
        action["protocol"] = {"minReaderVersion": 2, "minWriterVersion": 5}
    if "metaData" in action:
        action["metaData"]["configuration"] = {"delta.columnMapping.mode": "name"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_set_protocol("columnMapping", {"delta.columnMapping.mode": "name"}), "olumn.?[mM]apping"),
        (_set_old_mapping, "column mapping"),
        (_set_protocol("deletionVectors", {}), "deletionVectors"),
        (_set_vector, "deletion vector"),
        (_set_protocol("typeWidening", {}), "typeWidening"),
        (_set_protocol("v2Checkpoint", {}), "v2Checkpoint"),
        (_set_protocol("catalogManaged", {}), "catalogManaged"),
        (_set_protocol("variantType", {}), "variantType"),
        (_set_protocol("somethingNew", {}), "somethingNew"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_table_that_needs_another_reader_is_refused(
    warehouse: Warehouse, change: Callable[[dict[str, Any]], None], told: str
) -> None:
    write_deltalake(warehouse.path(WIDE), days(OLD))
    commit = Path(warehouse.path(WIDE)) / "_delta_log" / f"{0:020d}.json"
    actions = [json.loads(line) for line in commit.read_text().splitlines()]
    for action in actions:
        change(action)
    _publish_as_it_stands(warehouse, WIDE)
    assert rows_of(warehouse, WIDE) == OLD  # Before the change it is readable.
    commit.write_text("\n".join(map(json.dumps, actions)) + "\n")
    with pytest.raises(Damaged, match=told):
        rows_of(warehouse, WIDE)


def test_a_log_that_was_changed_since_is_refused(warehouse: Warehouse) -> None:
    small.publish(warehouse, {DAYS: days(OLD)})
    commit = Path(warehouse.path(DAYS)) / "_delta_log" / f"{0:020d}.json"
    commit.write_text(commit.read_text().replace('\\"numRecords\\":1', '\\"numRecords\\":2'))
    with pytest.raises(Damaged, match="has changed since"):
        rows_of(warehouse, DAYS)


def test_a_file_that_is_gone_or_broken_is_damage(warehouse: Warehouse) -> None:
    small.publish(warehouse, {DAYS: days(OLD)})
    file = Path(Published(warehouse).table(DAYS).files[0].uri)
    content = file.read_bytes()
    file.write_bytes(content[:4] + bytes(len(content) - 4))
    with pytest.raises(Damaged, match=r"one of gold\.toy_days cannot"):
        rows_of(warehouse, DAYS)
    file.unlink()
    with pytest.raises(Damaged, match=r"one of gold\.toy_days cannot"):
        rows_of(warehouse, DAYS)
