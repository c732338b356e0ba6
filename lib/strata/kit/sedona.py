"""The door to Sedona: its functions are called by name, as SQL does.

So they are there in every session that has Sedona's extension, also behind Spark Connect, and no
Python package of Sedona's is needed.
"""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F


def call(name: str, *arguments: Column) -> Column:
    """What a function of Sedona's gives, such as `ST_Point`."""
    return F.call_function(name, *arguments)
