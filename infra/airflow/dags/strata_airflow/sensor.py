"""Waits for raw files that the last good run did not see, by their names, sizes and times."""

from __future__ import annotations

import hashlib
from typing import Any

from airflow.sdk import ObjectStoragePath
from airflow.sdk.bases.sensor import BaseSensorOperator


class NewRawFiles(BaseSensorOperator):
    """True once the raw folder of a feed differs from what the last good run found.

    The listing is remembered by the task `remember`, which runs only after the job: a failed run's
    files stay new. Strata itself decides by the files' hashes; this only saves starting it.
    """

    template_fields = ("folder",)

    def __init__(self, *, folder: str, **options: Any) -> None:
        super().__init__(**options)
        self.folder = folder

    def poke(self, context: Any) -> bool:
        """Whether there is a raw file that no run has taken."""
        if (context.get("params") or {}).get("force"):
            return True
        now = list_state(self.folder)
        ti = context["ti"]
        before = ti.xcom_pull(
            task_ids=f"{self._group()}remember", key="return_value", include_prior_dates=True
        )
        self.log.info("%s: %s", self.folder, "no files" if now is None else now)
        return now is not None and now != before

    def _group(self) -> str:
        """The task group's prefix of this task's id, if it is in one."""
        head, dot, _ = self.task_id.rpartition(".")
        return head + dot


def list_state(folder: str) -> str | None:
    """A digest of what lies in a folder; None where there is no file."""
    root = ObjectStoragePath(folder)
    if not root.exists():
        return None
    lines = []
    for path in root.rglob("*"):
        if path.is_file() and not path.name.startswith(("_", ".")):
            found = path.stat()
            lines.append(f"{path.relative_to(root)} {found.st_size} {found.st_mtime}")
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest() if lines else None
