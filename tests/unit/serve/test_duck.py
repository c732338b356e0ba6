"""`strata sql` by DuckDB: values as Spark has them, pinned sets, and nothing but reading."""

from __future__ import annotations

import os
from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from strata.errors import Damaged, UsageError
from strata.lake.versions import Warehouse
from strata.serve import duck, read_only
from strata.serve.published import Published

from tests.unit.serve import small

DAYS, SALES = "gold.toy_days", "silver.toy_sales"
REFUSED = [
    line
    for line in (Path(__file__).parent / "refused.sql").read_text().splitlines()
    if line and not line.startswith("#")
]
ROWS = [
    {"sale_date": date(2026, 2, 1), "amount_eur": Decimal("10.10"), "sales": 3},
    {"sale_date": date(2026, 2, 2), "amount_eur": Decimal("0.20"), "sales": None},
    {"sale_date": None, "amount_eur": None, "sales": 2**62},
]
TYPES = pa.schema(
    [("sale_date", pa.date32()), ("amount_eur", pa.decimal128(18, 2)), ("sales", pa.int64())]
)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    made = Warehouse(str(tmp_path_factory.mktemp("w")))
    older = [{"sale_date": date(2026, 1, 1), "amount_eur": Decimal("1.00"), "sales": 1}]
    small.publish(made, {DAYS: pa.Table.from_pylist(older, TYPES)})
    small.publish(made, {DAYS: pa.Table.from_pylist(ROWS, TYPES)})
    return made


def ask(
    warehouse: Warehouse, text: str, at: str | None = None, **params: Any
) -> list[dict[str, Any]]:
    return duck.query(Published(warehouse, at), text, params).to_pylist(maps_as_pydicts="strict")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select sum(amount_eur) x from gold.toy_days", Decimal("10.30")),
        ("select sum(sales) x from gold.toy_days", 2**62 + 3),
        ("select avg(sales) x from gold.toy_days where sales < 4", 3.0),
        ("select count(*) x from gold.toy_days where sales is null", 1),
        ("select amount_eur * 3 x from gold.toy_days where sales = 3", Decimal("30.30")),
        ("select 7 / 2 x", 3.5),
        ("select timestamptz '2026-03-29 01:30:00+02:00' x", datetime(2026, 3, 28, 23, 30, tzinfo=timezone.utc)),
        ("select cast(cast('2026-03-29 12:00:00' as timestamp) as timestamptz) x", datetime(2026, 3, 29, 12, tzinfo=timezone.utc)),
        ("select map {'a': 1} x", {"a": 1}),
        ("select [1, null] x", [1, None]),
        ("select max(published_at) x from ops.publications", datetime(2026, 3, 2, tzinfo=timezone.utc)),
        ("with d as (select * from gold.toy_days) select count(*) x from d, d as e", 9),
        ("select count(*) x from GOLD.Toy_Days", 3),
    ],
)  # fmt: skip
def test_values_are_those_of_spark(warehouse: Warehouse, text: str, expected: Any) -> None:
    assert ask(warehouse, text) == [{"x": expected}]


def test_bounds_in_the_log_hide_no_row(tmp_path: Path) -> None:
    """delta-rs, which writes here, states 9013391230201582.0 and its own filter finds nothing:
    findings/deltalake_decimal_statistics.sh.
    """
    made = Warehouse(str(tmp_path))
    row = {"sale_date": None, "amount_eur": Decimal("9013391230201582.14"), "sales": 7}
    small.publish(made, {DAYS: pa.Table.from_pylist([row], TYPES)})
    text = "select sales from gold.toy_days where amount_eur = 9013391230201582.14"
    assert ask(made, text) == [{"sales": 7}]


def test_null_sorts_as_in_spark(warehouse: Warehouse) -> None:
    up = ask(warehouse, "select sales from gold.toy_days order by sales")
    down = ask(warehouse, "select sales from gold.toy_days order by sales desc")
    assert [row["sales"] for row in up] == [None, 3, 2**62]
    assert [row["sales"] for row in down] == [2**62, 3, None]


def test_a_sum_that_does_not_fit_is_an_error_as_in_spark(warehouse: Warehouse) -> None:
    with pytest.raises(UsageError, match="64 bits"):
        ask(warehouse, "select sum(sales) * 4 from gold.toy_days")


def test_parameters_are_values_and_never_text(warehouse: Warehouse) -> None:
    text = (
        "select sales from gold.toy_days where sale_date = cast(:day as date) and ':day' <> :other"
    )
    assert ask(warehouse, text, day="2026-02-01", other="x' or 1=1 --") == [{"sales": 3}]
    with pytest.raises(UsageError, match="--param day="):
        ask(warehouse, text.replace(":day as", "$day as"), other="x")
    with pytest.raises(UsageError, match="nowhere in the query"):
        ask(warehouse, "select 1", day="2026-02-01")


