"""The `ops` tables: the ledger as people query it, one row a publication, file or gate.

`ops.publications` has one row a publication, `ops.files` one a raw file that a run looked at,
`ops.gates` one a gate that a table passed. Their columns are those of the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from strata.ledger.publication import Publication
from strata.ledger.row import to_row

if TYPE_CHECKING:
    import pyarrow as pa

TABLES = ("ops.publications", "ops.files", "ops.gates")
_NESTED = {"ops.files": "files", "ops.gates": "gates"}
_KEPT = ("feed", "publication", "run_id", "published_at")


def rows(name: str, publications: Iterable[Publication], whole: pa.Schema) -> pa.Table:
    """The rows of one `ops` table, by feed and publication; `whole` has the ledger's columns."""
    import pyarrow as pa

    ordered = sorted(publications, key=lambda p: (p.feed, p.publication))
    held = [to_row(publication) for publication in ordered]
    if name not in _NESTED:
        return pa.Table.from_pylist(held, whole)
    nested = _NESTED[name]
    inner = whole.field(nested).type.value_type
    columns = [whole.field(key) for key in _KEPT]
    columns += [inner.field(number) for number in range(inner.num_fields)]
    flat: list[dict[str, Any]] = [
        {**{key: row[key] for key in _KEPT}, **item} for row in held for item in row[nested]
    ]
    return pa.Table.from_pylist(flat, pa.schema(columns))
