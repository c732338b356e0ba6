"""DuckDB as this library starts it: it reaches nothing but what it was given."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from strata.fs import duck


def test_it_reads_what_it_was_given_and_spills_where_it_was_told(tmp_path: Path) -> None:
    spill = tmp_path / "spill"
    with duck.connect(f"temp_directory = '{spill}'", "threads = 1") as engine:
        engine.register("given", pa.table({"n": [2, None, 1]}))
        found = engine.sql("SELECT n FROM given ORDER BY n").fetchall()
        told = engine.sql("SELECT current_setting('threads'), current_setting('TimeZone')")
        assert (found, told.fetchall()) == ([(None,), (1,), (2,)], [(1, "UTC")])
    assert not spill.exists()


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM '{folder}/rows.csv'",
        "SELECT * FROM read_text('{folder}/rows.csv')",
        "COPY (SELECT 1) TO '{folder}/out.csv'",
        "ATTACH '{folder}/other.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
    ],
)
def test_it_reaches_no_file_and_no_extension(tmp_path: Path, query: str) -> None:
    (tmp_path / "rows.csv").write_text("a\n1\n")
    with duck.connect() as engine, pytest.raises(duckdb.Error):
        engine.execute(query.format(folder=tmp_path))


def test_a_variable_of_the_program_is_no_table() -> None:
    rows = pa.table({"n": [1]})
    with duck.connect() as engine, pytest.raises(duckdb.CatalogException):
        engine.execute("SELECT * FROM rows")
    assert rows.num_rows == 1
