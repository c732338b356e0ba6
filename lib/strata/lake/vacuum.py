"""Removes data files that no kept version of a table needs.

Delta's own VACUUM knows nothing of publications: it keeps what the latest version references, and
what is younger than a time. With an unpublished latest version it removes the published version's
files, and with a retention shorter than the oldest kept publication it removes that one's. So the
files to keep are taken from the log here, version by version, and only then is anything removed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from strata import failpoint
from strata.errors import CommitUnknown
from strata.fs import files
from strata.lake.log import TableLog
from strata.lake.warehouse import Warehouse


@dataclass(frozen=True)
class Freed:
    """What was removed."""

    files: int = 0
    bytes: int = 0

    def __add__(self, other: Freed) -> Freed:
        return Freed(self.files + other.files, self.bytes + other.bytes)


def vacuum(warehouse: Warehouse, table: str, published: int, kept: Iterable[int]) -> Freed:
    """Removes every data file that neither the published version nor a kept one references; under
    the feed's lease.

    Refuses while the latest version holds other files than the published one: RESTORE comes first.
    """
    log = TableLog(warehouse, table)
    shown = set(log.snapshot(published).adds)
    latest = set(log.snapshot(log.commits[-1]).adds)
    if latest != shown:
        raise CommitUnknown(
            f"a table is restored before it is vacuumed; {table} is published at version "
            f"{published} and stands at {log.commits[-1]} "
            "with other files: another program writes this table; stop it and run again"
        )
    wanted = {
        unquote(path) for version in {published, *kept} for path in log.snapshot(version).adds
    }
    lying = files.walk(warehouse.path(table))
    gone = [name for name in sorted(lying) if _is_data(name) and name not in wanted]
    # Hadoop's checksum files of what goes or has gone, and what a killed writer left in the log's
    # folder.
    beside = [name for name in sorted(lying) if _is_left_over(name, lying, set(gone))]
    if not gone and not beside:
        return Freed()
    failpoint.reach("vacuum.before", table)
    for name in gone + beside:
        files.remove(f"{warehouse.path(table)}/{name}")
    failpoint.reach("vacuum.after", table)
    return Freed(len(gone), sum(lying[name] for name in gone + beside))


def _is_data(name: str) -> bool:
    return (
        name.endswith(".parquet")
        and not name.startswith("_delta_log/")
        and not _base(name).startswith(".")
    )


def _is_left_over(name: str, lying: dict[str, int], gone: set[str]) -> bool:
    base = _base(name)
    if name.startswith("_delta_log/"):
        return base.startswith(".") and ".tmp" in base
    if not (base.startswith(".") and base.endswith(".parquet.crc")):
        return False
    data = name[: -len(base)] + base[1 : -len(".crc")]
    return data in gone or data not in lying


def _base(name: str) -> str:
    return name.rpartition("/")[2]
