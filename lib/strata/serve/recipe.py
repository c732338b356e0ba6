"""How Spark reads a published name at its pinned version: by its files, or by SQL.

The log has been read and compared by then, so Spark need not read it: a table is opened by its
Parquet files. `docs/PERFORMANCE.md` has what that saves.
"""

from __future__ import annotations

import json
import re
from typing import Any

from strata.fs import location
from strata.lake.data_set import DataFile, data_files
from strata.lake.log import TableLog
from strata.lake.versions import Warehouse
from strata.ledger import publication as ledger
from strata.serve.published import Published, PublishedTable

MANY_FILES = 1000
"""From here on Delta's own statistics of files save more than its reading of the log costs."""
_GLOB = re.compile(r"[*?\[\]{}\\]")
NESTED = {"ops.files": "files", "ops.gates": "gates"}


def recipe(published: Published, table: PublishedTable) -> str:
    """As JSON: `schema` and `files`, and the list to `explode` of a ledger; or `sql`."""
    if table.contract is None:
        return _recipe_of_ledgers(published, table.name)
    log = TableLog(published.warehouse, table.name).snapshot(table.version)
    if _is_plain(table.files):
        return _as_json(log.metadata["schemaString"], table.files)
    return json.dumps({"sql": view_sql(published.warehouse, table)})


def _recipe_of_ledgers(published: Published, name: str) -> str:
    held: list[DataFile] = []
    schemas = []
    for feed, publication in published.publications.items():
        table = ledger.table_path(feed)
        # Each commit of a ledger is one publication, and version 0 the first.
        log = TableLog(published.warehouse, table).snapshot(publication.publication - 1)
        held += data_files(published.warehouse, table, log)
        schemas.append(log.metadata["schemaString"])
    if not _is_plain(held):
        return json.dumps({"sql": ops_sql(published, name)})
    # An older release wrote fewer columns; they are NULL then.
    widest = max(schemas, key=lambda text: len(json.loads(text)["fields"]))
    more = {"explode": NESTED[name]} if name in NESTED else {}
    return _as_json(widest, held, **more)


def _is_plain(held: Any) -> bool:
    """Whether rows are those of the files alone, and their names mean nothing else to Spark."""
    few = 0 < len(held) <= MANY_FILES
    return few and not any(file.partition or _GLOB.search(file.uri) for file in held)


def _as_json(schema: str, held: Any, **more: str) -> str:
    paths = [location.parse(file.uri).for_spark for file in held]
    return json.dumps({"schema": schema, "files": paths, **more})


def view_sql(warehouse: Warehouse, table: PublishedTable) -> str:
    """The query of a view on a published table, pinned to its version."""
    return _version_sql(warehouse, table.name, table.version)


def _version_sql(warehouse: Warehouse, name: str, version: int) -> str:
    return f"SELECT * FROM delta.`{warehouse.spark_path(name)}` VERSION AS OF {int(version)}"


def ops_sql(published: Published, name: str) -> str:
    """The query of a view on an `ops` table, pinned to each feed's publication."""
    warehouse = published.warehouse
    parts = [
        _version_sql(warehouse, ledger.table_path(feed), publication.publication - 1)
        for feed, publication in published.publications.items()
    ]
    publications = " UNION ALL ".join(parts)
    if name not in NESTED:
        return publications
    return (
        f"SELECT feed, publication, run_id, published_at, item.* FROM "
        f"(SELECT feed, publication, run_id, published_at, explode({NESTED[name]}) AS item "
        f"FROM ({publications}))"
    )
