"""A chart's rows as a Plotly figure: plain dicts, readable without colour.

Series differ by pattern, dash and symbol as well as by colour.
"""

from __future__ import annotations

from typing import Any

from strata.kit.chart import Chart, Mark
from strata.serve.report import maps
from strata.serve.report.style import COLOURS, axis, layout, plain

_PATTERNS = ("", "/", ".", "x", "-", "+")
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
_SYMBOLS = ("circle", "square", "diamond", "cross", "x", "triangle-up")
_LONGEST_NAME = 26

Rows = list[dict[str, Any]]


def figure(chart: Chart, rows: Rows, points: Rows) -> dict[str, Any]:
    """The figure of a chart: `data` and `layout`, and `height` in pixels."""
    if chart.mark is Mark.MAP:
        return maps.figure(chart, rows, points)
    draw = {
        Mark.BARS: _bars,
        Mark.COLUMNS: _columns,
        Mark.LINES: _lines,
        Mark.POINTS: _points,
    }[chart.mark]
    return draw(chart, rows)


def _column(rows: Rows, name: str) -> list[Any]:
    return [plain(row[name]) for row in rows]


def _by_series(chart: Chart, rows: Rows) -> list[tuple[str, str, Rows]]:
    """(label, value column, rows) of each series."""
    if not chart.series:
        return [(name, name, rows) for name in chart.y]
    names = sorted({str(row[chart.series]) for row in rows})
    return [(n, chart.y[0], [r for r in rows if str(r[chart.series]) == n]) for n in names]


def _limits(chart: Chart, rows: Rows, value: str) -> dict[str, Any]:
    """Plotly wants distances from the value; a limit that is not known has none."""
    if not chart.low:
        return {}

    def distance(row: dict[str, Any], limit: str) -> float | None:
        if row[value] is None or row[limit] is None:
            return None
        return abs(float(row[limit]) - float(row[value]))

    return {
        "type": "data",
        "symmetric": False,
        "array": [distance(row, chart.high) for row in rows],
        "arrayminus": [distance(row, chart.low) for row in rows],
        "color": "#1d2733",
        "thickness": 1.2,
    }


def _marker(number: int) -> dict[str, Any]:
    colour = COLOURS[number % len(COLOURS)]
    # The pattern is drawn in white over the colour.
    pattern = {
        "shape": _PATTERNS[number % len(_PATTERNS)],
        "fgcolor": "#ffffff",
        "bgcolor": colour,
        "size": 7,
    }
    return {"color": colour, "pattern": pattern, "line": {"color": "#1d2733", "width": 0.6}}


def _bars(chart: Chart, rows: Rows) -> dict[str, Any]:
    # Plotly draws the first row lowest.
    rows = rows[::-1]
    every = _by_series(chart, rows)
    data = []
    for number, (label, value, own) in enumerate(every):
        trace = {
            "type": "bar",
            "orientation": "h",
            "name": label,
            "y": [str(name) for name in _column(own, chart.x)],
            "x": _column(own, value),
            "marker": _marker(number),
        }
        limits = _limits(chart, own, value)
        data.append(trace | ({"error_x": limits} if limits else {}))
    names = list(dict.fromkeys(str(name) for name in _column(rows, chart.x)))
    ticks = {"tickmode": "array", "tickvals": names, "ticktext": [_short(n) for n in names]}
    beside = bool(chart.series)
    bars = len(names) * (len(every) if beside else 1)
    return {
        "data": data,
        "layout": layout(
            max(220, 90 + (18 if beside else 24) * bars),
            barmode="group" if beside else "stack",
            showlegend=len(every) > 1,
            xaxis=axis(
                title={"text": "" if len(every) > 1 and not beside else chart.y[0]},
                nticks=5,
                tickangle=0,
            ),
            yaxis=axis(type="category", **ticks),
            shapes=_threshold(chart, "x"),
        ),
    }


def _columns(chart: Chart, rows: Rows) -> dict[str, Any]:
    every = _by_series(chart, rows)
    data = [
        {
            "type": "bar",
            "name": label,
            "x": [str(name) for name in _column(own, chart.x)],
            "y": _column(own, value),
            "marker": _marker(number),
        }
        for number, (label, value, own) in enumerate(every)
    ]
    return {
        "data": data,
        "layout": layout(
            320,
            barmode="stack",
            showlegend=len(every) > 1,
            xaxis=axis(type="category", title={"text": chart.x}),
            yaxis=axis(title={"text": chart.y[0] if len(every) == 1 else ""}),
            shapes=_threshold(chart, "y"),
        ),
    }


def _lines(chart: Chart, rows: Rows) -> dict[str, Any]:
    every = _by_series(chart, rows)
    data = [
        {
            "type": "scatter",
            "mode": "lines+markers" if len(own) <= 60 else "lines",
            "name": label,
            "x": _column(own, chart.x),
            "y": _column(own, value),
            "line": {"dash": _DASHES[number % 6], "color": COLOURS[number % 6], "width": 2},
            "marker": {"symbol": _SYMBOLS[number % 6], "size": 8},
        }
        for number, (label, value, own) in enumerate(every)
    ]
    return {
        "data": data,
        "layout": layout(
            320,
            showlegend=len(every) > 1,
            xaxis=axis(title={"text": chart.x}),
            yaxis=axis(title={"text": chart.y[0] if len(chart.y) == 1 else ""}, rangemode="tozero"),
            shapes=_threshold(chart, "y"),
        ),
    }


def _points(chart: Chart, rows: Rows) -> dict[str, Any]:
    found = _lines(chart, rows)
    for number, trace in enumerate(found["data"]):
        trace["mode"] = "markers"
        trace["marker"] |= {"color": COLOURS[number % 6], "opacity": 0.8}
    return found


def _threshold(chart: Chart, across: str) -> list[dict[str, Any]]:
    if chart.threshold is None:
        return []
    along = "y" if across == "x" else "x"
    at = {f"{across}0": chart.threshold, f"{across}1": chart.threshold}
    ends = {f"{along}0": 0, f"{along}1": 1, f"{along}ref": "paper"}
    line = {"dash": "dash", "width": 1.5, "color": "#b3261e"}
    return [{"type": "line", "line": line, **at, **ends}]


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
