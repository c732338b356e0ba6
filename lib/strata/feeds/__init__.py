"""The feeds: each module holds its sources, its transforms, and TABLES."""

from strata import resources

_own = resources.project()
if _own is not None:
    # Feeds of one's own stand beside the five, on the driver and in the executors' Python.
    __path__.append(str(_own / "feeds"))
