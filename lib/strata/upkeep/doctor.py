"""Looks for damage in stored tables, their logs and the ledger: in the data, not in what the
metadata say of them.

Delta answers from a damaged table without a word where it can. So here every file of every version
that a kept publication names is decoded, and held against its table's log; the log against the
digest and the counts in the ledger; and the ledger against itself. It needs no Spark, and changes
nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from strata.declare import feed as feeds
from strata.declare.contract import archive_name, quarantine_name
from strata.errors import StrataError
from strata.fs import files
from strata.lake.file_check import ENDS_READER
from strata.lake.versions import Warehouse
from strata.ledger import publication as ledger
from strata.ledger import seal as integrity
from strata.ledger.publication import Publication, TableState
from strata.upkeep.findings import Report, first_line, in_words
from strata.upkeep.ledger_check import check_ledger
from strata.upkeep.table_check import TableCheck


def examine(warehouse: Warehouse, names: Iterable[str]) -> Report:
    """Examines the feeds of these names."""
    report = Report()
    for name in names:
        _Feed(warehouse, name, report).examine()
    return report


@dataclass
class _Feed:
    """One feed's examination."""

    warehouse: Warehouse
    name: str
    report: Report
    every: tuple[Publication, ...] = ()

    @cached_property
    def tables(self) -> TableCheck:
        """The examination of its tables."""
        return TableCheck(self.warehouse, self.name, self.report)

    def examine(self) -> None:
        book = ledger.table_path(self.name)
        if files.walk(self.warehouse.path(book)):
            self.tables.examine(book, [])
        if any(ENDS_READER in found.problems for found in self.tables.scans.values()):
            return  # It is told; to read on would end this process too.
        if not self.read_ledger(book):
            return
        try:
            check_ledger(self.warehouse, self.name, self.every, self.report)
        except StrataError as error:
            self.report.damaged(book, "", in_words(error))
        named = self.named_versions()
        for table in sorted({*named, *self.folders()}):
            self.tables.examine(table, named.get(table, []))

    def read_ledger(self, book: str) -> bool:
        """Reads every publication; False, with a finding, where that cannot be done."""
        try:
            self.every = ledger.read(self.warehouse, self.name)
        except StrataError as error:
            advice = "until the ledger is whole, nothing else of the feed can be judged"
            self.report.damaged(book, "", str(error), advice)
            return False
        except Exception as error:  # delta-rs and Arrow have many
            self.report.damaged(book, "", f"cannot be read: {first_line(error)}")
            return False
        return True

    def named_versions(self) -> dict[str, list[tuple[int, str, TableState]]]:
        """By table, the versions that publications name which have not ended."""
        ended = ledger.ended(self.every)
        named: dict[str, list[tuple[int, str, TableState]]] = {}
        for publication in self.every:
            if publication.publication <= ended and publication is not self.every[-1]:
                continue
            for state in publication.tables:
                for table, version, manifest in integrity.parts(state):
                    named.setdefault(table, []).append((version, manifest, state))
        return named

    def folders(self) -> Iterator[str]:
        """Every table of the feed that was ever made here, published or not."""
        for table in feeds.load_feed(self.name).table_names:
            for own in (table, quarantine_name(table), archive_name(table)):
                if files.list_names(self.warehouse.path(own)):
                    yield own
