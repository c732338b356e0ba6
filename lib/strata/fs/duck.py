"""DuckDB in this process, closed: it sees Arrow's data under the names given, and nothing else. It
orders NULL and tells time as Spark does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

_CLOSED = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
    "allow_unsigned_extensions": False,
    # A name in FROM is a table that was registered, never a variable of this program.
    "python_enable_replacements": False,
    "allow_persistent_secrets": False,
}
_SETTINGS = (
    # Standard output is the answer's alone: DuckDB draws its bar there after two seconds.
    "enable_progress_bar = false",
    # Spark's ways: every time in UTC, NULL first when ascending and last when descending.
    "TimeZone = 'UTC'",
    "default_null_order = 'nulls_first_on_asc_last_on_desc'",
    # Last: without access the folder for spilling could not be named.
    "enable_external_access = false",
)


def connect(*settings: str) -> duckdb.DuckDBPyConnection:
    """An empty engine in memory that reaches no file, extension or network; with these settings of
    its own, each as `name = value`.
    """
    import duckdb

    engine = duckdb.connect(":memory:", config=dict(_CLOSED))
    for setting in (*settings, *_SETTINGS):
        engine.execute(f"SET {setting}")
    return engine
