"""Invalid records for whoever sends them: counted by table, and written out with their reasons.

`counts` gives one line a bronze table: records read so far, how many are valid, and how many are
not. A record is invalid while a row made of it stands in a quarantine. `write` puts the rows
themselves, as JSON Lines, where the user says. No personal field leaves the warehouse this way.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from strata.declare.contract import Contract, load_contract, quarantine_name
from strata.declare.feed import Feed
from strata.fs import files
from strata.lake.versions import Warehouse, read_arrow
from strata.ledger import attempts
from strata.ledger import publication as ledger
from strata.ledger.publication import FileEntry, TableState
from strata.serve import duck
from strata.serve.published import Published, as_rows

_PLACE = ("_file_sha256", "_record_number")
_MOST_HERE = 20_000
"""Rejected rows that are counted in this process: DuckDB's import takes longer."""
_KEPT_PROVENANCE = ("_extra", "_raw_record")
"""What a sender needs of the provenance: fields that no layout names, and unparsed text."""


@dataclass(frozen=True)
class Count:
    """The records of one bronze table, as the newest publication of its feed has them."""

    feed: str
    publication: int
    table: str
    records: int
    invalid: int

    @property
    def valid(self) -> int:
        """Records of which no row was rejected."""
        return self.records - self.invalid


def counts(warehouse: Warehouse, feed: Feed) -> list[Count]:
    """One count a bronze table that has records; none where nothing is published."""
    published = Published(warehouse)
    publication = published.publications.get(feed.name)
    if publication is None:
        return []
    homes = {e.sha256: e.table for e in _files(published, feed)}
    invalid: Counter[str] = Counter()
    for sha256, records in _rejected_records(published, publication.tables):
        invalid[homes.get(sha256, "")] += records
    states = [publication.state(table) for table in feed.bronze_tables]
    number = publication.publication
    return [
        Count(feed.name, number, s.table, s.rows + s.rejected, invalid[s.table])
        for s in states
        if s is not None and s.rows + s.rejected
    ]


def write(warehouse: Warehouse, feed: Feed, folder: str, refused: Iterable[FileEntry] = ()) -> int:
    """Writes `<folder>/<feed>.jsonl`: a line for each rejected row and refused file; how many.

    The file appears whole. Where a gate stopped the last attempt, its reasons are there too.
    """
    target = f"{folder.rstrip('/')}/{feed.name}.jsonl"
    aside = f"{target}.part" if files.is_local(target) else target
    lines = 0
    with files.open_output(aside) as sink:
        for line in _lines(warehouse, feed, refused):
            text = json.dumps(line, ensure_ascii=False, default=str, allow_nan=False)
            sink.write(text.encode() + b"\n")
            lines += 1
    if aside != target:
        files.move(aside, target)
    return lines


def _lines(
    warehouse: Warehouse, feed: Feed, refused: Iterable[FileEntry]
) -> Iterator[dict[str, Any]]:
    for entry in refused:
        yield {
            "feed": feed.name,
            "table": None,
            "file": f"{entry.source}/{entry.path}",
            "file_sha256": entry.sha256,
            "record_number": None,
            "reasons": [entry.detail],
        }
    yield from _of_failed_attempt(warehouse, feed)
    published = Published(warehouse)
    publication = published.publications.get(feed.name)
    if publication is None:
        return
    paths = {e.sha256: f"{e.source}/{e.path}" for e in _files(published, feed)}
    decided = ledger.decisions(ledger.lineage(published.ledger(feed.name)))
    discarded = {(d.table, d.file_sha256, d.record_number) for d in decided}
    for state in publication.tables:
        if not state.rejected:
            continue
        table = published.table(quarantine_name(state.table))
        for batch in table.batches():
            for row in as_rows(batch):
                place = (state.table, *(row.get(name) for name in _PLACE))
                line = _line(load_contract(state.table), row, paths)
                yield {"feed": feed.name, **line, "is_discarded": place in discarded}


def _line(contract: Contract, row: dict[str, Any], paths: dict[str, str]) -> dict[str, Any]:
    sha256, number = (row.get(name) for name in _PLACE)
    is_personal = any(field.is_personal for field in contract.fields)
    kept = {
        field.name: _plain(row[field.name])
        for field in contract.fields
        if row.get(field.name) is not None
        and not field.is_personal
        and (not field.is_provenance or (field.name in _KEPT_PROVENANCE and not is_personal))
    }
    return {
        "table": contract.table,
        "file": paths.get(str(sha256)),
        "file_sha256": sha256,
        "record_number": number,
        "reasons": row["_reasons"],
        "values": kept,
        "withheld": [field.name for field in contract.fields if field.is_personal],
    }


def _plain(value: Any) -> Any:
    """JSON has no NaN and no infinity."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _of_failed_attempt(warehouse: Warehouse, feed: Feed) -> Iterator[dict[str, Any]]:
    """Where a gate has said no, the rows are gone: reasons with counts are all that is kept."""
    last = attempts.last_run(warehouse, feed.name)
    for told in last.reasons if last and last.outcome == "gate failed" else ():
        yield {
            "feed": feed.name,
            "table": told["table"],
            "file": None,
            "file_sha256": None,
            "record_number": None,
            "reasons": [told["reason"]],
            "rows": told["rows"],
            "example": told.get("example") or None,
        }


def _files(published: Published, feed: Feed) -> list[FileEntry]:
    return list(ledger.files_taken(ledger.lineage(published.ledger(feed.name))).values())


def _rejected_records(published: Published, tables: Iterable[TableState]) -> list[tuple[str, int]]:
    """Of each file, how many records have a rejected row; a record with several counts once."""
    rejected = {quarantine_name(state.table): state.rejected for state in tables if state.rejected}
    held = [name for name in rejected if set(_PLACE) <= set(published.table(name).schema.names)]
    if sum(rejected[name] for name in held) <= _MOST_HERE:
        return _few_rejected_records(published, held)
    # By an engine that spills: a feed may have millions of rejected rows.
    with duck.connect() as connection:
        duck.offer(connection, published, held)
        rows = " UNION ".join(f"SELECT DISTINCT {', '.join(_PLACE)} FROM {name}" for name in held)
        return connection.sql(
            f"SELECT _file_sha256, count(*) FROM ({rows}) GROUP BY ALL"
        ).fetchall()


def _few_rejected_records(published: Published, held: Iterable[str]) -> list[tuple[str, int]]:
    """The same, in memory."""
    records: set[tuple[str, int]] = set()
    for name in held:
        version = published.table(name).version
        rows = read_arrow(published.warehouse, name, version, list(_PLACE))
        records.update(zip(*(rows[column].to_pylist() for column in _PLACE), strict=True))
    return list(Counter(sha256 for sha256, _ in records).items())
