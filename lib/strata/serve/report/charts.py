"""A feed's charts, found by its name, and what each of them shows."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from functools import cache
from typing import Any

from strata.errors import UsageError
from strata.kit.chart import Chart
from strata.serve import duck
from strata.serve.report.figures import figure

ROWS_SHOWN = 200
"""Rows of a table beside a chart; the chart draws all of them."""


@dataclass(frozen=True)
class Drawn:
    """A chart with its rows."""

    chart: Chart
    figure: dict[str, Any]
    columns: tuple[str, ...]
    rows: list[list[Any]]
    """At most ROWS_SHOWN of them, as they are; boundaries left out."""
    total: int
    query: str


@cache
def charts_of(feed: str) -> tuple[Chart, ...]:
    """`CHARTS` of `strata.feeds.<feed>.charts`, or of the feed's own module; else ()."""
    names = (f"strata.feeds.{feed}.charts", f"strata.feeds.{feed}")
    for name in names:
        try:
            found = importlib.util.find_spec(name)
        except ModuleNotFoundError:  # The feed is one module.
            continue
        if found is not None:
            charts = getattr(importlib.import_module(name), "CHARTS", None)
            if charts is not None:
                return tuple(charts)
    return ()


def draw(session: duck.Session, chart: Chart) -> Drawn | None:
    """The chart of what is published; None where a table it needs is not, or has no row."""
    texts = [text for text in (chart.query, chart.points) if text]
    needed = {name for text in texts for name in session.tables_of(text)}
    if not all(name in session.published for name in needed):
        return None
    rows = _rows(session, chart.query)
    points = _rows(session, chart.points) if chart.points else []
    if not rows:
        return None
    columns = tuple(name for name, value in rows[0].items() if not isinstance(value, bytes))
    shown = [[row[name] for name in columns] for row in rows[:ROWS_SHOWN]]
    query = "\n".join(line for line in chart.query.splitlines() if line.strip())
    return Drawn(chart, figure(chart, rows, points), columns, shown, len(rows), query)


def _rows(session: duck.Session, text: str) -> list[dict[str, Any]]:
    table = session.query(text)
    if len(set(table.column_names)) < table.num_columns:
        raise UsageError(f"a chart's columns have names of their own; got {table.column_names}")
    rows: list[dict[str, Any]] = table.to_pylist(maps_as_pydicts="lossy")
    return rows
