"""Maps without tiles: boundaries as filled outlines, points over them, in degrees.

A degree of longitude is drawn shorter than one of latitude by the cosine of the middle latitude,
so shapes look right near the middle. Outlines are simplified for the eye; nothing is computed
from them.
"""

from __future__ import annotations

import math
from typing import Any

from strata.kit.chart import Chart
from strata.serve.report.style import axis, layout

_SHADES = ("#e6f0f8", "#b9d5ea", "#84b5d8", "#4a8fbf", "#1f6499")
_NO_VALUE = "#f1f1ee"
_TOLERANCE_PARTS = 500
"""Outlines are simplified to this part of the map's width: under two pixels."""
Rows = list[dict[str, Any]]


def figure(chart: Chart, rows: Rows, points: Rows) -> dict[str, Any]:
    """Areas shaded in five steps of the value `x`, each named on hover; points as rings."""
    # A map of points alone has no boundaries among its rows.
    rows = [row for row in rows if isinstance(_boundary(row), bytes)]
    window = _window(points, rows)
    shapes = [_shape(row, window) for row in rows]
    steps = _steps([row[chart.x] for row in rows])
    data = []
    for row, (xs, ys) in zip(rows, shapes, strict=True):
        if xs:
            data.append(_area(chart, row, xs, ys, steps))
    data += _legend(chart, steps) + _dots(points)
    middle = math.radians((window[1] + window[3]) / 2)
    hidden: dict[str, Any] = {"zeroline": False}
    if rows:
        # Outlines say where it is; without them degrees do.
        hidden |= {"showgrid": False, "showticklabels": False, "automargin": False}
    return {
        "data": data,
        "layout": layout(
            460,
            xaxis=axis(range=[window[0], window[2]], **hidden),
            yaxis=axis(
                range=[window[1], window[3]], scaleanchor="x",
                scaleratio=1 / max(0.1, math.cos(middle)), **hidden,
            ),
            showlegend=True,
            hovermode="closest",
        ),
    }  # fmt: skip


def _window(points: Rows, rows: Rows) -> tuple[float, float, float, float]:
    """The points with a margin; the areas where there are none."""
    import shapely

    if points:
        first, second, *_ = points[0]
        xs, ys = [row[first] for row in points], [row[second] for row in points]
        west, south, east, north = min(xs), min(ys), max(xs), max(ys)
    else:
        shapes = [shapely.from_wkb(_boundary(row)) for row in rows]
        west, south, east, north = shapely.total_bounds(shapes) if shapes else (-10, 35, 30, 65)
    wide, high = max(0.02, (east - west) * 0.06), max(0.02, (north - south) * 0.06)
    return float(west - wide), float(south - high), float(east + wide), float(north + high)


def _boundary(row: dict[str, Any]) -> Any:
    return next(iter(row.values()))


def _shape(
    row: dict[str, Any], window: tuple[float, float, float, float]
) -> tuple[list[Any], list[Any]]:
    """The outline within the window, simplified; rings are parted by None."""
    import shapely

    west, south, east, north = window
    margin = (east - west) * 0.2
    box = shapely.box(west - margin, south - margin, east + margin, north + margin)
    whole = shapely.make_valid(shapely.from_wkb(_boundary(row)))
    drawn = shapely.simplify(whole.intersection(box), (east - west) / _TOLERANCE_PARTS)
    xs: list[Any] = []
    ys: list[Any] = []
    for part in getattr(drawn, "geoms", [drawn]):
        if part.geom_type == "Polygon" and not part.is_empty:
            for x, y, *_ in part.exterior.coords:
                xs.append(round(x, 3))
                ys.append(round(y, 3))
            xs.append(None)
            ys.append(None)
    return xs, ys


def _steps(values: list[Any]) -> list[float]:
    """Upper ends of five steps with about as many areas in each."""
    known = sorted(float(value) for value in values if value is not None)
    if not known:
        return []
    return [known[min(len(known) - 1, (len(known) * (n + 1)) // 5)] for n in range(5)]


def _shade(value: Any, steps: list[float]) -> str:
    if value is None:
        return _NO_VALUE
    return next((_SHADES[n] for n, end in enumerate(steps) if float(value) <= end), _SHADES[-1])


def _area(
    chart: Chart, row: dict[str, Any], xs: list[Any], ys: list[Any], steps: list[float]
) -> dict[str, Any]:
    value = row[chart.x]
    name = list(row.values())[1]
    told = "none" if value is None else f"{float(value):.3g}"
    return {
        "type": "scatter", "mode": "lines", "x": xs, "y": ys, "fill": "toself",
        "fillcolor": _shade(value, steps), "line": {"color": "#6b7785", "width": 0.7},
        "text": f"{name}: {told}", "hoverinfo": "text", "hoveron": "fills", "showlegend": False,
    }  # fmt: skip


def _legend(chart: Chart, steps: list[float]) -> list[dict[str, Any]]:
    """One square a shade, with its range in words: shades alone would not do."""
    named = []
    lower = None
    for shade, upper in zip(_SHADES, steps, strict=False):
        text = f"to {upper:.2f}" if lower is None else f"{lower:.2f}–{upper:.2f}"
        if upper != lower:
            named.append((shade, text))
        lower = upper
    return [
        {
            "type": "scatter", "mode": "markers", "x": [None], "y": [None], "name": text,
            "marker": {"symbol": "square", "size": 13, "color": shade,
                       "line": {"color": "#6b7785", "width": 1}},
        }
        for shade, text in named
    ]  # fmt: skip


def _dots(points: Rows) -> list[dict[str, Any]]:
    if not points:
        return []
    lon, lat, told, *chain = points[0]
    if chain:
        return [_chains(points, lon, lat, told, chain[0])]
    weights = [row[told] for row in points]
    is_weight = all(isinstance(weight, (int, float)) for weight in weights)
    largest = max(map(float, weights), default=1) or 1 if is_weight else 1
    sizes: Any = [4 + 16 * math.sqrt(float(w) / largest) for w in weights] if is_weight else 6
    return [
        {
            "type": "scatter", "mode": "markers", "name": told if is_weight else "one site",
            "x": [round(row[lon], 4) for row in points],
            "y": [round(row[lat], 4) for row in points],
            "text": [f"{told} {row[told]}" if is_weight else str(row[told]) for row in points],
            "hoverinfo": "text",
            "marker": {"size": sizes, "color": "rgba(213, 94, 0, 0.45)",
                       "line": {"color": "#7a3600", "width": 0.8}},
        }
    ]  # fmt: skip


def _chains(points: Rows, lon: str, lat: str, told: str, chain: str) -> dict[str, Any]:
    """Points that belong together as a chain in the order of the rows, so that no colour is needed
    to tell one from the next.
    """
    xs: list[float | None] = []
    ys: list[float | None] = []
    texts: list[str | None] = []
    before = points[0][chain]
    for row in points:
        if row[chain] != before:
            xs, ys, texts, before = [*xs, None], [*ys, None], [*texts, None], row[chain]
        xs.append(round(row[lon], 4))
        ys.append(round(row[lat], 4))
        texts.append(str(row[told]))
    return {
        "type": "scatter", "mode": "lines+markers", "name": chain, "x": xs, "y": ys, "text": texts,
        "hoverinfo": "text", "connectgaps": False,
        "line": {"color": "#7a3600", "width": 1.4},
        "marker": {"size": 5, "color": "rgba(213, 94, 0, 0.6)",
                   "line": {"color": "#7a3600", "width": 0.6}},
    }  # fmt: skip
