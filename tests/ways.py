"""One feed run in two ways over the same files: what is published, rejected and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession
from strata.declare.contract import load_contract, quarantine_name
from strata.declare.feed import load_feed
from strata.lake.versions import Warehouse, read_arrow
from strata.ledger.book import Book
from strata.ledger.publication import Publication
from strata.run.options import Options
from strata.run.plan import make_plan
from strata.run.run import run_feed


@dataclass
class Way:
    """A feed's runs over one raw folder into a warehouse of their own."""

    spark: SparkSession
    feed: str
    raw: Path
    warehouse: Warehouse
    fewest: int | None
    """Rows of which on rows are made without Spark; None = so many as in earnest."""

    def run(self) -> Publication:
        """Takes what is new, and publishes."""
        feed, options = load_feed(self.feed), Options(str(self.raw), fewest_plain_rows=self.fewest)
        plan = make_plan(feed, feed.default_params(), Book(self.warehouse), options)
        published = run_feed(self.spark, self.warehouse, plan, options, lambda _: None).publication
        assert published is not None
        return published

    def told(self, published: Publication, tables: Sequence[str]) -> dict[str, Any]:
        """Rows, rejected rows and gates of these tables, free of order and of the run's own id."""
        gates = {gate.table: gate for gate in published.gates}
        found: dict[str, Any] = {}
        for name in tables:
            state, gate = published.state(name), gates[name]
            assert state is not None
            columns = [*load_contract(name).business_columns, *self._provenance(name)]
            rows = read_arrow(self.warehouse, name, state.version, columns).to_pylist()
            rejected: list[Any] = []
            if state.quarantine_version is not None:
                rejected = read_arrow(
                    self.warehouse, quarantine_name(name), state.quarantine_version,
                    ["_record_number", "_reasons"],
                ).to_pylist()  # fmt: skip
            found[name] = (
                Counter(map(repr, rows)), Counter(map(repr, rejected)), state.identity,
                (gate.rows_in, gate.accepted, gate.quarantined, gate.folded, gate.folds, gate.reasons),
                [(e["type"], e["success"], e["unexpected"]) for e in gate.expectations],
            )  # fmt: skip
        return found

    @staticmethod
    def _provenance(name: str) -> list[str]:
        held = load_contract(name).columns
        return [one for one in ("_file_sha256", "_record_number") if one in held]
