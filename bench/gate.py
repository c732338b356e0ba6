"""What the gate costs: raw CSV to a typed Delta table with no gate, with ours, and with stock GX
beside it.

The rows are order lines as CSV text, read by Spark, cast to types and written to Delta; the suite
has a not-null for every column, and three ranges. The three ways alternate, so that a noisy machine
disturbs all of them alike.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql import functions as F
from strata.declare.suite import NOT_NULL, Expectation, Suite
from strata.gate import counting, gate, judging, library_rules
from strata.kit.table import Rows
from strata.spark import session

COLUMNS = {
    "order_item_id": "bigint",
    "order_id": "bigint",
    "product_id": "bigint",
    "quantity": "int",
    "unit_price": "decimal(10,2)",
    "discount": "decimal(10,2)",
}


def main(rows: int, rounds: int) -> None:
    """Prints the median seconds of each way, and the ratios."""
    spark = session.build(log_file=session.default_log_file())
    folder = Path(tempfile.mkdtemp())
    try:
        _make_input(spark, rows, f"{folder}/raw")
        ways: dict[str, Callable[[DataFrame, str], int | None]] = {
            "no gate": _plain,
            "gate": _gated,
            "stock GX, then write": _stock,
        }
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(rounds + 1):
            for name, way in ways.items():
                target = f"{folder}/{number}-{name.replace(' ', '-')}"
                started = time.monotonic()
                if way(_typed(spark, f"{folder}/raw"), target) not in (None, rows):
                    raise SystemExit("the benchmark's rows all keep the rules; some were rejected")
                # The first round warms the JVM and does not count.
                if number:
                    seconds[name].append(time.monotonic() - started)
                shutil.rmtree(target)
        base = seconds["no gate"]
        print(
            f"{rows:,} rows, {rounds} rounds; median seconds (minimum to maximum), median of "
            "the rounds' ratios to no gate"
        )
        for name, taken in seconds.items():
            # Of each round by itself: the machine's speed changes between rounds more than within
            # one.
            ratio = statistics.median(own / plain for own, plain in zip(taken, base, strict=True))
            print(
                f"{name:22} {statistics.median(taken):7.2f} ({min(taken):.2f} to "
                f"{max(taken):.2f})  {ratio:.2f}"
            )
    finally:
        shutil.rmtree(folder)


def _make_input(spark: SparkSession, rows: int, path: str) -> None:
    number = F.col("id")
    frame = spark.range(rows).select(
        number.alias("order_item_id"),
        (number / 4).cast("bigint").alias("order_id"),
        (F.pmod(F.xxhash64(number), F.lit(100_000))).alias("product_id"),
        (F.pmod(F.xxhash64(number, F.lit(1)), F.lit(9)) + 1).alias("quantity"),
        (F.pmod(F.xxhash64(number, F.lit(2)), F.lit(100_000)) / 100)
        .cast("decimal(10,2)")
        .alias("unit_price"),
        F.lit("0.00").alias("discount"),
    )
    frame.write.csv(path)


def _typed(spark: SparkSession, path: str) -> DataFrame:
    raw = spark.read.schema(", ".join(f"{name} string" for name in COLUMNS)).csv(path)
    typed = [F.expr(f"try_cast({name} as {kind})").alias(name) for name, kind in COLUMNS.items()]
    return raw.select(
        *typed,
        F.lit("f").alias("_file_sha256"),
        F.col("order_item_id").cast("bigint").alias("_record_number"),
    )


def _suite() -> Suite:
    rules = [
        Expectation(NOT_NULL, {"column": name}, "critical", f"{name} must be told")
        for name in COLUMNS
    ]
    between = "expect_column_values_to_be_between"
    for name, low, high in (
        ("quantity", 1, 100),
        ("unit_price", 0, 10_000),
        ("discount", 0, 1_000),
    ):
        rules.append(
            Expectation(
                between,
                {"column": name, "min_value": low, "max_value": high},
                "critical",
                f"{name} in range",
            )
        )
    return Suite("bench", tuple(rules), 0.1)


def _plain(frame: DataFrame, target: str) -> None:
    frame.write.format("delta").save(target)


def _gated(frame: DataFrame, target: str) -> int:
    """As `strata.run.write` does it: the rows are judged and counted in the pass that writes the
    accepted ones.
    """
    rules = gate.row_rules(frame, _suite())
    judged = judging.judge(frame, rules, Rows.ONE_TO_ONE)
    observation = Observation("gate")
    counted = counting.observed(judged, observation, frame.columns, rules, ())
    counted.where(judging.is_accepted()).select(*frame.columns).write.format("delta").save(target)
    written: int = observation.get["rows_written"]
    return written


def _stock(frame: DataFrame, target: str) -> None:
    gx = gate.library()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_spark("bench").add_dataframe_asset("bench")
    batch = asset.add_batch_definition_whole_dataframe("bench").get_batch({"dataframe": frame})
    built = [library_rules.build(expectation) for expectation in _suite().expectations]
    result = batch.validate(
        gx.ExpectationSuite("bench", expectations=built), result_format="BOOLEAN_ONLY"
    )
    if not result.success:
        raise SystemExit("the benchmark's rows all keep the rules; Great Expectations says no")
    frame.write.format("delta").save(target)
