"""Write, audit, publish: what one run and the next do, on the toy feed."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from strata.declare.contract import load_contract
from strata.errors import GateFailed, LeaseHeld
from strata.lake import versions
from strata.lake.log import TableLog
from strata.ledger import attempts, lease
from strata.ledger import publication as ledger
from strata.run.bronze.rows import UNPARSED
from strata.run.decisions import record_decisions, rollback
from strata.serve import why
from strata.serve.published import Published

from tests.conftest import forget_declarations
from tests.engine.shop import TABLES, Shop

pytestmark = pytest.mark.spark

SHOPS = ("s1,Alpha", "s2,Beta")
SALES = (
    "a1,s1,2024-01-01,10.50",
    "a2,s2,2024-01-01,3",
    "a2,s2,2024-01-01,3",
    "a3,s9,2024-01-02,5",
    "a4,s1,2024-01-02,x",
    "a5,s1,2024-01-03,-4",
    "bad,row",
    "a6,s2,2024-01-03,7.25",
)


@pytest.fixture
def shop(spark: SparkSession, tmp_path: Path) -> Shop:
    """Raw files, and nothing run yet."""
    made = Shop(spark, tmp_path)
    made.shops("a.csv", *SHOPS)
    made.sales("a.csv", *SALES)
    return made


@pytest.fixture(scope="module")
def first_run(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = Shop(spark, tmp_path_factory.mktemp("first") / "shop")
    made.shops("a.csv", *SHOPS)
    made.sales("a.csv", *SALES)
    made.run()
    return made.root


@pytest.fixture
def open_shop(spark: SparkSession, first_run: Path, tmp_path: Path) -> Shop:
    """A copy of a warehouse after its first run: tables may be moved, and a first run takes
    seconds.
    """
    return Shop(spark, Path(shutil.copytree(first_run, tmp_path / "shop")))


def test_first_run_publishes_every_table_with_balanced_gates(shop: Shop) -> None:
    report = shop.run()

    assert report.publication is not None
    assert report.publication.publication == 1
    assert shop.gate("bronze.toy_sales") == (8, 7, 1, 0)
    assert shop.gate("silver.toy_sales") == (7, 3, 3, 1)
    assert shop.gate("gold.toy_days") == (3, 3, 0, 0)
    assert [row[0] for row in shop.table("silver.toy_sales")] == ["a1", "a2", "a6"]
    assert [(str(d), a, n) for d, a, n in shop.table("gold.toy_days")] == [
        ("2024-01-01", Decimal("13.50"), 2),
        ("2024-01-03", Decimal("7.25"), 1),
    ]


def test_each_rejected_row_stands_once_with_every_reason(open_shop: Shop) -> None:
    assert list(open_shop.rejected("bronze.toy_sales").values()) == [[UNPARSED]]
    _, fates = why.record(Published(open_shop.warehouse), "sales/a.csv", 7)
    assert fates == [why.Fate("bronze.toy_sales", "quarantined", UNPARSED)]
    by_record = {
        record: sorted(reasons)
        for (_, record), reasons in open_shop.rejected("silver.toy_sales").items()
    }
    assert by_record == {
        4: ["its shop is not known yet"],
        5: ["amount is not a decimal number"],
        6: ["amount_eur must be in [0, 1000]"],
    }


def test_records_counted_outside_spark_equal_what_the_ledger_accounts_for(shop: Shop) -> None:
    shop.sales("copy.csv", *SALES)
    shop.run()

    lines = sum(
        len(path.read_text().splitlines()) - 1 for path in (shop.raw / "toy" / "sales").iterdir()
    )
    rows_in, accepted, quarantined, folded = shop.gate("bronze.toy_sales")
    assert rows_in == lines == 16
    assert accepted + quarantined + folded == rows_in
    assert {(e.path, e.status) for e in shop.published().files if e.source == "sales"} == {
        ("a.csv", "taken"),
        ("copy.csv", "folded"),
    }


def test_a_second_run_with_nothing_new_publishes_nothing(open_shop: Shop) -> None:
    before = {table: versions.latest_version(open_shop.warehouse, table) for table in TABLES}

    report = open_shop.run()

    assert report.publication is None
    assert report.plan.is_empty
    assert open_shop.publications() == 1
    assert {
        table: versions.latest_version(open_shop.warehouse, table) for table in TABLES
    } == before


def test_new_files_touch_only_their_groups_and_give_what_one_full_run_gives(
    open_shop: Shop, spark: SparkSession, tmp_path: Path
) -> None:
    open_shop.sales("b.csv", "b1,s1,2024-01-01,100", "a1,s1,2024-01-01,99")
    open_shop.run()

    modes = {gate.table: gate.mode for gate in open_shop.published().gates}
    assert modes["silver.toy_sales"] == modes["gold.toy_days"] == "groups"
    # a1 now has two different records and no order between them: both leave the table.
    assert open_shop.gate("silver.toy_sales") == (3, 1, 2, 0)
    assert [(str(d), a) for d, a, _ in open_shop.table("gold.toy_days")] == [
        ("2024-01-01", Decimal("103.00")),
        ("2024-01-03", Decimal("7.25")),
    ]
    at_once = Shop(spark, tmp_path / "at_once")
    at_once.shops("a.csv", *SHOPS)
    at_once.sales("a.csv", *SALES)
    at_once.sales("b.csv", "b1,s1,2024-01-01,100", "a1,s1,2024-01-01,99")
    at_once.run()
    for table in TABLES:
        assert open_shop.table(table) == at_once.table(table)
    assert sorted(open_shop.rejected("silver.toy_sales").items()) == sorted(
        at_once.rejected("silver.toy_sales").items()
    )
    open_shop.run(full=True)
    for table in TABLES:
        assert open_shop.table(table) == at_once.table(table)


def test_a_row_that_waits_for_its_parent_is_accepted_when_the_parent_arrives(
    open_shop: Shop,
) -> None:
    open_shop.shops("late.csv", "s9,Late")
    open_shop.run()

    assert "a3" in [row[0] for row in open_shop.table("silver.toy_sales")]
    assert all(
        "its shop is not known yet" not in reasons
        for reasons in open_shop.rejected("silver.toy_sales").values()
    )


def test_a_group_that_loses_all_its_rows_leaves_the_table(open_shop: Shop) -> None:
    open_shop.sales("b.csv", "a6,s1,2024-01-03,8")
    open_shop.run()

    assert [str(row[0]) for row in open_shop.table("gold.toy_days")] == ["2024-01-01"]


def test_a_failed_gate_publishes_nothing_and_the_next_run_starts_clean(open_shop: Shop) -> None:
    before = {table: open_shop.table(table) for table in TABLES}
    open_shop.sales("huge.csv", *[f"h{n},s1,2024-01-04,1000" for n in range(101)])

    with pytest.raises(GateFailed) as failed:
        open_shop.run()

    assert failed.value.table == "silver.toy_sales"
    assert "at most 100,000 EUR" in failed.value.failures[0]
    assert open_shop.publications() == 1
    assert {table: open_shop.table(table) for table in TABLES} == before
    assert attempts.read(open_shop.warehouse, "toy")[-1].outcome == "gate failed"
    (open_shop.raw / "toy" / "sales" / "huge.csv").unlink()
    open_shop.sales("b.csv", "b1,s1,2024-01-05,1")
    open_shop.run()
    assert [row[0] for row in open_shop.table("silver.toy_sales")] == ["a1", "a2", "a6", "b1"]


def test_a_gate_may_be_overridden_by_name_and_reason(shop: Shop) -> None:
    shop.sales("huge.csv", *[f"h{n},s1,2024-01-04,1000" for n in range(101)])
    shop.run(overrides=(("silver.toy_sales", "a jubilee sale, told by the shop"),))

    entry = next(gate for gate in shop.published().gates if gate.table == "silver.toy_sales")
    assert entry.overridden_by is not None
    assert entry.overridden_by.endswith(": a jubilee sale, told by the shop")


def test_after_an_override_the_next_gate_asks_all_keys_again(shop: Shop, toy_project: Path) -> None:
    """Else it would ask those that it writes, which are single, and trust the others."""
    suite = toy_project / "expectations" / "silver" / "toy_sales.yaml"
    suite.write_text(
        suite.read_text().replace(
            "to_be_unique, kwargs: {column: sale_id}", "to_be_unique, kwargs: {column: shop_id}"
        )
    )
    forget_declarations()
    shop.shops("more.csv", "s7,Seven", *[f"t{n},T{n}" for n in range(9)])
    shop.sales("more.csv", *[f"c{n},t{n},2024-01-05,1" for n in range(9)])
    shop.run(overrides=(("silver.toy_sales", "two sales of one shop"),))
    shop.sales("b.csv", "b1,s7,2024-01-05,1")
    with pytest.raises(GateFailed, match=r"one row per sale \(\d rows share a key\)"):
        shop.run()


def test_too_many_rejects_stop_the_run(shop: Shop) -> None:
    shop.sales("b.csv", *[f"n{n},s9,2024-01-04,1" for n in range(40)])
    with pytest.raises(GateFailed, match="43 of 46 were"):
        shop.run()
    assert shop.publications() == 0


def test_a_changed_rule_recomputes_the_table_and_its_descendants_only(
    shop: Shop, toy_project: Path
) -> None:
    shop.run()
    suite = toy_project / "expectations" / "silver" / "toy_sales.yaml"
    suite.write_text(
        suite.read_text()
        .replace("max_value: 1000}", "max_value: 5}")
        .replace("[0, 1000]", "[0, 5]")
    )
    forget_declarations()
    shop.run()

    assert {gate.table for gate in shop.published().gates} == {
        "silver.toy_sales",
        "gold.toy_days",
        "gold.toy_big_sales",
    }
    assert [row[0] for row in shop.table("silver.toy_sales")] == ["a2"]


def test_a_fixed_rule_gives_what_it_would_have_given_from_the_start(
    shop: Shop, toy_project: Path
) -> None:
    suite = toy_project / "expectations" / "silver" / "toy_sales.yaml"
    right = suite.read_text()
    suite.write_text(right.replace("max_value: 1000}", "max_value: 5}"))
    forget_declarations()
    shop.run()
    suite.write_text(right)
    forget_declarations()
    shop.run()

    assert [row[0] for row in shop.table("silver.toy_sales")] == ["a1", "a2", "a6"]
    assert shop.gate("silver.toy_sales") == (7, 3, 3, 1)


def test_a_rule_of_bronze_takes_out_records_that_were_written_already(
    shop: Shop, toy_project: Path
) -> None:
    suite = toy_project / "expectations" / "bronze" / "toy_sales.yaml"
    suite.write_text(suite.read_text().replace("severity: warning", "severity: critical"))
    forget_declarations()
    shop.sales("b.csv", "a7,s1,2024-01-03,", "a8,s1,2024-01-03,2")
    shop.run(layer="bronze")

    assert shop.gate("bronze.toy_sales") == (10, 8, 2, 0)
    assert sorted(map(sorted, shop.rejected("bronze.toy_sales").values())) == [
        ["an amount is missing"],
        [UNPARSED],
    ]
    folder = Path(shop.warehouse.path("bronze.toy_sales"))
    state = shop.published().state("bronze.toy_sales")
    assert state is not None
    held = {
        f"{folder}/{name}"
        for name in TableLog(shop.warehouse, state.table).snapshot(state.version).files
    }
    assert {str(path) for path in folder.rglob("part-*.parquet")} == held, (
        "what was written first is gone"
    )


def test_new_parameters_add_a_slice_and_new_rows_recompute_every_slice(shop: Shop) -> None:
    shop.run(threshold=5)
    shop.run(threshold=10)
    assert shop.table("gold.toy_big_sales") == [(10, 1), (5, 2)]
    assert {gate.table for gate in shop.published().gates} == {"gold.toy_big_sales"}
    assert shop.run(threshold=5).publication is None

    shop.sales("b.csv", "b1,s1,2024-01-05,20")
    shop.run(threshold=5)
    assert shop.table("gold.toy_big_sales") == [(10, 2), (5, 3)]


def test_rollback_shows_the_older_set_and_what_it_took_back_is_new_again(
    open_shop: Shop, spark: SparkSession
) -> None:
    before = {table: open_shop.table(table) for table in TABLES}
    open_shop.sales("b.csv", "b1,s1,2024-01-05,20")
    open_shop.run()
    after = {table: open_shop.table(table) for table in TABLES}

    rollback(open_shop.warehouse, "toy", 1)

    assert open_shop.published().restores == 1
    assert {table: open_shop.table(table) for table in TABLES} == before
    open_shop.run()
    assert {table: open_shop.table(table) for table in TABLES} == after


def test_a_layer_limit_leaves_the_rest_for_the_next_run(shop: Shop) -> None:
    shop.run(layer="bronze")
    assert [state.table for state in shop.published().tables] == [
        "bronze.toy_sales",
        "bronze.toy_shops",
    ]
    shop.run()
    assert [row[0] for row in shop.table("silver.toy_sales")] == ["a1", "a2", "a6"]

    shop.sales("b.csv", "b1,s1,2024-01-05,20")
    shop.run(layer="bronze")
    shop.run()
    assert "b1" in [row[0] for row in shop.table("silver.toy_sales")]


def test_discarded_rows_stay_accounted_for(open_shop: Shop, spark: SparkSession) -> None:
    (sha256, record), *_ = open_shop.rejected("silver.toy_sales")
    record_decisions(
        open_shop.warehouse,
        "toy",
        (ledger.Decision("discard", "silver.toy_sales", sha256, record, "me", "known"),),
    )
    open_shop.run(full=True)

    assert (sha256, record) in open_shop.rejected("silver.toy_sales")
    assert open_shop.gate("silver.toy_sales") == (7, 3, 3, 1)
    line = ledger.lineage(ledger.read(open_shop.warehouse, "toy"))
    assert [decision.record_number for decision in ledger.decisions(line)] == [record]


def test_two_runs_at_once_one_works_and_the_other_names_the_holder(
    shop: Shop, spark: SparkSession
) -> None:
    with lease.hold(shop.warehouse, "toy", "the-first"), pytest.raises(LeaseHeld) as refused:
        shop.run()
    assert refused.value.holder["run_id"] == "the-first"
    assert shop.publications() == 0
    shop.run()
    assert shop.publications() == 1


def test_bronze_is_the_archive_when_raw_files_are_gone(open_shop: Shop) -> None:
    before = {table: open_shop.table(table) for table in ("bronze.toy_sales", *TABLES)}
    rejected = open_shop.rejected("silver.toy_sales")
    (open_shop.raw / "toy" / "sales" / "a.csv").unlink()
    open_shop.run(full=True)

    assert {table: open_shop.table(table) for table in ("bronze.toy_sales", *TABLES)} == before
    assert open_shop.rejected("silver.toy_sales") == rejected
    assert open_shop.gate("bronze.toy_sales") == (8, 7, 1, 0)


def test_a_source_without_a_file_yet_is_an_empty_table(spark: SparkSession, tmp_path: Path) -> None:
    shop = Shop(spark, tmp_path)
    shop.shops("a.csv", *SHOPS)
    shop.run(
        overrides=(
            ("silver.toy_sales", "no sale yet"),
            ("gold.toy_days", "no sale yet"),
            ("gold.toy_big_sales", "no sale yet"),
        )
    )
    assert shop.published().state("bronze.toy_sales") is not None
    assert shop.table("silver.toy_sales") == []

    shop.sales("a.csv", *SALES)
    shop.run()
    assert [row[0] for row in shop.table("silver.toy_sales")] == ["a1", "a2", "a6"]


def test_recomputing_one_bronze_table_takes_no_file_of_another(open_shop: Shop) -> None:
    open_shop.shops("b.csv", "s9,Late")
    open_shop.sales("b.csv", "b1,s1,2024-01-05,20")
    open_shop.run(tables=("bronze.toy_sales",))
    assert {(e.source, e.path) for e in open_shop.published().files} == {("sales", "b.csv")}
    open_shop.run()
    assert {"a3", "b1"} <= {row[0] for row in open_shop.table("silver.toy_sales")}


def test_required_columns_are_not_null_in_delta_after_every_kind_of_write(
    open_shop: Shop, spark: SparkSession
) -> None:
    open_shop.sales("b.csv", "b1,s1,2024-01-05,20")
    open_shop.run()
    open_shop.run(full=True)
    for table in TABLES:
        schema = spark.read.format("delta").load(open_shop.warehouse.path(table)).schema
        required = {field.name for field in load_contract(table).fields if field.required}
        assert {field.name for field in schema if not field.nullable} == required
        assert all(field.metadata["comment"] for field in schema)
