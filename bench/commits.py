"""Small writes, in turns in one warm session: Delta's own writer beside plain Parquet that a commit
of `lake.commit` names; and the creation of a table both ways.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from strata.declare.contract import Contract, Field, struct_type
from strata.lake import commit
from strata.lake.shape import shape_of
from strata.lake.store import Store
from strata.lake.versions import Warehouse
from strata.spark import session

WARM_UP = 3
CONTRACT = Contract(
    "silver.bench_rows",
    "Rows.",
    "one row per id",
    (
        Field("id", "bigint", "Id.", required=True, is_key=True),
        Field("part", "bigint", "Its rest by seven."),
        Field("text", "string", "A hash."),
    ),
    allow_empty=True,
)


def main(rounds: int = 10) -> None:
    """Prints each way's first time, and the median of its last ones."""
    with tempfile.TemporaryDirectory(prefix="strata-bench-") as folder:
        spark = session.build(log_file=f"{folder}/spark.log")
        store = Store(spark, Warehouse(f"{folder}/public"), "bench")
        store.open_for_write(CONTRACT, None)
        frame = spark.sql(
            "select id, id % 7 as part, sha2(string(id), 256) as text from range(1000)"
        ).coalesce(1)
        delta = f"{folder}/delta"
        ways: dict[str, Callable[[int], object]] = {
            "append by Delta": lambda n: (
                frame.write.format("delta").mode("append").option("userMetadata", "bench")
            ).save(delta),
            "append by a public commit": lambda n: store.append(CONTRACT, frame),
            "create by Delta": lambda n: _create(spark, f"{folder}/made/{n}"),
            "create by a public commit": lambda n: commit.create(
                store.warehouse, f"made.{n}", shape_of(CONTRACT), "bench"
            ),
        }
        times: dict[str, list[float]] = {way: [] for way in ways}
        for number in range(WARM_UP + rounds):
            for way, work in ways.items():
                began = time.monotonic()
                work(number)
                times[way].append(time.monotonic() - began)
        for way, taken in times.items():
            median = statistics.median(taken[WARM_UP:])
            print(f"{way}: first {taken[0]:.2f} s, median of {rounds} {median:.3f} s")
        rows = spark.read.format("delta").load(delta).count()
        assert (
            store.content(CONTRACT.table, WARM_UP + rounds)[0] == rows == 1000 * (WARM_UP + rounds)
        )
        assert Path(folder, "made").is_dir()
        spark.stop()


def _create(spark: object, path: str) -> None:
    from delta.tables import DeltaTable

    builder = DeltaTable.create(spark).location(path).addColumns(struct_type(CONTRACT.fields))
    builder.execute()
