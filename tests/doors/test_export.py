"""Copies of published tables: the same values in every form, whole or not at all, never older over newer."""

from __future__ import annotations

import csv
import fcntl
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pyarrow import parquet
from strata import failpoint
from strata.declare.contract import load_contract
from strata.errors import GateFailed, LeaseHeld, UsageError
from strata.lake.versions import Warehouse
from strata.serve.export import Copied, copy_tables

from tests.doors.publishing import publish

MONTHS = [
    {
        "period": "month",
        "period_start": date(2024, 1, 1),
        "currency": "EUR",
        "orders": 2,
        "units": 5,
        "revenue": Decimal("1234567890123456.78"),
        "revenue_change": None,
    },
    {
        "period": "month",
        "period_start": date(2024, 2, 1),
        "currency": "EUR",
        "orders": 1,
        "units": -1,
        "revenue": Decimal("-0.05"),
        "revenue_change": Decimal("-1234567890123456.83"),
    },
    {
        "period": "week",
        "period_start": date(2024, 1, 1),
        "currency": "EUR",
        "orders": 3,
        "units": 4,
        "revenue": Decimal("9.00"),
        "revenue_change": Decimal("0.00"),
    },
]
BEST = [
    {
        "category_id": "1",
        "currency": "EUR",
        "rank": 1,
        "category_name": 'Tea, "loose"',
        "product_id": "=1+1",
        "product_name": "Žluť\n🍵",
        "units": 3,
        "revenue": Decimal("10.00"),
    },
    {
        "category_id": "1",
        "currency": "EUR",
        "rank": 2,
        "category_name": 'Tea, "loose"',
        "product_id": "p2",
        "product_name": "",
        "units": 2,
        "revenue": Decimal("9.99"),
    },
    {
        "category_id": "1",
        "currency": "EUR",
        "rank": 11,
        "category_name": 'Tea, "loose"',
        "product_id": "p3",
        "product_name": None,
        "units": 1,
        "revenue": Decimal("0.01"),
    },
]
TURNS = [
    {
        "core_id": "c1",
        "reuse_number": 1,
        "flight_id": "f2",
        "launch_at": datetime(2020, 3, 1, 12, 0, 0, 1, timezone.utc),
        "launch_year": 2020,
        "previous_flight_id": "f1",
        "previous_launch_at": datetime(2020, 2, 1, tzinfo=timezone.utc),
        "turnaround_rule": "exact",
        "least_turnaround_days": 29.5,
        "turnaround_days": 29.5,
    },
    {
        "core_id": "c2",
        "reuse_number": 1,
        "flight_id": "f4",
        "launch_at": datetime(2020, 6, 1, tzinfo=timezone.utc),
        "launch_year": 2020,
        "previous_flight_id": "f3",
        "previous_launch_at": datetime(2020, 4, 1, tzinfo=timezone.utc),
        "turnaround_rule": "exact",
        "least_turnaround_days": 61.0,
        "turnaround_days": 61.0,
    },
]
TRENDS, TOP, TURNAROUNDS = (
    "gold.commerce_trends",
    "gold.commerce_top_products",
    "gold.launches_core_turnarounds",
)
FORMS = ("out.sqlite", "out.duckdb", "parquet", "csv")


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    made = Warehouse(str(tmp_path / "warehouse"))
    publish(made, "commerce", {TRENDS: MONTHS, TOP: BEST})
    publish(made, "launches", {TURNAROUNDS: TURNS})
    return made


def copy(warehouse: Warehouse, place: Path, *tables: str, **more: Any) -> dict[str, str]:
    """Copies and returns each table's outcome."""
    form = "csv" if place.name == "csv" else "parquet"
    done: tuple[Copied, ...] = copy_tables(warehouse, tables, str(place), form, **more)
    return {one.table: one.outcome for one in done}


def rows(place: Path, name: str) -> list[tuple[Any, ...]]:
    """A copied table's rows as its own readers give them, in order of the first two columns."""
    if place.suffix == ".sqlite":
        with sqlite3.connect(place) as connection:
            return connection.execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall()
    if place.suffix == ".duckdb":
        with duckdb.connect(str(place), read_only=True) as connection:
            return connection.execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall()
    entry = next(e for e in manifest(place)["tables"] if e["table_name"] == name)
    files = [place / file["path"] for file in entry["files"]]
    if place.name == "csv":
        return sorted(
            tuple(row)
            for file in files
            for row in list(csv.reader(file.open(encoding="utf-8", newline="")))[1:]
        )
    return sorted(
        tuple(row.values()) for file in files for row in parquet.read_table(file).to_pylist()
    )


