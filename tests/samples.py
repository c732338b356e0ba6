"""The shipped samples, published once for all tests that read them, as people run them: by the
command line, in a process of its own.

That process is from elsewhere: another zone, locale, hash seed, number of cores and of partitions
than the tests' own session. So whoever compares these tables with an independent program, or with
what this session computes, also shows that none of that matters.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from strata.lake.versions import Warehouse
from strata.ledger import publication as ledger
from strata.ledger.publication import Publication

ROOT = Path(__file__).resolve().parents[1]
RAW = ROOT / "samples"
KEY_ID, KEY = "k1", "the-first-key-of-the-tests-0123456789"
"""What the residents' pseudonyms are made with."""
ELSEWHERE = {
    # Half an hour off every other zone, an i without a dot, and sets in another order.
    "TZ": "America/St_Johns",
    "LC_ALL": "tr_TR.UTF-8",
    "LANG": "tr_TR.UTF-8",
    "PYTHONHASHSEED": "7",
}
JVM_ELSEWHERE = "-Duser.language=tr -Duser.country=TR -Duser.timezone=America/St_Johns"
_SETTINGS = "--conf spark.sql.shuffle.partitions=7"
# As in `tests.conftest`: a worker that waits for further tasks tells no coverage.
_MEASURED = (
    "--conf spark.python.worker.reuse=false" if "COVERAGE_PROCESS_CONFIG" in os.environ else ""
)
SOIL = ("--samples", "10")
_OPS = ("publications", "runs", "looks")


@dataclass(frozen=True)
class Samples:
    """A warehouse that nobody may write to, and what its run told."""

    warehouse: Warehouse
    code: int
    out: str
    err: str

    def newest(self, feed: str) -> Publication:
        return newest(self.warehouse, feed)

    def copy(self, feed: str, root: Path) -> Warehouse:
        """One feed's tables and ledger in a folder of their own, to go on from."""
        own = Path(self.warehouse.root)
        for layer in ("bronze", "silver", "gold", "quarantine"):
            for table in (own / layer).glob(f"*{feed}_*"):
                shutil.copytree(table, root / layer / table.name)
        for ops in _OPS:
            for kept in (own / "ops" / ops).glob(f"{feed}*"):
                target = root / "ops" / ops / kept.name
                target.parent.mkdir(parents=True, exist_ok=True)
                (shutil.copytree if kept.is_dir() else shutil.copy)(kept, target)
        return Warehouse(str(root))


def newest(warehouse: Warehouse, feed: str) -> Publication:
    latest = ledger.newest(ledger.read(warehouse, feed))
    assert latest is not None, f"nothing of {feed} is published"
    return latest


def publish(feeds: list[str], folder: Path) -> Samples:
    """The samples of the feeds, run by whichever process of the tests comes first; the others wait,
    and take the same.
    """
    with _alone(folder):
        if not (folder / "code").exists():
            told = _run(feeds, folder / "warehouse")
            (folder / "out").write_text(told.stdout)
            (folder / "err").write_text(told.stderr)
            (folder / "code").write_text(str(told.returncode))
    out, err, code = ((folder / name).read_text() for name in ("out", "err", "code"))
    assert code == "0", f"the samples could not be published: {err}"
    return Samples(Warehouse(str(folder / "warehouse")), int(code), out, err)


def _run(feeds: list[str], warehouse: Path) -> subprocess.CompletedProcess[str]:
    mine = {
        **ELSEWHERE,
        "STRATA_PSEUDONYM_KEY": KEY,
        "STRATA_PSEUDONYM_KEY_ID": KEY_ID,
        # Without what the tests' own session is given: the room for code is the program's.
        "SPARK_SUBMIT_OPTS": JVM_ELSEWHERE,
        "PYSPARK_SUBMIT_ARGS": f"{_SETTINGS} {_MEASURED} pyspark-shell",
    }
    places = ["--raw", "samples", "--warehouse", str(warehouse), "--master", "local[3]"]
    return subprocess.run(
        [
            str(Path(sys.executable).parent / "strata"),
            "run",
            *feeds,
            *places,
            *(SOIL if "soil" in feeds else ()),
        ],
        env={key: value for key, value in os.environ.items() if key != "STRATA_PROJECT"} | mine,
        cwd=ROOT,
        text=True,
        capture_output=True,
        timeout=1800,
    )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        yield
