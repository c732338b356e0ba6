"""Removes from an environment what no run reads: python docker/spark/trim.py ENVIRONMENT.

Prints how much. Licence texts stay: the packages may be passed on only with them.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

# Under site-packages: test suites, headers, examples, Spark's clients of Kubernetes and YARN.
UNUSED = (
    "*/tests",
    "*/*/tests",
    "*/*/*/tests",
    "pyarrow/include",
    "pyarrow/src",
    "numpy/_core/include",
    "pyspark/examples",
    "pyspark/data",
    "pyspark/jars/kubernetes-*.jar",
    "pyspark/jars/spark-kubernetes_*.jar",
    "pyspark/jars/spark-yarn_*.jar",
    "pyspark/jars/volcano-*.jar",
    # State of streaming queries, which Strata has none of: 69 MB.
    "pyspark/jars/rocksdbjni-*.jar",
)
# Packages whose own code imports from a folder named `tests`.
KEPT = ("numpy", "pandas", "great_expectations")


def main() -> int:
    """Trims the environment named on the command line."""
    (site,) = (Path(sys.argv[1]) / "lib").glob("python3.*/site-packages")
    removed = 0
    for place in find_unused(site):
        removed += size_of(place)
        shutil.rmtree(place) if place.is_dir() else place.unlink()
    print(f"trim: removed {removed / 2**20:.0f} MiB that no run reads")
    return 0


def find_unused(site: Path) -> list[Path]:
    """The outermost unused files and folders, in order."""
    found = sorted({place for pattern in UNUSED for place in site.glob(pattern)})
    return [
        place
        for place in found
        if place.relative_to(site).parts[0] not in KEPT
        and not any(p in found for p in place.parents)
    ]


def size_of(place: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    files = place.rglob("*") if place.is_dir() else (place,)
    return sum(file.stat().st_size for file in files if file.is_file() and not file.is_symlink())


if __name__ == "__main__":
    sys.exit(main())
