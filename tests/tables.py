"""Published tables as any reader finds them, to compare one warehouse with another: delta-rs reads
the files that the newest publication names, and no code of Strata's reads a row.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from deltalake import DeltaTable
from strata.declare import feed as feeds
from strata.declare.contract import quarantine_contract
from strata.lake.versions import Warehouse
from strata.ledger import publication as ledger

Rows = Counter[str]


def published(root: str, names: list[str]) -> dict[str, Rows]:
    """The rows of every published table of these feeds, and of its quarantine, each as often as it
    stands; without the columns that tell of the run.
    """
    warehouse, found = Warehouse(root), {}
    for name in names:
        latest = ledger.newest(ledger.read(warehouse, name))
        assert latest is not None, f"nothing of {name} is published in {root}"
        for state in latest.tables:
            contract = feeds.load_feed(name).contract(state.table)
            own = quarantine_contract(contract)
            found[state.table] = _rows(warehouse, contract, state.version)
            if state.quarantine_version is not None:
                found[own.table] = _rows(warehouse, own, state.quarantine_version)
    return found


def _rows(warehouse: Warehouse, contract: Any, version: int) -> Rows:
    path, options = warehouse.delta_path(contract.table), warehouse.delta_options
    table = DeltaTable(path, version=version, storage_options=options).to_pyarrow_table()
    told = {field.name for field in contract.fields if field.is_provenance}
    kept = [name for name in sorted(table.column_names) if name not in told]
    return Counter(map(repr, zip(*(table[name].to_pylist() for name in kept), strict=True)))


def differences(found: dict[str, Rows], wanted: dict[str, Rows]) -> dict[str, Any]:
    """Of each table that differs, up to three rows that only one side has; nothing where all are
    equal.
    """
    told: dict[str, Any] = {}
    for table in sorted(found.keys() | wanted.keys()):
        here, there = found.get(table, Rows()), wanted.get(table, Rows())
        if here != there:
            told[table] = (list(here - there)[:3], list(there - here)[:3])
    return told
