"""Shortest lines on the ellipsoid of WGS 84.

By PROJ's geodesic routines, which are Karney's: right to nanometres for any two points, antipodes
and poles too. C. F. F. Karney, Algorithms for geodesics, J. Geodesy 87 (2013).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import DoubleType, StructField, StructType

if TYPE_CHECKING:
    import pandas as pd

_LINE = ("distance_m", "bearing_deg")


def inverse(lon: Any, lat: Any, to_lon: Any, to_lat: Any) -> tuple[Any, Any]:
    """Metres and first bearing of the geodesic from each position to the other, as numpy arrays;
    NaN where a position is. A line without length has no bearing."""
    import numpy as np
    from pyproj import Geod

    if not len(lon):
        return np.empty(0), np.empty(0)
    found, _, metres = Geod(ellps="WGS84").inv(lon, lat, to_lon, to_lat)
    return metres, np.where(metres > 0, np.mod(found, 360.0), np.nan)


def lines(lon: pd.Series, lat: pd.Series, to_lon: pd.Series, to_lat: pd.Series) -> pd.DataFrame:
    """`inverse` of series; null where a position is."""
    import numpy as np
    import pandas as pd

    ends = [np.asarray(part, dtype="float64") for part in (lon, lat, to_lon, to_lat)]
    is_there = ~np.isnan(np.stack(ends)).any(axis=0)
    found = pd.DataFrame({name: np.full(len(is_there), np.nan) for name in _LINE})
    found.loc[is_there, list(_LINE)] = np.stack(inverse(*(part[is_there] for part in ends)), axis=1)
    return found


@cache
def _udf() -> Callable[..., Column]:
    """`lines` as a function of columns. It is made when a plan needs it, for it needs pandas, whose
    import takes longer than all else of a command that finds nothing to do.
    """
    import pandas as pd

    def line(*ends: Any) -> Any:
        return lines(*ends)

    # Spark tells the kind of the function by these.
    line.__annotations__ = {"ends": pd.Series, "return": pd.DataFrame}
    kind = StructType([StructField(column, DoubleType()) for column in _LINE])
    made: Callable[..., Column] = F.pandas_udf(line, kind)  # type: ignore[call-overload]
    return made


def geodesic(lon: str, lat: str, to_lon: str, to_lat: str) -> Column:
    """`struct<distance_m, bearing_deg>` from one position to another; columns in degrees."""
    return _udf()(lon, lat, to_lon, to_lat)
