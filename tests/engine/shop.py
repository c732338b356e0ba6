"""A toy shop for the tests of the engine: writes raw files, runs the feed, reads tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession
from strata.declare.contract import load_contract, quarantine_name
from strata.declare.feed import load_feed
from strata.lake.versions import Warehouse, read_arrow
from strata.ledger import publication as ledger
from strata.ledger.publication import Publication
from strata.run.options import Options
from strata.run.plan import Plan, make_plan
from strata.run.run import Report, run_feed

TABLES = ("silver.toy_shops", "silver.toy_sales", "gold.toy_days")


@dataclass
class Shop:
    """A raw folder and a warehouse of the toy feed."""

    spark: SparkSession
    root: Path
    said: list[str] = field(default_factory=list)

    @property
    def raw(self) -> Path:
        return self.root / "raw"

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse(str(self.root / "warehouse"))

    def shops(self, name: str, *rows: str) -> None:
        self._put("shops", name, "shop,name", rows)

    def sales(self, name: str, *rows: str) -> None:
        self._put("sales", name, "id,shop,day,amount", rows)

    def _put(self, source: str, name: str, header: str, rows: tuple[str, ...]) -> None:
        path = self.raw / "toy" / source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join([header, *rows]) + "\n")

    def plan(self, threshold: int = 0, **options: Any) -> Plan:
        return make_plan(
            load_feed("toy"), {"threshold": threshold}, self.warehouse, self.options(**options)
        )

    def options(self, **options: Any) -> Options:
        self.raw.mkdir(parents=True, exist_ok=True)
        return Options(str(self.raw), **options)

    def run(self, threshold: int = 0, **options: Any) -> Report:
        plan = self.plan(threshold, **options)
        return run_feed(self.spark, self.warehouse, plan, self.options(**options), self.said.append)

    def published(self) -> Publication:
        latest = ledger.newest(ledger.read(self.warehouse, "toy"))
        assert latest is not None, "nothing is published"
        return latest

    def publications(self) -> int:
        return len(ledger.read(self.warehouse, "toy"))

    def table(self, name: str) -> list[tuple[Any, ...]]:
        """The published rows, business columns only, sorted."""
        state = self.published().state(name)
        assert state is not None, f"{name} is not published"
        columns = list(load_contract(name).business_columns)
        rows = read_arrow(self.warehouse, name, state.version, columns).to_pylist()
        return sorted((tuple(row.values()) for row in rows), key=repr)

    def rejected(self, name: str) -> dict[tuple[Any, ...], list[str]]:
        """The reasons of each quarantined row, by file hash and record."""
        state = self.published().state(name)
        if state is None or state.quarantine_version is None:
            return {}
        rows = read_arrow(
            self.warehouse, quarantine_name(name), state.quarantine_version
        ).to_pylist()
        return {(row["_file_sha256"], row["_record_number"]): row["_reasons"] for row in rows}

    def gate(self, name: str) -> tuple[int, int, int, int]:
        """(in, accepted, quarantined, folded) of the newest publication's gate."""
        entry = next(gate for gate in self.published().gates if gate.table == name)
        return entry.rows_in, entry.accepted, entry.quarantined, entry.folded
