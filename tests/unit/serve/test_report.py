"""The report: what stands in it, and that every feed's charts fit its tables."""

from __future__ import annotations

import json
import os
import re
import threading
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import dataset as ds
from strata.declare.contract import load_contract
from strata.declare.feed import feed_names, load_feed
from strata.errors import UsageError
from strata.kit.chart import Chart, Mark
from strata.lake.versions import Warehouse
from strata.ledger.publication import FileEntry, GateEntry
from strata.serve import duck
from strata.serve.published import Published
from strata.serve.report import charts, page, write_report
from strata.serve.report.figures import figure

from tests.unit.serve import small

DAYS = "gold.toy_days"
ROW = {"sale_date": date(2026, 2, 1), "amount_eur": Decimal("10.00"), "sales": 1}
TYPES = pa.schema(
    [("sale_date", pa.date32()), ("amount_eur", pa.decimal128(18, 2)), ("sales", pa.int64())]
)
REJECTED = pa.table({"_reasons": [["no <shop>", "no day"], ["no <shop>"]]})
RULES = (
    {"type": "a", "columns": [], "description": "sales are few", "severity": "warning", "success": False, "unexpected": 1, "observed": None},
    {"type": "b", "columns": [], "description": "a day is known", "severity": "critical", "success": True, "unexpected": 0, "observed": None},
)  # fmt: skip
GATE = GateEntry(
    DAYS,
    "whole",
    "new",
    6,
    3,
    2,
    1,
    {"same": 1},
    {"no <shop>": 2},
    3,
    3,
    2,
    1.5,
    expectations=RULES,
)
FILE = FileEntry("sales", "a.csv", "ab" * 32, 10, 6, "taken", "sales", "bronze.toy_sales")