def test_an_older_set_answers(warehouse: Warehouse) -> None:
    text = "select sum(sales) x from gold.toy_days where sales < 10"
    assert [ask(warehouse, text, at)[0]["x"] for at in ("toy=1", "2026-03-01", None)] == [1, 1, 3]


def test_rows_keep_the_order_asked_for_under_a_limit(warehouse: Warehouse) -> None:
    found = duck.query(
        Published(warehouse), "select range x from range(100000) order by 1 desc", limit=2
    )
    assert found.to_pylist() == [{"x": 99999}, {"x": 99998}]


def test_a_long_query_is_stopped(warehouse: Warehouse) -> None:
    endless = "select count(*) from range(100000000) a, range(100000000) b where a.range % 7 = b.range % 11"
    with pytest.raises(UsageError, match=r"0\.2 seconds"):
        duck.query(Published(warehouse), endless, seconds=0.2)


def test_a_function_of_sedona_is_spark_s(warehouse: Warehouse) -> None:
    with pytest.raises(duck.NeedsSpark, match="st_area"):
        ask(warehouse, "select ST_Area(x) from gold.toy_days")


def test_a_file_that_is_gone_is_damage_and_no_mistake_of_the_query(tmp_path: Path) -> None:
    made = Warehouse(str(tmp_path))
    small.publish(made, {DAYS: pa.Table.from_pylist(ROWS, TYPES)})
    Path(Published(made).table(DAYS).files[0].uri).unlink()
    with pytest.raises(Damaged, match="strata doctor"):
        ask(made, "select sum(sales) from gold.toy_days")


# --- reading and nothing else ------------------------------------------------------------------------


def test_what_is_refused_is_a_long_list() -> None:
    assert len(REFUSED) == len(set(REFUSED)) >= 200


def test_a_statement_that_does_more_than_read_is_refused(warehouse: Warehouse) -> None:
    connection, published = duck.connect(), Published(warehouse)
    passed = [text for text in REFUSED if not _is_refused_unread(connection, published, text)]
    # What is left are functions that DuckDB has not; it is asked in earnest.
    assert len(passed) < 8
    for text in passed:
        with pytest.raises(UsageError):
            duck.query(published, text)


def _is_refused_unread(
    connection: duckdb.DuckDBPyConnection, published: Published, text: str
) -> bool:
    try:
        for name in read_only.check(connection, text).tables:
            published.table(name)
    except UsageError:
        return True
    return False


def test_the_refused_leave_no_trace(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the look at the text, the engine itself reaches no file and keeps its settings."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "none.csv").write_text("k7q9x2\n1\n")
    before = {
        path: path.stat().st_mtime_ns for path in Path(warehouse.root).rglob("*") if path.is_file()
    }
    connection = duck.connect()
    duck.offer(connection, Published(warehouse), [DAYS])
    settings = connection.sql("select name, value from duckdb_settings() order by name").fetchall()
    answered = []
    for text in REFUSED:
        try:
            result = connection.execute(text)
            answered.append((text, result.fetchall() if result else []))
        except (duckdb.Error, RuntimeError):
            continue
    assert [(text, rows) for text, rows in answered if "k7q9x2" in str(rows)] == []
    assert os.listdir(tmp_path) == ["none.csv"]
    after = {
        path: path.stat().st_mtime_ns for path in Path(warehouse.root).rglob("*") if path.is_file()
    }
    assert after == before
    connection.execute("rollback") if _in_transaction(connection) else None
    changed = set(
        connection.sql("select name, value from duckdb_settings() order by name").fetchall()
    ) - set(settings)
    assert {name for name, _ in changed} <= {"search_path", "schema"}


def _in_transaction(connection: duckdb.DuckDBPyConnection) -> bool:
    try:
        connection.execute("begin")
    except duckdb.Error:
        return True
    connection.execute("commit")
    return False


def test_every_function_with_an_effect_is_known() -> None:
    """A newer DuckDB may bring functions that do more than compute; each must be looked at."""
    harmless = {"random", "uuid", "uuidv4", "uuidv7", "gen_random_uuid"}
    found = duckdb.sql(
        "select distinct function_name from duckdb_functions() where has_side_effects"
    ).fetchall()
    assert {name for (name,) in found} - harmless <= read_only.REFUSED_FUNCTIONS


def test_an_interrupted_query_is_an_interrupt(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> pa.Table:
        raise RuntimeError("Query interrupted")  # What DuckDB raises at Ctrl-C.

    monkeypatch.setattr(duck, "_read", interrupted)
    with pytest.raises(KeyboardInterrupt):
        duck.query(Published(warehouse), "SELECT 1")