def manifest(place: Path) -> Mapping[str, Any]:
    return json.loads((place / "manifest.json").read_text())


def test_every_form_has_every_value_exactly(warehouse: Warehouse, tmp_path: Path) -> None:
    for form in FORMS:
        copy(warehouse, tmp_path / form, "commerce_trends", "commerce_top_products")
    exact = [tuple(row.values()) for row in MONTHS]
    assert rows(tmp_path / "parquet", "commerce_trends") == exact
    assert rows(tmp_path / "out.duckdb", "commerce_trends") == exact
    # Hundredths are exact; the number made of them is what a double holds.
    assert rows(tmp_path / "out.sqlite", "commerce_trends") == [
        ("month", "2024-01-01", "EUR", 2, 5, 123456789012345678, 1234567890123456.8, None, None),
        ("month", "2024-02-01", "EUR", 1, -1, -5, -0.05, -123456789012345683, -1234567890123456.8),
        ("week", "2024-01-01", "EUR", 3, 4, 900, 9.0, 0, 0.0),
    ]
    assert rows(tmp_path / "csv", "commerce_trends")[1] == (
        "month",
        "2024-02-01",
        "EUR",
        "1",
        "-1",
        "-0.05",
        "-1234567890123456.83",
    )
    names = [
        row[6 if form == "out.sqlite" else 5]
        for form in FORMS[:3]
        for row in rows(tmp_path / form, "commerce_top_products")
    ]
    assert names == ["Žluť\n🍵", "", None] * 3 or len(names) == 9
    text = (
        tmp_path / "csv" / manifest(tmp_path / "csv")["tables"][0]["files"][0]["path"]
    ).read_text()
    assert ',"",2,9.99' in text, "an empty text is not NULL"
    assert ",,1,0.01" in text, "NULL is nothing"


def test_in_sqlite_an_early_instant_sorts_as_time_does(tmp_path: Path) -> None:
    early = {**TURNS[0], "launch_at": datetime(1, 1, 1, tzinfo=timezone.utc)}
    warehouse = Warehouse(str(tmp_path / "early"))
    publish(warehouse, "launches", {TURNAROUNDS: [early]})
    copy(warehouse, tmp_path / "e.sqlite", "launches_core_turnarounds")
    (row,) = rows(tmp_path / "e.sqlite", "launches_core_turnarounds")
    assert row[3] == "0001-01-01 00:00:00.000000"


def test_times_and_comments(warehouse: Warehouse, tmp_path: Path) -> None:
    copy(warehouse, tmp_path / "l.sqlite", "launches_core_turnarounds")
    copy(warehouse, tmp_path / "l.duckdb", "launches_core_turnarounds")
    (first, _) = rows(tmp_path / "l.sqlite", "launches_core_turnarounds")
    assert first[3] == "2020-03-01 12:00:00.000001"
    with duckdb.connect(str(tmp_path / "l.duckdb"), read_only=True) as connection:
        said = connection.execute(
            "SELECT comment FROM duckdb_columns() WHERE column_name = 'turnaround_days' AND table_name = 'launches_core_turnarounds'"
        ).fetchall()
        instant = connection.execute(
            "SELECT epoch_us(launch_at) FROM launches_core_turnarounds ORDER BY core_id"
        ).fetchall()
    assert instant[0] == (int(TURNS[0]["launch_at"].timestamp() * 1_000_000 + 0.5),)
    with sqlite3.connect(tmp_path / "l.sqlite") as connection:
        noted = connection.execute(
            "SELECT description || ' [' || unit || ']' FROM strata_columns WHERE column_name = 'turnaround_days'"
        ).fetchall()
    assert said == noted
    assert said[0][0].endswith("[d]")


