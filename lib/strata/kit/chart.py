"""How a feed shows its answers in the report: a question, the SQL that answers it, and a mark.

The query's column names are what readers see, so it names them in words and with their unit:
`select country_name as "Country", soc_mean_pct as "Organic carbon, %"`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Mark(str, Enum):
    """How the rows are drawn."""

    BARS = "bars"
    """One bar a row, lying, so that names can be read; several values are stacked."""

    COLUMNS = "columns"
    """One column a row, standing: for years and other short names in order."""

    LINES = "lines"
    """One line a value or a series, over time."""

    POINTS = "points"
    """One point a row."""

    MAP = "map"
    """Areas shaded by a value, and points; both by longitude and latitude in degrees."""


@dataclass(frozen=True)
class Chart:
    """One chart of the report, and the table beside it."""

    title: str
    """The question or its answer, as a heading."""

    query: str
    """One read-only query of published tables. Its rows are the chart's, and the table's.

    A map's first column is the area's boundary as WKB, and its second the area's name; a map of
    points alone has neither.
    """

    mark: Mark
    x: str
    """The column of names, times or years; for a map, of the value that shades the areas."""

    y: tuple[str, ...] = ()
    """The columns of values; for a map none."""

    series: str = ""
    """The column whose values tell lines or bars apart, where there is one."""

    low: str = ""
    high: str = ""
    """The columns of the limits of the first value."""

    threshold: float | None = None
    """A value that matters, drawn as a line."""

    points: str = ""
    """For a map, a query of points: longitude, latitude, and a name or a weight for each. A fourth
    column joins the points of one chain, in the order of the rows; its name stands in the legend.
    """

    note: str = ""
    """What one must know to read it right."""
