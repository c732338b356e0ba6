"""A gate that says no tells why: by which rules, how many rows, one value and record, and what to
do; and the attempt can be looked at, though nothing was published.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from strata.cli import main
from strata.cli.warnings import warnings_of
from strata.errors import GateFailed
from strata.ledger import attempts

from tests.engine.shop import Shop

pytestmark = pytest.mark.spark


def test_a_refusal_can_be_read_and_looked_at(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = Shop(spark, tmp_path)
    shop.shops("a.csv", "s1,One")
    euros = [f"a{n},s1,2024-01-01,{n}.50 EUR" for n in range(20)]
    shop.sales("a.csv", "b1,s1,2024-01-01,2.50", *euros, "c1,s9,2024-01-01,1")

    with pytest.raises(GateFailed) as refusal:
        shop.run()

    told = str(refusal.value)
    assert "21 of 22 were (95.5%)" in told
    assert "\n  20 x amount is not a decimal number" in told
    assert "amount '0.50 EUR' in sales/a.csv, record 2" in told
    assert "\n  1 x its shop is not known yet" in told
    assert "\nNext: strata gates toy --attempt" in told
    assert "--override silver.toy_sales=REASON" in told
    # The cause alone: that the amount is null follows from it.
    assert "a sale must have an amount" not in told

    [attempt] = attempts.read(shop.warehouse, "toy")
    assert (attempt.outcome, [item["rows"] for item in attempt.reasons]) == ("gate failed", [20, 1])

    where = ["--warehouse", shop.warehouse.root]
    assert main(["gates", "toy", *where]) == 0
    assert (
        "nothing is published yet; its last attempt ended: gate failed" in capsys.readouterr().err
    )
    assert main(["gates", "toy", "--attempt", *where]) == 0
    shown = capsys.readouterr().out
    assert "amount is not a decimal number" in shown
    assert "0.50 EUR" in shown
    assert main(["quarantine", "list", *where]) == 0
    assert "toy: nothing is published yet" in capsys.readouterr().err


def test_a_run_ends_with_its_warnings_and_so_do_the_answers_that_they_touch(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = Shop(spark, tmp_path)
    shop.shops("a.csv", "s1,One", "s2,X", "s3,Y")
    shop.sales("a.csv", "a1,s1,2024-01-01,2.50", "a3,s1,2024-01-01,0.50 EUR")
    where = ["--warehouse", shop.warehouse.root]
    told = (
        "silver.toy_shops: 2 of 3 rows (67 %): a name has two letters or more; for example shop_id 's2', "
        "shop_name 'X', record 2 of shops/a.csv"
    )

    assert main(["run", "toy", "--raw", str(shop.raw), "--log", "json", *where]) == 0
    shown = capsys.readouterr()
    messages = [json.loads(line)["message"] for line in shown.err.splitlines() if line[:1] == "{"]
    assert f"toy: warning: {told}" in messages
    # The answers are computed from the shops, by way of their sales.
    assert f"warning: {told}" in shown.out
    # A value that could not be read, in more of the rows than the suite's share.
    lost = (
        "silver.toy_sales: 1 of 2 rows (50 %) rejected for amount_eur: amount is not a decimal number; "
        "for example amount '0.50 EUR' in sales/a.csv, record 2"
    )
    assert f"toy: warning: {lost}" in messages
    assert f"warning: {lost}" in shown.out

    # What could not be read is null in the rejected row; the text that was told stands beside it.
    assert main(["quarantine", "show", "silver.toy_sales", *where]) == 0
    assert "told as amount: 0.50 EUR" in capsys.readouterr().out

    # A later run that judges other rows does not hide it, and says whose count it is.
    shop.sales("b.csv", "a2,s1,2024-01-02,2.50")
    assert main(["run", "toy", "--raw", str(shop.raw), "--quiet", *where]) == 0
    capsys.readouterr()
    assert main(["show", "gold.toy_days", *where]) == 0
    assert f"warning: {told} (counted by publication 1)" in capsys.readouterr().err
    assert main(["gates", "toy", "--publication", "1", *where]) == 0
    shown = capsys.readouterr()
    assert f"warning: {told}" in shown.err
    assert f"warning: {lost}" in shown.err
    assert main(["gates", "toy", "--publication", "1", "--expectations", *where]) == 0
    assert "shop_id 's2', shop_name 'X'" in capsys.readouterr().out


def test_a_record_that_does_not_parse_is_told_by_its_file(
    spark: SparkSession, tmp_path: Path
) -> None:
    shop = Shop(spark, tmp_path)
    shop.shops("a.csv", "s1,One")
    shop.sales("a.csv", *(f"a{n},s1,2024-01-01,2.50" for n in range(8)), "b1,s1,2024-01-01,1,x,y")

    told = warnings_of(shop.run().publication)

    assert (
        "bronze.toy_sales: 1 of 9 rows (11 %) rejected: the record does not parse by its layout; "
        "for example record 9 of sales/a.csv"
    ) in told