@pytest.mark.parametrize("form", ["out.sqlite", "out.duckdb"])
def test_the_questions_are_views(warehouse: Warehouse, tmp_path: Path, form: str) -> None:
    copy(warehouse, tmp_path / form, "commerce_top_products", "launches_core_turnarounds")
    best = [(row[2], row[3]) for row in rows(tmp_path / form, "best_sellers_by_category")]
    assert best == [(1, "=1+1"), (2, "p2")]
    assert [row[0] for row in rows(tmp_path / form, "quick_turnarounds")] == ["c1"]
    assert [
        row[4]
        for row in rows(tmp_path / form, "strata_exports")
        if row[0] == "commerce_top_products"
    ] == ["run-commerce-1"]


def test_look_ups_use_an_index_in_sqlite(warehouse: Warehouse, tmp_path: Path) -> None:
    copy(warehouse, tmp_path / "q.sqlite", "commerce_top_products")
    with sqlite3.connect(tmp_path / "q.sqlite") as connection:
        plans = [
            connection.execute(
                f"EXPLAIN QUERY PLAN SELECT * FROM commerce_top_products WHERE {where}"
            ).fetchall()[0][3]
            for where in (
                "category_id = '1' AND currency = 'EUR' AND rank = 1",
                "product_id = 'p2'",
                "units = 2",
            )
        ]
    assert plans == [
        "SEARCH commerce_top_products USING INDEX commerce_top_products_category_id_currency_rank_key (category_id=? AND currency=? AND rank=?)",
        "SEARCH commerce_top_products USING INDEX commerce_top_products_product_id_idx (product_id=?)",
        "SCAN commerce_top_products",
    ]


