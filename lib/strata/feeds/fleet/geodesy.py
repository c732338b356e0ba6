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
_PLACE = ("previous_m", "bearing_deg", "distance_from_depot_m")


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


def places(
    from_lon: pd.Series,
    from_lat: pd.Series,
    depot_lon: pd.Series,
    depot_lat: pd.Series,
    to: tuple[pd.Series, pd.Series],
) -> pd.DataFrame:
    """The line from where the vehicle was before, and how far its depot is: in one call, for what
    a row costs on its way to Python and back is more than what is computed there."""
    import pandas as pd

    step, depot = lines(from_lon, from_lat, *to), lines(depot_lon, depot_lat, *to)
    columns = (step["distance_m"], step["bearing_deg"], depot["distance_m"])
    return pd.DataFrame(dict(zip(_PLACE, columns, strict=True)))


@cache
def _udf(name: str) -> Callable[..., Column]:
    """`lines` or `places` as a function of columns. It is made when a plan needs it, for it needs
    pandas, whose import takes longer than all else of a command that finds nothing to do.
    """
    import pandas as pd

    def line(*ends: Any) -> Any:
        return lines(*ends)

    def place(*ends: Any) -> Any:
        return places(ends[0], ends[1], ends[2], ends[3], (ends[4], ends[5]))

    each, columns = {"lines": (line, _LINE), "places": (place, _PLACE)}[name]
    # Spark tells the kind of the function by these.
    each.__annotations__ = {"ends": pd.Series, "return": pd.DataFrame}
    kind = StructType([StructField(column, DoubleType()) for column in columns])
    made: Callable[..., Column] = F.pandas_udf(each, kind)  # type: ignore[call-overload]
    return made


def geodesic(lon: str, lat: str, to_lon: str, to_lat: str) -> Column:
    """`struct<distance_m, bearing_deg>` from one position to another; columns in degrees."""
    return _udf("lines")(lon, lat, to_lon, to_lat)


def step_and_depot(before: tuple[str, str], depot: tuple[str, str], to: tuple[str, str]) -> Column:
    """`struct<previous_m, bearing_deg, distance_from_depot_m>` of a position; each pair names the
    columns of a longitude and a latitude in degrees."""
    return _udf("places")(*before, *depot, *to)
