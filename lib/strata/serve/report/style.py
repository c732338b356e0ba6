"""What all figures share: colours, text, axes."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
"""Okabe and Ito's, which people with any colour vision tell apart
(https://jfly.uni-koeln.de/color/).
"""


def layout(height: int, **own: Any) -> dict[str, Any]:
    """What all figures share; text keeps its size at any width."""
    shared: dict[str, Any] = {
        "height": height,
        "margin": {"l": 8, "r": 12, "t": 8, "b": 8},
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": "#1d2733"},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "hoverlabel": {"font": {"size": 13}},
        "xaxis": axis(),
        "yaxis": axis(),
        "dragmode": False,
    }
    return shared | own


def axis(**own: Any) -> dict[str, Any]:
    """An axis that makes room for its own text."""
    shared = {"automargin": True, "gridcolor": "#dfe5ec", "zerolinecolor": "#8a96a3"}
    return shared | own


def plain(value: Any) -> Any:
    """A value that JSON has; Plotly takes dates as text and decimals as numbers."""
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value
