"""Which published tables a copy takes, pinned to one publication of each feed, and their rows as
Arrow.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property
from typing import TYPE_CHECKING, Any

from strata.declare.contract import LAYERS, Contract, Field, load_contract
from strata.declare.near import meant
from strata.errors import UsageError
from strata.lake.data_set import DataFile
from strata.lake.versions import Warehouse
from strata.serve.export.types import arrow_type
from strata.serve.published import Published, PublishedTable

if TYPE_CHECKING:
    import pyarrow as pa

_LAYERS = ("gold", "silver")
"""Where a name without a layer is looked up, in this order."""


@dataclass(frozen=True)
class Pinned:
    """One published table at the version of one publication."""

    table: str
    feed: str
    publication: int
    run_id: str
    contract: Contract
    published: PublishedTable

    @property
    def name(self) -> str:
        """Its name in a copy: `gold.launches_core_reuse` is `launches_core_reuse`."""
        return self.table.split(".", 1)[1]

    @property
    def rows(self) -> int:
        """As the publication counted them."""
        return self.published.rows

    @property
    def fields(self) -> tuple[Field, ...]:
        """The columns of a copy: those of the contract without provenance."""
        return tuple(field for field in self.contract.fields if not field.is_provenance)

    @cached_property
    def schema(self) -> pa.Schema:
        """The copy's columns as Arrow types."""
        import pyarrow as pa

        return pa.schema(
            [pa.field(f.name, arrow_type(f.type), nullable=not f.required) for f in self.fields]
        )

    @cached_property
    def sources(self) -> dict[str, DataFile]:
        """Its data files by name; a file never changes under its name."""
        return {file.uri.rsplit("/", 1)[-1]: file for file in self.published.files}

    @cached_property
    def digest(self) -> str:
        """Covers what decides the copy's rows: its files and its columns."""
        told = [sorted(self.sources), [(f.name, f.type, f.required) for f in self.fields]]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()

    def batches(self, source: str | None = None) -> Iterator[pa.RecordBatch]:
        """Its rows, or those of one of its files, at most BATCH_ROWS at a time.

        Damaged where a file is gone or cannot be read.
        """
        own = self.published
        if source is not None:
            own = replace(own, files=(self.sources[source],))
        held = set(own.schema.names)
        for batch in own.batches([name for name in self.schema.names if name in held]):
            yield self._as_contract(batch)

    def _as_contract(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        import pyarrow as pa

        held = set(batch.schema.names)
        arrays = [
            batch.column(field.name).cast(field.type)
            if field.name in held
            else pa.nulls(batch.num_rows, field.type)
            for field in self.schema
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)


def is_internal(contract: Contract) -> bool:
    """Whether a copy of the table needs --allow-internal: personal columns, or numbers before
    suppression.
    """
    return contract.table.endswith("_internal") or any(
        field.is_personal for field in contract.fields
    )


def choose(
    warehouse: Warehouse, patterns: Iterable[str], allow_internal: bool = False
) -> tuple[Pinned, ...]:
    """The published tables that the names or patterns (`gold.commerce_*`) mean, in order of their
    names.

    All tables of a feed come from one publication. UsageError where a name means nothing, two
    tables would share a name in the copy, or an internal table is named without `allow_internal`.
    """
    published = Published(warehouse)
    there = {name for name in published.tables() if name.split(".", 1)[0] in LAYERS}
    if not there:
        raise UsageError(f"nothing is published in {warehouse.root} yet; run `strata run` first")
    names: set[str] = set()
    for pattern in patterns:
        names |= _meant(pattern, there, allow_internal)
    _assert_apart(names)
    return tuple(_pin(published, name) for name in sorted(names))


def _meant(pattern: str, published: set[str], allow_internal: bool) -> set[str]:
    if "*" in pattern or "?" in pattern:
        layers = [f"{layer}.{pattern}" for layer in _LAYERS] if "." not in pattern else [pattern]
        found = {n for n in published if any(fnmatchcase(n, layer) for layer in layers)}
        found = {n for n in found if allow_internal or not is_internal(load_contract(n))}
        if not found:
            raise UsageError(
                f"a pattern means at least one published table; {pattern!r} means none: see "
                "`strata show`"
            )
        return found
    known = [n for n in (pattern, *(f"{layer}.{pattern}" for layer in _LAYERS)) if n in published]
    if not known:
        near = meant(pattern, published)
        hint = (
            f"did you mean {', '.join(near)}?" if near else "`strata show` lists what is published"
        )
        raise UsageError(f"a table must be published to be copied; {pattern} is not: {hint}")
    if is_internal(load_contract(known[0])) and not allow_internal:
        raise UsageError(
            f"a table with personal or unsuppressed values stays inside; {known[0]} is one: "
            "name its public twin, or say --allow-internal and answer for the copy",
            table=known[0],
        )
    return {known[0]}


def _assert_apart(names: set[str]) -> None:
    by_noun: dict[str, list[str]] = {}
    for name in sorted(names):
        by_noun.setdefault(name.split(".", 1)[1], []).append(name)
    twins = [pair for pair in by_noun.values() if len(pair) > 1]
    if twins:
        raise UsageError(
            f"two tables of one copy have two names; {' and '.join(twins[0])} share one: copy "
            "them to two places"
        )


def _pin(published: Published, name: str) -> Pinned:
    table = published.table(name)
    contract = load_contract(name)
    held = set(table.schema.names)
    needed = [f.name for f in contract.fields if f.required and not f.is_provenance]
    missing = [column for column in needed if column not in held]
    if missing:
        raise UsageError(
            f"a copy has the columns of the contract; {name} was published without "
            f"{', '.join(missing)}: run `strata run {table.feed}` first"
        )
    run_id = published.publications[table.feed].run_id
    return Pinned(name, table.feed, table.publication, run_id, contract, table)


def rows_of(pinned: Pinned) -> dict[str, Any]:
    """What a copy says of where its rows come from."""
    at = pinned.published.published_at
    return {
        "table_name": pinned.name,
        "source": pinned.table,
        "feed": pinned.feed,
        "publication": pinned.publication,
        "run_id": pinned.run_id,
        "published_at": at.isoformat() if at else None,
        "version": pinned.published.version,
        "row_count": pinned.rows,
        "digest": pinned.digest,
        "grain": pinned.contract.grain,
        "purpose": pinned.contract.purpose.strip(),
    }
