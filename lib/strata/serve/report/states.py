"""The figures of the quality part: where rows went, run times, the trend of quarantine, lineage."""

from __future__ import annotations

from typing import Any

from strata.kit.chart import Chart, Mark
from strata.serve.report.figures import figure
from strata.serve.report.quality import Quality
from strata.serve.report.style import COLOURS, layout


def figures(found: Quality) -> dict[str, dict[str, Any]]:
    """By name; a trend only where there are two publications to compare."""
    drawn = {"rows": _rows(found), "seconds": _seconds(found), "lineage": _lineage(found)}
    if len(found.trend) > 1:
        drawn["trend"] = _trend(found)
    return drawn


def _short(table: str, feed: str) -> str:
    return table.replace(f".{feed}_", ".")


def _rows(found: Quality) -> dict[str, Any]:
    """Shares of the rows that came in, so that small tables show too."""
    names = ("Accepted", "Folded", "Quarantined")
    rows = [
        {
            "Table": _short(gate.table, found.feed),
            **{
                name: round(100 * part / gate.rows_in, 2) if gate.rows_in else 0
                for name, part in zip(
                    names, (gate.accepted, gate.folded, gate.quarantined), strict=True
                )
            },
        }
        for gate in found.gates
    ]
    drawn = figure(Chart("", "", Mark.BARS, "Table", names), rows, [])
    drawn["layout"]["xaxis"]["title"] = {"text": "% of the rows in"}
    return drawn


def _seconds(found: Quality) -> dict[str, Any]:
    rows = [
        {"Table": _short(gate.table, found.feed), "Seconds": gate.seconds} for gate in found.gates
    ]
    return figure(Chart("", "", Mark.BARS, "Table", ("Seconds",)), rows, [])


def _trend(found: Quality) -> dict[str, Any]:
    rows = [
        {"Publication": number, "Rows waiting": waiting, "Newly quarantined": new}
        for number, _, new, waiting in found.trend
    ]
    lines = Chart("", "", Mark.LINES, "Publication", ("Rows waiting", "Newly quarantined"))
    return figure(lines, rows, [])


def _lineage(found: Quality) -> dict[str, Any]:
    """Boxes in columns, sources at the left; each column is one step further from them."""
    steps = _steps(found.lineage)
    places = _places(found.lineage, steps)
    tallest = max(places.values(), key=lambda place: place[1])[1] + 1 if places else 1
    lines = [
        {"type": "path", "path": _curve(places[start], places[end]), "layer": "below",
         "line": {"color": "#9aa7b4", "width": 1.4}}
        for start, end in found.lineage
    ]  # fmt: skip
    hidden = {"visible": False, "fixedrange": True}
    shown = layout(
        40 + int(46 * tallest),
        xaxis={**hidden, "range": [-0.5, max(steps.values(), default=0) + 0.5]},
        yaxis={**hidden, "range": [tallest - 0.4, -0.6]},
        shapes=lines,
        annotations=[_box(found.feed, name, place) for name, place in places.items()],
        showlegend=False,
    )
    # Without a trace there would be no axes to place the boxes by.
    return {"data": [{"type": "scatter", "x": [0], "y": [0], "mode": "none"}], "layout": shown}


def _steps(edges: tuple[tuple[str, str], ...]) -> dict[str, int]:
    """How far each name is from the sources, along its longest way."""
    steps = {name: 0 for edge in edges for name in edge}
    # A table is declared after its inputs, so that as many rounds as tables always suffice.
    for _ in steps:
        for start, end in edges:
            steps[end] = max(steps[end], steps[start] + 1)
    return steps


def _places(
    edges: tuple[tuple[str, str], ...], steps: dict[str, int]
) -> dict[str, tuple[int, float]]:
    """(column, row) of each name, near the rows of what it is made from."""
    places: dict[str, tuple[int, float]] = {}
    for column in sorted(set(steps.values())):
        own = [name for name, step in steps.items() if step == column]

        def wanted(name: str) -> float:
            rows = [places[start][1] for start, end in edges if end == name and start in places]
            return sum(rows) / len(rows) if rows else len(places)

        for row, name in enumerate(sorted(own, key=lambda name: (wanted(name), name))):
            places[name] = (column, float(row))
    tallest = max((row for _, row in places.values()), default=0.0)
    for column in set(steps.values()):
        own = [name for name, step in steps.items() if step == column]
        shift = (tallest - (len(own) - 1)) / 2
        places |= {name: (column, places[name][1] + shift) for name in own}
    return places


def _curve(start: tuple[int, float], end: tuple[int, float]) -> str:
    (x0, y0), (x1, y1) = start, end
    middle = x0 + 0.5 if x1 > x0 else (x0 + x1) / 2
    return f"M {x0},{y0} C {middle},{y0} {x1 - 0.5},{y1} {x1},{y1}"


def _box(feed: str, name: str, place: tuple[int, float]) -> dict[str, Any]:
    layer, _, noun = name.replace("source ", "source.").partition(".")
    colour = {"source": COLOURS[0], "bronze": COLOURS[5], "silver": "#5b6b7a"}.get(layer, "#a67600")
    return {
        "x": place[0], "y": place[1], "showarrow": False,
        "text": f"{noun.removeprefix(feed + '_')}<br><span style='font-size:10px'>{layer}</span>",
        "font": {"size": 12}, "bgcolor": "#ffffff", "bordercolor": colour, "borderwidth": 1.5,
        "borderpad": 3,
    }  # fmt: skip
