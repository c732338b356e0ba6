"""What the machine lacks: one clear sentence, the published set as it was, and the next run
completes.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from strata.declare.contract import quarantine_name
from strata.errors import ResourceMissing
from strata.fs.trouble import explain
from strata.upkeep import doctor

from tests.engine.shop import Shop

BLOCK = 4096
SALES = "silver.toy_sales"


def strata(
    *arguments: str, setup: Callable[[], None] | None = None, **more: str
) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-c",
        "import sys; from strata.cli import main; sys.exit(main())",
        *arguments,
    ]
    return subprocess.run(
        command,
        env={**os.environ, **more},
        capture_output=True,
        text=True,
        timeout=300,
        preexec_fn=setup,
    )


def test_without_network_the_address_is_named_as_out_of_reach(tmp_path: Path) -> None:
    closed = {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_REGION": "us-east-1",
    }
    ended = strata(
        "run", "toy", "--raw", "s3://lake/raw", "--warehouse", str(tmp_path / "warehouse"), **closed
    )
    assert ended.returncode == 9
    assert ended.stderr.splitlines()[-1].startswith(
        "strata: a run needs the network; the system says: "
    )
    assert "Traceback" not in ended.stderr


@pytest.mark.spark
def test_with_too_little_memory_spark_says_so(tmp_path: Path) -> None:
    shop = Shop(None, tmp_path)  # type: ignore[arg-type]
    shop.shops("a.csv", "s1,Alpha")
    # Address space for Python, and not for Spark's heap.
    limit = 3 << 30
    ended = strata(
        "run", "toy", "--raw", str(shop.raw), "--warehouse", shop.warehouse.root,
        setup=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )  # fmt: skip
    assert ended.returncode == 9, ended.stderr
    assert "strata: a run needs memory; the system says: " in ended.stderr
    assert ended.stdout == ""


# --- full, forbidden, limited: in the tests' own JVM ---------------------------------------------


@pytest.fixture(scope="module")
def shop(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """One published run, with a quarantine, and a new file that waits."""
    made = Shop(spark, tmp_path_factory.mktemp("resources"))
    made.shops("a.csv", "s1,Alpha")
    made.sales("a.csv", "a1,s1,2024-01-01,10.50", "a4,s1,2024-01-02,x")
    made.run(layer="silver")
    made.sales("b.csv", "b1,s1,2024-01-03,1", "b2,s1,2024-01-03,y")
    return made


@contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """The folder on a small disk of its own, with not a block left."""
    kept = folder.with_name(folder.name + ".kept")
    shutil.copytree(folder, kept)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        shutil.rmtree(kept)
        pytest.skip(f"a file system cannot be mounted here: {mounted.stderr.strip()}")
    try:
        shutil.copytree(kept, folder, dirs_exist_ok=True)
        ballast = folder / ".ballast"
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(b"x" * BLOCK)
        assert shutil.disk_usage(folder).free == 0
        yield
        ballast.unlink()
        shutil.rmtree(kept)
        shutil.copytree(folder, kept)
    finally:
        # Lazily: the JVM may still hold a file that it could not write.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        shutil.rmtree(folder)
        kept.rename(folder)


@contextmanager
def forbidden(folder: Path) -> Iterator[None]:
    """Nobody may write there, root included: the tests run as root, whom modes do not stop."""
    changed = subprocess.run(
        ["chattr", "+i", str(folder)], capture_output=True, text=True, check=False
    )
    if changed.returncode:
        pytest.skip(f"a folder cannot be made immutable here: {changed.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", str(folder)], check=True)


@contextmanager
def file_size_limit(spark: SparkSession, limit: int) -> Iterator[None]:
    """No file of the JVM, or of the Python workers that write for it, may grow beyond the limit."""
    jvm: Any = spark._jvm
    # Its daemon is there as soon as a task has run in Python; workers take the limit from it.
    spark.range(1).mapInArrow(lambda batches: batches, "id bigint").count()
    pids = _with_descendants(jvm.java.lang.ProcessHandle.current().pid())
    before = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in pids}
    for pid, (_, hard) in before.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        for pid, limits in before.items():
            with suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)


def _with_descendants(pid: int) -> list[int]:
    own = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(child) for listed in own for child in listed.read_text().split()]
    return [pid, *(deeper for child in children for deeper in _with_descendants(child))]


FAULTS: dict[str, tuple[Callable[[Shop, Path], Any], str, str]] = {
    "disk full: data": (lambda _, folder: full_disk(folder), SALES, "room on the disk"),
    "disk full: log": (
        lambda _, folder: full_disk(folder / "_delta_log"),
        SALES,
        "room on the disk",
    ),
    "disk full: quarantine": (
        lambda _, folder: full_disk(folder),
        quarantine_name(SALES),
        "room on the disk",
    ),
    "disk full: ledger": (
        lambda _, folder: full_disk(folder),
        "ops.publications/toy",
        "room on the disk",
    ),
    "no permission": (
        lambda _, folder: forbidden(folder / "_delta_log"),
        "bronze.toy_sales",
        "permission to read or write there",
    ),
    "file-size limit": (
        lambda shop, _: file_size_limit(shop.spark, 1500),
        SALES,
        "leave to write a file of this size",
    ),
}


@pytest.mark.spark
@pytest.mark.parametrize("fault", FAULTS)
def test_a_missing_resource_is_one_sentence_and_leaves_the_published_set(
    shop: Shop, fault: str
) -> None:
    make, table, missing = FAULTS[fault]
    before = shop.published()
    rows = shop.table(SALES)

    with make(shop, Path(shop.warehouse.path(table))):
        with pytest.raises(Exception) as failed:  # noqa: PT011 - Spark's, Delta's or the system's own
            shop.run(layer="silver")
        told = explain(failed.value)
        assert isinstance(told, ResourceMissing), repr(failed.value)
        assert told.resource == missing
        assert shop.published() == before
        assert shop.table(SALES) == rows
    assert doctor.examine(shop.warehouse, ["toy"]).damage == []


@pytest.mark.spark
def test_once_it_is_there_again_the_next_run_completes(
    shop: Shop, spark: SparkSession, tmp_path: Path
) -> None:
    shop.run(layer="silver")

    assert [row[0] for row in shop.table(SALES)] == ["a1", "b1"]
    assert len(shop.rejected(SALES)) == 2
    assert shop.gate("bronze.toy_sales") == (2, 2, 0, 0)
    assert doctor.examine(shop.warehouse, ["toy"]).damage == []
