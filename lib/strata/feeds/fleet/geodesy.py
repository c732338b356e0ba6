"""Shortest lines on the ellipsoid of WGS 84.

By PROJ's geodesic routines, which are Karney's: right to nanometres for any two points, antipodes
and poles too. C. F. F. Karney, Algorithms for geodesics, J. Geodesy 87 (2013).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import DoubleType, StructField, StructType

if TYPE_CHECKING:
    import pandas as pd

_LINE = StructType([StructField(name, DoubleType()) for name in ("distance_m", "bearing_deg")])


def lines(lon: pd.Series, lat: pd.Series, to_lon: pd.Series, to_lat: pd.Series) -> pd.DataFrame:
    """Length and first bearing of the geodesic from each position to the other; null where a
    position is. A line without length has no bearing."""
    import numpy as np
    import pandas as pd
    from pyproj import Geod

    ends = [np.asarray(part, dtype="float64") for part in (lon, lat, to_lon, to_lat)]
    is_there = ~np.isnan(np.stack(ends)).any(axis=0)
    bearing, metres = np.full(len(is_there), np.nan), np.full(len(is_there), np.nan)
    if is_there.any():
        found, _, length = Geod(ellps="WGS84").inv(*(part[is_there] for part in ends))
        metres[is_there] = length
        bearing[is_there] = np.where(length > 0, np.mod(found, 360.0), np.nan)
    return pd.DataFrame({"distance_m": metres, "bearing_deg": bearing})


@cache
def _lines() -> Callable[..., Column]:
    """`lines` as a function of columns. It is made when a plan needs it, for it needs pandas, whose
    import takes longer than all else of a command that finds nothing to do.
    """
    import pandas as pd

    def each(parts: Any) -> Any:
        for lon, lat, to_lon, to_lat in parts:
            yield lines(lon, lat, to_lon, to_lat)

    # Spark tells the kind of the function by these.
    each.__annotations__ = {
        "parts": Iterator[tuple[pd.Series, ...]],
        "return": Iterator[pd.DataFrame],
    }
    made: Callable[..., Column] = F.pandas_udf(each, _LINE)  # type: ignore[call-overload]
    return made


def geodesic(lon: str, lat: str, to_lon: str, to_lat: str) -> Column:
    """`struct<distance_m, bearing_deg>` from one position to another; columns in degrees."""
    return _lines()(lon, lat, to_lon, to_lat)
