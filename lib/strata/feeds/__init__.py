"""The feeds: each module holds its sources, its transforms, and TABLES."""

import os
from pathlib import Path

_project = os.environ.get("STRATA_PROJECT")
if _project:
    # Feeds of one's own stand beside the five, on the driver and in the executors' Python.
    __path__.append(str(Path(_project) / "feeds"))
