"""Crash images: the files of a warehouse as SIGKILL would leave them, without a process that has to
die for it.

What the kernel was given before SIGKILL it keeps, and nothing else; so a copy of the folder, taken
while the run stands still at a place, is what a killed run leaves there: locks are free, temporary
files lie about, nobody has cleaned up. It costs a run in the warm session of the tests, where a
kill costs a new JVM and its first run. `test_images.py` compares images with what real kills leave.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from strata import failpoint
from strata.lake.versions import Warehouse

from tests.faults import door

PREFIX = "image:"


class NeverReached(AssertionError):
    """The work ended before it came to the place: it proves nothing, for or against."""


def crash(
    warehouse: Warehouse,
    place: str,
    work: Callable[[], object],
    resting: AbstractContextManager[object] = nullcontext(),  # noqa: B008
    replay: str = "",
) -> None:
    """Does `work` until `place`, a kill's name, and leaves the warehouse's folder as a kill would
    there.

    Whoever reads meanwhile rests for the moment in which the folder is exchanged. NeverReached
    where the place is not.
    """
    root = Path(warehouse.root)
    image = root.with_name(f"{root.name}-image")
    kill = place.removeprefix(PREFIX)
    failpoint.armed = door.kill(kill, str(root), end="image", image=str(image))
    told: BaseException | None = None
    try:
        work()
    except (failpoint.Crash, Exception) as error:
        told = error
    finally:
        failpoint.armed = None
    if not image.is_dir() and told is None:
        raise NeverReached(f"{place} was never reached: {replay}")
    assert image.is_dir(), f"{place} was never reached; the work told {told!r}; {replay}"
    with resting:
        shutil.rmtree(root)
        image.rename(root)
