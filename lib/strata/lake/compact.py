"""Small files made larger, and the proof that no row changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from strata import failpoint
from strata.declare.contract import Contract
from strata.lake.commit import KEEPS_LOG
from strata.lake.store import Store

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_DELTA = "spark.databricks.delta"


def compact(store: Store, contract: Contract, small_bytes: int, wanted_bytes: int) -> int:
    """Rewrites small files as larger ones (OPTIMIZE), and gives the version that stands then;
    no row changes.

    A table that has an order is put into it as a whole, so that each file holds a stretch of
    it.
    """
    table = contract.table
    settings = {
        f"{_DELTA}.commitInfo.userMetadata": f"optimize {store.run_id}",
        f"{_DELTA}.optimize.minFileSize": str(small_bytes),
        f"{_DELTA}.optimize.maxFileSize": str(wanted_bytes),
        # Else the files that it makes would be cut as a run's are, and be small again.
        "spark.sql.files.maxRecordsPerFile": "0",
    }
    failpoint.reach("optimize.before", table)
    # A table made before its contract had an order lacks the statistics that Delta asks for.
    standing = store.log(table).snapshot(store.latest(table))
    counted = standing.columns_with_statistics
    has_order = contract.order_by and set(contract.order_by) <= counted
    order = ", ".join(f"`{name}`" for name in contract.order_by)
    path = store.warehouse.spark_path(table).replace("`", "``")
    name, value = KEEPS_LOG
    with _settings(store.spark, settings):
        if dict(standing.metadata.get("configuration") or {}).get(name) != value:
            # A table of an older release: Spark's commit would shorten its log.
            told = f"ALTER TABLE delta.`{path}` SET TBLPROPERTIES ('{name}' = '{value}')"
            store.spark.sql(told).collect()
        store.spark.sql(
            f"OPTIMIZE delta.`{path}`" + (f" ZORDER BY ({order})" if has_order else "")
        ).collect()
    failpoint.reach("optimize.after", table)
    del store.logs[table]  # Spark has committed.
    return store.latest(table)


def content(store: Store, table: str, version: int) -> tuple[int, Any]:
    """Rows, and an order-free sum of their hashes: equal where two versions hold the same
    rows."""
    from pyspark.sql import functions as F

    frame = store.read(table, version)
    # Spark does not hash maps.
    values = [
        F.to_json(name) if kind.startswith("map") else F.col(name) for name, kind in frame.dtypes
    ]
    row = frame.agg(F.count(F.lit(1)), F.sum(F.xxhash64(*values).cast("decimal(20,0)"))).collect()[
        0
    ]
    return row[0], row[1]


@contextmanager
def _settings(spark: SparkSession, settings: dict[str, str]) -> Iterator[None]:
    """Settings of the session for one operation; behind it each is as it was before."""
    before = {key: spark.conf.get(key, None) for key in settings}
    for key, value in settings.items():
        spark.conf.set(key, value)
    try:
        yield
    finally:
        for key, was in before.items():
            if was is None:
                spark.conf.unset(key)
            else:
                spark.conf.set(key, was)