class Page(HTMLParser):
    """What a browser would find: texts by element, and everything that could be fetched."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.ids: set[str] = set()
        self.rows: list[list[str]] = []
        self._in_cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids.add(given.get("id") or "")
        self.fetched += [
            f"{tag} {name}" for name in ("src", "srcset", "data", "action") if name in given
        ]
        if tag in ("link", "iframe", "object", "embed", "img"):
            self.fetched.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        self._in_cell = self._in_cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.rows[-1][-1] += data.strip()


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    made = Warehouse(str(tmp_path))
    for days in (1, 2):
        small.publish(
            made,
            {DAYS: pa.Table.from_pylist([ROW] * days, TYPES)},
            {DAYS: REJECTED},
            files=(FILE,),
            gates=(GATE,),
        )
    return made


def test_the_quality_part_tells_what_the_ledger_says(warehouse: Warehouse) -> None:
    now = small.START + timedelta(days=3, hours=1)
    text = page.render(Published(warehouse), now)
    found = Page(text)
    assert [DAYS, "6", "3", "1", "2", "✓ exact", "2,warning: sales are few"] in found.rows
    assert [DAYS, "no <shop>", "2"] in found.rows
    assert [DAYS, "no day", "1"] in found.rows
    assert {"quality-toy", "toy-rows", "toy-trend", "toy-seconds", "toy-lineage"} <= found.ids
    assert "publication 2, 2 days ago" in text
    assert "6 records of 1 file" in text


def test_a_balance_that_is_off_is_shouted(tmp_path: Path) -> None:
    made = Warehouse(str(tmp_path))
    off = GateEntry(DAYS, "whole", "new", 7, 3, 2, 1, {}, {}, 3, 3, 2, 1.5)
    small.publish(made, {DAYS: pa.Table.from_pylist([ROW], TYPES)}, gates=(off,))
    text = page.render(Published(made))
    assert "✗ off" in text
    assert "✗ rows do not balance" in text


def test_the_page_fetches_nothing(warehouse: Warehouse, tmp_path: Path) -> None:
    path = write_report(warehouse, tmp_path / "out" / "report.html")
    text = path.read_text(encoding="utf-8")
    assert Page(text).fetched == []
    assert "default-src 'none'" in text
    assert [item.name for item in path.parent.iterdir()] == ["report.html"]
    figures = re.search(
        r'<script id="figures" type="application/json">(.*?)</script>', text, re.DOTALL
    )
    assert figures is not None
    drawn = json.loads(figures[1])
    assert drawn["toy-trend"]["data"][0]["y"] == [2, 2]
    assert drawn["toy-rows"]["data"][2]["x"] == [33.33]


def test_nothing_published_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing is published"):
        write_report(Warehouse(str(tmp_path)), tmp_path / "r.html")


def test_a_chart_that_does_not_fit_an_older_table_leaves_the_others(tmp_path: Path) -> None:
    """The table was published before one of the columns was."""
    older = pa.table({"launch_year": [2020], "core_flights": [3]})
    made = Warehouse(str(tmp_path))
    small.publish(made, {"gold.launches_landing_years": older}, feed="launches")
    text = page.render(Published(made))
    assert "Landings by year" in text
    assert "This chart could not be drawn: the query cannot be answered" in text
    assert "quality-launches" in Page(text).ids


# --- figures --------------------------------------------------------------------------------------


def test_bars_are_told_apart_without_colour() -> None:
    chart = Chart("", "", Mark.BARS, "Name", ("A", "B"))
    rows = [{"Name": "x", "A": Decimal("1.5"), "B": 2}, {"Name": "y", "A": None, "B": 3}]
    drawn = figure(chart, rows, [])["data"]
    assert [trace["y"] for trace in drawn] == [
        ["y", "x"],
        ["y", "x"],
    ]  # The first row stands on top.
    assert [trace["x"] for trace in drawn] == [[None, 1.5], [3, 2]]
    assert len({trace["marker"]["pattern"]["shape"] for trace in drawn}) == 2


def test_lines_are_told_apart_without_colour() -> None:
    chart = Chart("", "", Mark.LINES, "Day", ("V",), series="Kind")
    rows = [{"Day": date(2026, 1, n), "V": n, "Kind": kind} for n in (1, 2) for kind in ("b", "a")]
    drawn = figure(chart, rows, [])["data"]
    assert [(t["name"], t["x"], t["y"]) for t in drawn] == [
        ("a", ["2026-01-01", "2026-01-02"], [1, 2]),
        ("b", ["2026-01-01", "2026-01-02"], [1, 2]),
    ]
    assert len({(t["line"]["dash"], t["marker"]["symbol"]) for t in drawn}) == 2


def test_limits_are_distances_from_the_value() -> None:
    chart = Chart("", "", Mark.BARS, "N", ("V",), low="L", high="H", threshold=2)
    drawn = figure(
        chart,
        [{"N": "x", "V": 2.0, "L": 1.5, "H": 3.0}, {"N": "y", "V": 1.0, "L": None, "H": None}],
        [],
    )
    assert drawn["data"][0]["error_x"]["array"] == [None, 1.0]
    assert drawn["data"][0]["error_x"]["arrayminus"] == [None, 0.5]
    assert drawn["layout"]["shapes"][0]["x0"] == 2


def test_a_map_shades_areas_and_sets_points_and_leaves_heights_out() -> None:
    import shapely

    areas = [
        {"B": shapely.force_3d(shapely.box(0, 50, 2, 52), 9).wkb, "Name": "west", "V": 1.0},
        {"B": shapely.box(2, 50, 4, 52).wkb, "Name": "east", "V": 3.0},
        {"B": shapely.box(4, 50, 6, 52).wkb, "Name": "none", "V": None},
        {"B": shapely.box(90, 0, 91, 1).wkb, "Name": "far away", "V": 9.0},
    ]
    points = [{"lon": 1.0, "lat": 51.0, "n": 4}, {"lon": 5.0, "lat": 51.0, "n": 1}]
    drawn = figure(Chart("", "", Mark.MAP, "V"), areas, points)
    shaded = {t["text"]: t["fillcolor"] for t in drawn["data"] if t.get("fill")}
    assert list(shaded) == ["west: 1", "east: 3", "none: none"]
    assert len(set(shaded.values())) == 3
    dots = drawn["data"][-1]
    assert (dots["x"], dots["y"], dots["marker"]["size"]) == (
        [1.0, 5.0],
        [51.0, 51.0],
        [20.0, 12.0],
    )
    assert drawn["layout"]["yaxis"]["scaleratio"] == pytest.approx(1.589, abs=0.001)  # 1 / cos(51°)


def test_a_map_joins_the_points_of_a_chain_and_of_no_other() -> None:
    points = [
        {"lon": 1.0, "lat": 51.0, "site": "a", "one cluster": 1},
        {"lon": 2.0, "lat": 51.5, "site": "b", "one cluster": 1},
        {"lon": 5.0, "lat": 50.0, "site": "c", "one cluster": 2},
    ]
    chains = figure(Chart("", "", Mark.MAP, "V"), [], points)["data"][-1]
    assert (chains["name"], chains["mode"], chains["connectgaps"]) == (
        "one cluster",
        "lines+markers",
        False,
    )
    assert (chains["x"], chains["text"]) == ([1.0, 2.0, None, 5.0], ["a", "b", None, "c"])


# --- every feed's charts --------------------------------------------------------------------------

ARROW = {
    "string": pa.string(), "double": pa.float64(), "float": pa.float32(), "bigint": pa.int64(), "int": pa.int32(),
    "smallint": pa.int16(), "boolean": pa.bool_(), "date": pa.date32(), "timestamp": pa.timestamp("us", "UTC"),
    "timestamp_ntz": pa.timestamp("us"), "binary": pa.binary(),
}  # fmt: skip


def _empty(table: str) -> ds.Dataset:
    fields = []
    for field in load_contract(table).fields:
        money = re.fullmatch(r"decimal\((\d+),(\d+)\)", field.type)
        kind = (
            pa.decimal128(int(money[1]), int(money[2]))
            if money
            else ARROW.get(field.type, pa.string())
        )
        fields.append(pa.field(field.name, kind))
    return ds.dataset(pa.schema(fields).empty_table())


@pytest.mark.parametrize("feed", [name for name in feed_names() if name != "toy"])
def test_charts_fit_the_contracts_and_show_nobody(feed: str) -> None:
    """Every feed has charts; each is drawn of columns that its query gives, and of no person."""
    found = charts.charts_of(feed)
    assert found, f"{feed} has no charts"
    own = set(load_feed(feed).table_names)
    for chart in found:
        for text in filter(None, (chart.query, chart.points)):
            connection = duck.connect()
            tables = duck.read_only.check(connection, text).tables
            assert tables <= own
            assert not any(name.endswith("_internal") for name in tables)
            assert not any(
                field.is_personal for name in tables for field in load_contract(name).fields
            ), tables
            for name in tables:
                connection.register("t_" + name.replace(".", "_"), _empty(name))
                layer, noun = name.split(".")
                connection.execute(f"create schema if not exists {layer}")
                connection.execute(f"create view {layer}.{noun} as select * from t_{layer}_{noun}")
            columns = connection.sql(text).columns
            assert len(columns) == len(set(columns))
            if text == chart.query:
                named: set[Any] = {chart.x, *chart.y, chart.series, chart.low, chart.high} - {""}
                assert named <= set(columns), chart.title


def test_ages_are_in_words() -> None:
    assert [page.age(hours) for hours in (0.5, 1, 25, 49)] == [
        "30 minutes ago",
        "1 hour ago",
        "1 day ago",
        "2 days ago",
    ]
    assert page.cell(datetime(2026, 1, 2, 3, 4, tzinfo=timezone.utc)) == "2026-01-02 03:04"
    assert [page.cell(value) for value in (None, True, 1234, 0.12345, 98765.4)] == [
        "–",
        "yes",
        "1,234",
        "0.1235",
        "98,765",
    ]


def test_a_pipe_is_written_to_and_not_replaced(warehouse: Warehouse, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text("utf-8")), daemon=True)
    reader.start()
    write_report(warehouse, pipe)
    assert pipe.is_fifo()
    reader.join(60)
    assert read[0].startswith("<!doctype html>")
