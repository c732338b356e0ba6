"""The rows of a large input that few rows refer to: found and read by Arrow, file by file.

Of a country's postcodes some thousands are somebody's. To join all of them, Spark would read, send
and sort them all.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import pyarrow as pa

from strata.kit.groups import MOST_KEYS, Keys
from strata.kit.table import Reference, Table
from strata.lake.versions import read_arrow
from strata.ledger.publication import TableState
from strata.run.inputs.lying import is_all_in_files
from strata.run.state import Context

_FEWEST_ROWS = 200_000
"""Of an input: Spark joins one of fewer as quickly as its rows are found."""
_MOST_ROWS = 1_000_000
"""Of an input that are referred to, which this process holds."""
_KINDS = (pa.types.is_string, pa.types.is_integer, pa.types.is_date)
"""Types whose values have one order, which footers tell of too."""


def read_referred(
    context: Context, table: Table, states: Mapping[str, TableState], name: str
) -> pa.Table | None:
    """An input's rows to which the driving inputs refer, by the table's `via`; None where Spark is
    to read it whole.
    """
    reference, held = table.via.get(name), states[name]
    asked = context.options.fewest_plain_rows
    if reference is None or held.rows < (_FEWEST_ROWS if asked is None else asked):
        return None
    keys = _keys(context, table, states, reference)
    if keys is None or not is_all_in_files(context, held, [keys.column]):
        return None
    found = context.store.groups(name, held.version, keys)
    return None if found.count > _MOST_ROWS else found.rows()


def _keys(
    context: Context, table: Table, states: Mapping[str, TableState], reference: Reference
) -> Keys | None:
    """What the driving inputs refer by; None where it is not one column, or they are many. NULL
    refers to nothing."""
    column, *others = reference.by
    driving = [states[name] for name in table.driving_inputs]
    if others or sum(held.rows for held in driving) > MOST_KEYS:
        return None
    if not all(is_all_in_files(context, held, [column]) for held in driving):
        return None
    read = partial(read_arrow, context.store.warehouse, columns=[column])
    values = [read(held.table, held.version)[column] for held in driving]
    if not all(any(is_kind(v.type) for is_kind in _KINDS) for v in values):
        return None
    chunks = [chunk for told in values for chunk in told.chunks]
    return Keys(column, pa.chunked_array(chunks, values[0].type).unique().drop_null())
