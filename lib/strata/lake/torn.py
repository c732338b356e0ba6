"""Torn commits: what a killed writer left at the end of a log is moved aside, and never read."""

from __future__ import annotations

import time

from strata.fs import files
from strata.lake.log import TableLog
from strata.lake.warehouse import Warehouse


def set_torn_aside(warehouse: Warehouse, table: str, published: int | None) -> None:
    """Takes torn commits at the end of the log out of it, if no publication names them: they never
    were commits.

    Delta cannot write after a torn one, and would count an empty one. The file is kept under
    another name; the data files that it may have named stay where they are.
    """
    log = TableLog(warehouse, table)
    while (
        log.latest is not None
        and (published is None or log.latest > published)
        and not log.is_whole(log.latest)
    ):
        _set_aside(log.folder, log.latest)
        log = TableLog(warehouse, table)


def _set_aside(log: str, version: int) -> None:
    """The entry itself goes last: who is killed on the way finds it torn, and does all again.

    A checkpoint of that version would stand for the entry; the hint of the last checkpoint may
    name it; Hadoop's and Delta's checksums would not fit the commit that takes its place.
    """
    name = f"{version:020d}"
    beside = [
        found
        for found in files.list_names(log)
        if found.lstrip(".").startswith(f"{name}.") or found == "_last_checkpoint"
    ]
    for found in sorted(beside, key=lambda found: found == f"{name}.json"):
        files.move(f"{log}/{found}", f"{log}/_torn_{time.time_ns()}_{found.lstrip('.')}")
