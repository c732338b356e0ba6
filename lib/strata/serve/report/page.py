"""Puts the report together: reads, draws, and writes one HTML file whole."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timezone
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Any

from strata import __version__
from strata.declare import feed as feeds
from strata.declare.feed import Feed
from strata.errors import UsageError
from strata.fs.trouble import explain
from strata.fs.whole import written_whole
from strata.lake.versions import Warehouse
from strata.serve import duck
from strata.serve.published import Published
from strata.serve.report import charts, quality, states
from strata.serve.report.charts import Drawn
from strata.serve.report.quality import Quality

PAGE_NAME = "report.html"
_LONG = 40
"""Characters from which on a text gets a wide column."""


@dataclass(frozen=True)
class Section:
    """What the page has of one feed."""

    name: str
    drawn: tuple[Drawn, ...]
    missing: tuple[tuple[str, str], ...]
    """(title, why) of charts that could not be drawn of what is published."""
    quality: Quality
    figures: dict[str, dict[str, Any]]
    """Figures of the quality part, by name."""


def write_report(warehouse: Warehouse, path: Path, at: str | None = None) -> Path:
    """Writes the report of what is published; returns the file.

    UsageError where nothing is published, or the path is no place for a file; ResourceMissing
    where the machine lacks what it takes.
    """
    text = render(Published(warehouse, at))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as part:
            part.write_text(text, encoding="utf-8")
    except OSError as error:
        raise explain(error) or UsageError(
            f"the report is a file; {path} cannot be written: {error}"
        ) from None
    return path


def render(published: Published, now: datetime | None = None) -> str:
    """The page as HTML; UsageError where nothing is published."""
    import jinja2

    now = now or datetime.now(timezone.utc)
    with duck.Session(published) as session:
        every = [_section(session, feed, now) for feed in feeds.all_feeds()]
    sections = [section for section in every if section is not None]
    if not sections:
        when = "yet" if published.at is None else "at that time: `strata publications` lists when"
        raise UsageError(f"nothing is published in {published.warehouse.root} {when}")
    home = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    home.filters |= {"cell": cell, "count": count, "age": age, "kinds": kinds}
    template = home.from_string(_asset("page.html.j2"))
    return template.render(
        sections=sections,
        written_at=now,
        version=__version__,
        style=_asset("page.css"),
        script=_asset("page.js"),
        library=_library(),
        figures=_embedded(sections),
    )


def _section(session: duck.Session, feed: Feed, now: datetime) -> Section | None:
    found = quality.quality_of(session.published, feed, now)
    if found is None:
        return None
    drawn: list[Drawn] = []
    missing: list[tuple[str, str]] = []
    for chart in charts.charts_of(feed.name):
        try:
            made = charts.draw(session, chart)
        except UsageError as error:
            # A table published by an older release may lack a column; the others have theirs.
            missing.append((chart.title, str(error)))
            continue
        if made is not None:
            drawn.append(made)
    return Section(feed.name, tuple(drawn), tuple(missing), found, states.figures(found))


def _embedded(sections: Sequence[Section]) -> str:
    """All figures as JSON that may stand in a script element."""
    found = {}
    for section in sections:
        for number, drawn in enumerate(section.drawn):
            found[f"{section.name}-{number}"] = drawn.figure
        for name, figure in section.figures.items():
            found[f"{section.name}-{name}"] = figure
    text = json.dumps(found, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("</", "<\\/").replace("<!--", "<\\!--")


def _library() -> str:
    """Plotly's script (MIT), from its package; its licence stands at its beginning."""
    script = resources.files("plotly") / "package_data" / "plotly.min.js"
    return script.read_text(encoding="utf-8").replace("</script", "<\\/script")


def _asset(name: str) -> str:
    return (resources.files("strata.serve.report") / name).read_text(encoding="utf-8")


# --- words ---------------------------------------------------------------------------------------


def cell(value: Any) -> str:
    """A value of a table as people read it; a dash where there is none."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, Decimal)):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def kinds(rows: Sequence[Sequence[Any]], width: int) -> list[str]:
    """The class of each column: `number`, `date`, `long` or none, by its first value."""

    def kind(place: int) -> str:
        value = next((row[place] for row in rows if row[place] is not None), None)
        if isinstance(value, bool):
            return ""
        if isinstance(value, (int, float, Decimal)):
            return "number"
        is_long = any(len(str(row[place])) > _LONG for row in rows)
        return "date" if isinstance(value, date) else "long" if is_long else ""

    return [kind(place) for place in range(width)]


def count(number: int, noun: str) -> str:
    """`1 file`, `2 files`, `1,000 files`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def age(hours: float) -> str:
    """How long ago, in the unit that fits."""
    for unit, size in (("day", 24.0), ("hour", 1.0)):
        if hours >= size:
            return f"{count(int(hours // size), unit)} ago"
    return f"{count(max(0, int(hours * 60)), 'minute')} ago"
