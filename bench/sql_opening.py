"""How long a published table takes to open and read in Spark: by its files, and by Delta, in turns.

python -m bench sql-opening --warehouse warehouse --rounds 3
"""

from __future__ import annotations

import json
import statistics
import time
from typing import Any

from strata.lake.versions import Warehouse
from strata.serve.published import Published
from strata.serve.recipe import ops_sql, recipe, view_sql
from strata.serve.thrift import guard_settings
from strata.spark import session
from strata.spark.settings import EXTENSIONS, REQUIRED


def main(root: str, rounds: int) -> None:
    """Prints the medians of each way and of their ratios, over all tables of gold and the ledger."""
    spark = session.build(
        settings=guard_settings(REQUIRED[EXTENSIONS]), log_file=session.default_log_file()
    )
    warehouse = Warehouse(root)
    published = Published(warehouse)
    names = [n for n in published.tables() if n.startswith(("gold.", "ops."))]
    ratios: list[float] = []
    found: dict[str, list[float]] = {"files": [], "delta": []}
    for number in range(rounds + 1):
        for name in names:
            table = published.table(name)
            is_ops = name.startswith("ops.")
            sql = ops_sql(published, name) if is_ops else view_sql(warehouse, table)
            by_delta = _timed(lambda text=sql: spark.sql(text))
            made = json.loads(recipe(published, table))
            by_files = _timed(lambda by=made: _read(spark, by))
            if number:  # The first round warms the JVM.
                found["files"].append(by_files)
                found["delta"].append(by_delta)
                ratios.append(by_delta / by_files)
    middle = {way: statistics.median(values) for way, values in found.items()}
    print(
        f"{len(names)} tables, {rounds} rounds: by files {middle['files']:.2f} s, by Delta "
        f"{middle['delta']:.2f} s, median ratio {statistics.median(ratios):.1f}"
    )
    spark.stop()


def _read(spark: Any, made: dict[str, Any]) -> Any:
    from pyspark.sql.types import StructType

    schema = StructType.fromJson(json.loads(made["schema"]))
    rows = spark.read.schema(schema).parquet(*made["files"])
    if "explode" in made:
        rows = rows.selectExpr(f"explode({made['explode']}) AS item").selectExpr("item.*")
    return rows


def _timed(open_table: Any) -> float:
    started = time.monotonic()
    open_table().limit(1).collect()
    return time.monotonic() - started
