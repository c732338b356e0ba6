"""Copies of published tables for people who want no lakehouse: Parquet, CSV, SQLite and DuckDB.

A copy holds one publication of each feed, says which, is written aside and appears by one rename.
docs/EXPORT.md says which copy is right when.
"""

from strata.serve.export.copy import Copied, copy_tables
from strata.serve.export.forward import assert_newer
from strata.serve.export.source import Pinned, choose, is_internal
from strata.serve.export.tally import Tally, measure
from strata.serve.export.types import arrow_type, postgres_type

__all__ = [
    "Copied",
    "Pinned",
    "Tally",
    "arrow_type",
    "assert_newer",
    "choose",
    "copy_tables",
    "is_internal",
    "measure",
    "postgres_type",
]
