"""The records that refer to what has changed in another table: found by Arrow and DuckDB.

New customers touch the orders that named them before they were known.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from strata.fs import duck
from strata.kit.groups import MOST_KEYS, ORDERED, Keys
from strata.kit.table import Reference, Table
from strata.ledger.publication import TableState
from strata.run.inputs.lying import is_all_in_files, is_in_files
from strata.run.state import Change, Context

_CHANGED = """
SELECT DISTINCT {by} FROM (
    (SELECT {columns} FROM now WHERE {where} EXCEPT ALL SELECT {columns} FROM before WHERE {where})
    UNION ALL
    (SELECT {columns} FROM before WHERE {where} EXCEPT ALL SELECT {columns} FROM now WHERE {where})
) AS changed WHERE {by} IS NOT NULL
"""


def few(
    context: Context,
    table: Table,
    given: tuple[Mapping[str, TableState], Mapping[str, tuple[str, ...]]],
    item: tuple[str, Change],
) -> list[tuple[str, pa.Table]] | None:
    """The driving inputs' rows that refer to what a change of another input makes read differently,
    with the columns given; None where only Spark can tell."""
    (states, told_by), (name, change) = given, item
    keys = _changed_keys(context, table.via[name], states[name], change)
    if keys is None:
        return None
    found = []
    for driving, columns in told_by.items():
        held = states[driving]
        if keys.column not in context.store.log(driving).snapshot(held.version).schema.names:
            continue
        if not is_all_in_files(context, held, columns):
            return None
        found.append((driving, context.store.groups(driving, held.version, keys).rows(columns)))
    return found


def _changed_keys(
    context: Context, reference: Reference, held: TableState, change: Change
) -> Keys | None:
    """By what rows refer to those that read differently now and before; None where it is not one
    column, or many rows have changed."""
    keys = change.touched.keys if change.touched else None
    if keys is None or change.before is None or not _is_one(context, held.table, reference):
        return None
    versions = (change.before, change.after)
    if not all(is_in_files(context, held.table, v, [keys.column]) for v in versions):
        return None
    before, now = (context.store.groups(held.table, version, keys).rows() for version in versions)
    found = _changed(reference, before, now)
    return Keys(reference.by[0], found) if len(found) <= MOST_KEYS else None


def _is_one(context: Context, name: str, reference: Reference) -> bool:
    """Whether rows refer by one column, whose values have an order that files tell of."""
    kinds = {f.name: f.type for f in context.plan.feed.contract(name).fields}
    return len(reference.by) == 1 and kinds[reference.by[0]] in ORDERED


def _changed(reference: Reference, before: pa.Table, now: pa.Table) -> pa.Array:
    columns, by = ", ".join(map(_quoted, reference.columns)), _quoted(reference.by[0])
    query = _CHANGED.format(by=by, columns=columns, where=reference.where)
    with duck.connect() as engine:
        engine.register("before", before)
        engine.register("now", now)
        return engine.sql(query).to_arrow_table().column(0).combine_chunks()


def _quoted(name: str) -> str:
    return f'"{name}"'