def test_look_ups_use_an_index_in_duckdb_and_dates_leave_out_row_groups(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    days = [date(2020, 1, 1) + timedelta(n) for n in range(1500)]
    sold = [
        {
            "sale_date": day,
            "product_id": f"p{n}",
            "currency": "EUR",
            "units": 1,
            "revenue": Decimal(1),
            "orders": 1,
        }
        for day in days
        for n in range(100)
    ]
    publish(warehouse, "commerce", {"gold.commerce_daily_product_sales": sold})
    copy(warehouse, tmp_path / "q.duckdb", "commerce_daily_product_sales")
    with duckdb.connect(str(tmp_path / "q.duckdb"), read_only=True) as connection:
        where = "EXPLAIN ANALYZE SELECT * FROM commerce_daily_product_sales WHERE "
        plans = [
            str(connection.execute(where + text).fetchall()[0][1])
            for text in ("product_id = 'p7'", "sale_date = '2020-01-05'")
        ]
    assert "Index Scan" in plans[0]
    assert "Sequential Scan" in plans[1]
    assert "Row Groups Scanned: 1 / 2" in plans[1]


@pytest.mark.parametrize("form", FORMS)
def test_an_increment_copies_what_changed(warehouse: Warehouse, tmp_path: Path, form: str) -> None:
    place = tmp_path / form
    assert set(copy(warehouse, place, "gold.commerce_*").values()) == {"copied"}
    assert copy(warehouse, place, "commerce_trends") == {TRENDS: "up to date", TOP: "up to date"}
    publish(warehouse, "commerce", {TRENDS: MONTHS[:1]})
    # The other table of the feed moves along: a copy holds one publication of a feed.
    assert copy(warehouse, place, "commerce_trends") == {TRENDS: "copied", TOP: "same rows"}
    assert len(rows(place, "commerce_trends")) == 1
    assert len(rows(place, "commerce_top_products")) == 3
    copy(warehouse, place, "launches_core_turnarounds")
    assert len(rows(place, "commerce_trends")) == 1


@pytest.mark.parametrize("form", FORMS)
def test_never_older_over_newer(warehouse: Warehouse, tmp_path: Path, form: str) -> None:
    newer = Warehouse(str(tmp_path / "newer"))
    publish(newer, "commerce", {TRENDS: MONTHS})
    publish(newer, "commerce", {TRENDS: MONTHS[:2]})
    copy(newer, tmp_path / form, "commerce_trends")
    with pytest.raises(UsageError, match="holds publication 2 of commerce"):
        copy(warehouse, tmp_path / form, "commerce_trends")
    assert len(rows(tmp_path / form, "commerce_trends")) == 2


def test_internal_tables_stay_inside(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    public = {
        "authority_code": "E1",
        "is_authority": True,
        "people": None,
        "is_suppressed": True,
        "suppressed_below": 10,
        "rounded_to": 1,
    }
    inner = "gold.residents_by_authority_internal"
    publish(
        warehouse,
        "residents",
        {"gold.residents_by_authority": [public], inner: [], "silver.residents_people": []},
    )
    for table in (inner, "silver.residents_people"):
        with pytest.raises(UsageError, match="stays inside"):
            copy(warehouse, tmp_path / "r.sqlite", table)
    assert not (tmp_path / "r.sqlite").exists()
    assert copy(warehouse, tmp_path / "r.sqlite", "*residents*") == {
        "gold.residents_by_authority": "copied"
    }
    (row,) = rows(tmp_path / "r.sqlite", "residents_by_authority")
    assert row[4] is None, "what is suppressed stays suppressed"
    assert copy(warehouse, tmp_path / "i.sqlite", inner, allow_internal=True) == {inner: "copied"}


def test_names_that_mean_nothing(warehouse: Warehouse, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"did you mean gold\.commerce_trends"):
        copy(warehouse, tmp_path / "x.sqlite", "commerce_trend")
    with pytest.raises(UsageError, match="means none"):
        copy(warehouse, tmp_path / "x.sqlite", "gold.shop*")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("do not touch")
    with pytest.raises(UsageError, match="holds other files"):
        copy(warehouse, tmp_path / "mine", "commerce_trends")
    # Not by Avro or dBASE, whose writers cut values: findings/fastavro_cuts_fractions.sh.
    with pytest.raises(UsageError, match="holds parquet or csv; got 'avro'"):
        copy_tables(warehouse, ["commerce_trends"], str(tmp_path / "x"), "avro")


@pytest.mark.parametrize("form", FORMS)
def test_a_copy_that_does_not_add_up_does_not_appear(
    warehouse: Warehouse, tmp_path: Path, form: str
) -> None:
    place = tmp_path / form
    copy(warehouse, place, "commerce_trends")
    publish(warehouse, "commerce", {TRENDS: MONTHS[:2]}, counted={TRENDS: 7})
    with pytest.raises(GateFailed, match="published with 7 and 2 were read"):
        copy(warehouse, place, "commerce_trends")
    assert len(rows(place, "commerce_trends")) == 3


def test_sqlite_refuses_nan_and_duckdb_keeps_it(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    publish(warehouse, "launches", {TURNAROUNDS: [{**TURNS[0], "turnaround_days": float("nan")}]})
    with pytest.raises(GateFailed, match="NaN"):
        copy(warehouse, tmp_path / "n.sqlite", "launches_core_turnarounds")
    copy(warehouse, tmp_path / "n.duckdb", "launches_core_turnarounds")
    assert str(rows(tmp_path / "n.duckdb", "launches_core_turnarounds")[0][9]) == "nan"


def test_one_copy_at_a_time(warehouse: Warehouse, tmp_path: Path) -> None:
    with (tmp_path / ".out.sqlite.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(LeaseHeld, match="another is under way"):
            copy(warehouse, tmp_path / "out.sqlite", "commerce_trends")


STOPS = (
    ("out.sqlite", "export.table"),
    ("out.duckdb", "export.table"),
    ("parquet", "export.file"),
    ("out.sqlite", "export.finished"),
    ("out.duckdb", "export.finished"),
    ("parquet", "export.finished"),
)


@pytest.mark.parametrize(("form", "point"), STOPS)
def test_stopped_and_run_again(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, point: str
) -> None:
    place, both = tmp_path / form, ("commerce_trends", "commerce_top_products")
    copy(warehouse, place, *both)
    publish(warehouse, "commerce", {TRENDS: MONTHS[:1], TOP: BEST[:1]})
    where = "" if point == "export.finished" else f"@{TRENDS}"
    with monkeypatch.context() as armed:
        armed.setattr(failpoint, "armed", failpoint.parse(f"{point}{where}=crash"))
        with pytest.raises(failpoint.Crash):
            copy(warehouse, place, "commerce_trends")
    assert [len(rows(place, name)) for name in both] == [3, 3], "the older copy stands whole"
    again = copy(warehouse, place, "commerce_trends")
    assert [len(rows(place, name)) for name in both] == [1, 1]
    if form.startswith("out."):
        assert again[TOP] == "same rows", "what was finished is not copied twice"
    assert [item.name for item in tmp_path.iterdir() if ".part" in item.name] == []


def test_killed_in_the_midst(warehouse: Warehouse, tmp_path: Path) -> None:
    """A process that no handler of ours ends: the command, and SIGKILL."""
    place = tmp_path / "out.sqlite"
    main = "import sys; from strata.cli import command; sys.exit(command.main())"
    command = [sys.executable, "-c", main, "export", "commerce_t*", "--to", str(place)]
    killed = subprocess.run(
        [*command, "--warehouse", warehouse.root],
        env={**os.environ, "STRATA_FAILPOINT": f"export.table@{TRENDS}"},
        start_new_session=True,
        capture_output=True,
        timeout=120,
    )
    assert killed.returncode == -9, killed.stderr
    assert not place.exists()
    assert copy(warehouse, place, "commerce_t*") == {TOP: "same rows", TRENDS: "copied"}


OPEN, INNER = "gold.residents_by_authority", "gold.residents_by_authority_internal"


@pytest.fixture
def residents(tmp_path: Path) -> Warehouse:
    made = Warehouse(str(tmp_path / "residents"))
    code = "E09-UNSUPPRESSED"
    inner = {field.name: 7 for field in load_contract(INNER).fields if not field.is_provenance}
    inner |= {"as_of_date": None, "authority_code": code, "authority_name": code}
    shown = {
        "authority_code": "E1",
        "is_authority": True,
        "people": None,
        "is_suppressed": True,
        "suppressed_below": 10,
        "rounded_to": 1,
    }
    publish(made, "residents", {OPEN: [shown], INNER: [inner | {"is_authority": True}]})
    return made


@pytest.mark.parametrize("is_first", [True, False], ids=["first", "next"])
@pytest.mark.parametrize("form", FORMS)
def test_what_a_stopped_internal_copy_left_is_in_no_public_one(
    residents: Warehouse,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    form: str,
    is_first: bool,
) -> None:
    place = tmp_path / form
    if not is_first:
        copy(residents, place, OPEN)
        (place / "own" / "publication-1" if place.is_dir() else tmp_path / "own").mkdir(
            parents=True
        )
    with monkeypatch.context() as armed:
        armed.setattr(failpoint, "armed", failpoint.parse("export.finished=crash"))
        with pytest.raises(failpoint.Crash):
            copy(residents, place, OPEN, INNER, allow_internal=True)
    if not is_first:
        publish(residents, "residents", {})
    copy(residents, place, OPEN)
    assert len(rows(place, "residents_by_authority")) == 1
    if place.is_dir():
        names = {str(path.relative_to(place)) for path in place.rglob("*")}
        assert [name for name in names if "_internal" in name or "begun" in name] == []
        assert is_first or "own/publication-1" in names, "what is not ours stays"
    else:
        assert b"UNSUPPRESSED" not in place.read_bytes()
        assert [row[0] for row in rows(place, "strata_exports")] == ["residents_by_authority"]


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_a_copy_that_is_up_to_date_still_removes_what_was_begun(
    residents: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    place = tmp_path / form
    copy(residents, place, OPEN)
    with monkeypatch.context() as armed:
        armed.setattr(failpoint, "armed", failpoint.parse("export.finished=crash"))
        with pytest.raises(failpoint.Crash):
            copy(residents, place, INNER, allow_internal=True)
    assert copy(residents, place, OPEN) == {OPEN: "up to date"}
    assert list(place.rglob("*_internal*")) == []


def test_rows_that_went_are_not_in_an_sqlite_file(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Plain(sqlite3.Connection):
        """As most builds of SQLite are; Debian's overwrites what is deleted by itself."""

        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more)
            self.execute("PRAGMA secure_delete = OFF")

    connect = partial(sqlite3.connect, factory=Plain)
    monkeypatch.setattr("strata.serve.export.sqlite.sqlite3.connect", connect)
    place, gone = tmp_path / "out.sqlite", "forgotten-" * 2000
    publish(warehouse, "commerce", {TOP: [BEST[0] | {"product_name": gone}]})
    copy(warehouse, place, TOP)
    assert b"forgotten-" in place.read_bytes()
    publish(warehouse, "commerce", {TOP: BEST[1:]})
    copy(warehouse, place, TOP)
    assert b"forgotten-" not in place.read_bytes()
