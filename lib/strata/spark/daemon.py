"""Spark's daemon of Python workers, which finds pyspark where it is installed and not in Spark's
archives.

Spark puts a zip of pyspark and a jar of its own first on a worker's path. Modules from there are
compiled again in each daemon, and before every task Python 3.10 and 3.11 read all archives'
directories again (CPython issue 103200; Spark 4.2 does so only where it must, SPARK-54744).
`spark.python.daemon.module` names this module on one machine; on a cluster the workers may have no
other pyspark.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder


def leave_out_archives() -> None:
    """Takes the files of Spark's home off the path, if pyspark is found without them."""
    home = os.environ.get("SPARK_HOME")
    rest = [
        place
        for place in sys.path
        if not (home and place.startswith(home + os.sep) and os.path.isfile(place))
    ]
    if PathFinder.find_spec("pyspark", rest) is not None:
        sys.path[:] = rest
        sys.path_importer_cache.clear()


if __name__ == "__main__":
    leave_out_archives()
    from pyspark import daemon

    daemon.manager()
