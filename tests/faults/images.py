"""Crash images: the files of a warehouse as SIGKILL would leave them, without a process that has to
die for it.

What the kernel was given before SIGKILL it keeps, and nothing else; so a copy of the folder, taken
while the run stands still at a place, is what a killed run leaves there: locks are free, temporary
files lie about, nobody has cleaned up. It costs a run in the warm session of the tests, where a
kill costs a new JVM and its first run. `test_images.py` compares images with what real kills leave.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from pyspark.sql import SparkSession
from strata import failpoint
from strata.lake.versions import Warehouse

from tests.faults.logstore import Faults, FaultWarehouse

PREFIX = "image:"


class NeverReached(AssertionError):
    """The work ended before it came to the place: it proves nothing, for or against."""


@dataclass
class Imaging(failpoint.Failpoint):
    """A failpoint that copies a folder, and ends the run."""

    root: Path = Path()
    image: Path = Path()

    def _fire(self) -> None:
        shutil.copytree(self.root, self.image)
        raise failpoint.Crash(self.point)


def crash(
    spark: SparkSession,
    warehouse: Warehouse,
    place: str,
    work: Callable[[Warehouse], object],
    resting: AbstractContextManager[object] = nullcontext(),  # noqa: B008
    replay: str = "",
) -> None:
    """Does `work` until `place`, a kill's name, and leaves the warehouse's folder as a kill would
    there.

    Whoever reads meanwhile rests for the moment in which the folder is exchanged. Needs
    `logstore.install`. NeverReached where the place is not.
    """
    root = Path(warehouse.root)
    image = root.with_name(f"{root.name}-image")
    faults = Faults(spark)
    kind, _, where = place.removeprefix(PREFIX).partition(":")
    if kind == "point":
        wanted = failpoint.parse(where)
        failpoint.armed = Imaging(
            wanted.point, wanted.subject, wanted.hit, "image", root=root, image=image
        )
    else:
        match = re.fullmatch(r"kill-(before|torn|after)@([^#]+)#(\d+)", where)
        assert match, f"no image is taken at {place}"
        faults.arm(f"image-{match[1]}", match[2], int(match[3]), root=str(root), image=str(image))
    told: BaseException | None = None
    try:
        work(FaultWarehouse(warehouse.root))
    except (failpoint.Crash, Exception) as error:
        told = error
    finally:
        failpoint.armed = None
        faults.disarm()
    if not image.is_dir() and told is None:
        raise NeverReached(f"{place} was never reached: {replay}")
    assert image.is_dir(), f"{place} was never reached; the work told {told!r}; {replay}"
    with resting:
        shutil.rmtree(root)
        image.rename(root)
