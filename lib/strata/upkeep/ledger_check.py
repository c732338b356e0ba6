"""The ledger held against itself, against notes of attempts, and against the files taken."""

from __future__ import annotations

from strata.declare import feed as feeds
from strata.lake.warehouse import Warehouse
from strata.ledger import attempts
from strata.ledger import erasures as erasure
from strata.ledger import publication as ledger
from strata.ledger.publication import Publication
from strata.upkeep.findings import Report


def check_ledger(
    warehouse: Warehouse, name: str, every: tuple[Publication, ...], report: Report
) -> None:
    """Numbers that must agree within the ledger alone, and attempts that tell of a publication
    it lacks.
    """
    book = ledger.table_path(name)
    for publication in every:
        where = f"publication {publication.publication}"
        for gate in publication.gates:
            if (
                gate.rows_in != gate.accepted + gate.quarantined + gate.folded
                or sum(gate.folds.values()) != gate.folded
            ):
                report.damaged(
                    book,
                    where,
                    f"{gate.table}: its gate does not balance: rows in = accepted + "
                    "quarantined + folded",
                )
            state = publication.state(gate.table)
            if state is None or (state.rows, state.rejected) != (
                gate.total_rows,
                gate.total_rejected,
            ):
                report.damaged(
                    book,
                    where,
                    f"{gate.table}: its gate and its state tell other numbers of rows",
                )
    for pending in erasure.pending(warehouse, name):
        what, advice = (
            f"erasure {pending.id} is not finished: old files may still hold the person",
            f"strata forget {name} again",
        )
        report.note(book, "", what, advice)
    _check_bronze(name, every, report)
    newest = len(every)
    for attempt in attempts.read(warehouse, name):
        if attempt.outcome == "published" and (attempt.publication or 0) > newest:
            what = (
                f"the ledger has gone backwards: run {attempt.run_id} published "
                f"{attempt.publication}, the newest here is {newest}"
            )
            report.damaged(book, "", what)


def _check_bronze(name: str, every: tuple[Publication, ...], report: Report) -> None:
    """Every record of every file taken is accepted or rejected in bronze, or was forgotten with
    its person.
    """
    book, line = ledger.table_path(name), ledger.lineage(every)
    if not line:
        return
    taken = list(ledger.files_taken(line).values())
    erased = any(
        erasure.FOLDED in gate.folds for publication in every for gate in publication.gates
    )
    for table in feeds.load_feed(name).bronze_tables:
        state = line[-1].state(table)
        records = sum(entry.records for entry in taken if entry.table == table)
        held = state.all_rows + state.rejected if state else 0
        if held > records or (held < records and not erased):
            what = (
                f"{table} must hold every record of its files; {records} were taken, {held} "
                "are accepted or rejected"
            )
            report.damaged(book, f"publication {line[-1].publication}", what)
