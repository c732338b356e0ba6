"""A feed's answers, and tables, as people read them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import Any

from strata.cli import output
from strata.cli.common import print_rows
from strata.cli.warnings import made_from, standing_warnings
from strata.declare.feed import Feed
from strata.kit.arrow import rows as arrow_rows
from strata.kit.table import Answer
from strata.lake.versions import read_arrow
from strata.ledger import seal
from strata.ledger.book import Book

_SHOWN = 60
"""Rows of an answer that names no limit of its own."""


def print_answers(book: Book, feed: Feed) -> None:
    """What the feed answers, once something is published."""
    warehouse, latest = book.warehouse, book.newest(feed.name)
    if latest is None:
        return
    answers, line = answers_of(feed), book.line(feed.name)
    told: set[str] = set()
    for answer in answers:
        state = latest.state(answer.table)
        if state is None:
            continue
        seal.assert_intact(warehouse, state)
        arrow = read_arrow(warehouse, state.table, state.version)
        if arrow.num_rows == 0 and feed.contract(answer.table).allow_empty:
            continue  # Nobody asked: no file of its source has come.
        table = f" ({answer.table})" if answer.question != answer.table else ""
        print(f"\n{answer.question}{table}")
        _print_answer(answer, arrow, feed.contract(answer.table).key)
        _print_warnings(standing_warnings(line, made_from(feed, answer.table)), told)
    shown = answers[-1].table if answers else feed.table_names[-1]
    print(
        f"\n{feed.name}: publication {latest.publication}. Next: strata show {shown} · strata "
        f"gates {feed.name} · strata quarantine list"
    )


def _print_warnings(warnings: list[str], told: set[str]) -> None:
    """Each warning once a feed; of those that an earlier answer has told, only whose they are."""
    for warning in warnings:
        if warning not in told:
            print(f"warning: {warning}")
    again = dict.fromkeys(w.partition(": ")[0] for w in warnings if w in told)
    if again:
        print(f"warning: as above, of {' and '.join(again)}")
    told.update(warnings)


def answers_of(feed: Feed) -> tuple[Answer, ...]:
    """What the feed's own module asks, else each of its gold tables."""
    return feed.answers or tuple(
        Answer(table.name, table.name) for table in feed.tables if table.name.startswith("gold.")
    )


def _print_answer(answer: Answer, arrow: Any, key: Sequence[str]) -> None:
    if answer.where is not None:
        arrow = arrow.filter(answer.where(arrow))
    order = answer.order or tuple((name, "ascending") for name in key)
    if order:
        arrow = arrow.sort_by(list(order))
    total, limit = arrow.num_rows, answer.limit or _SHOWN
    arrow = arrow.slice(0, limit).select(list(answer.columns or arrow.column_names))
    print_table(arrow, (), "table", 0, is_part=total > limit)
    if total > limit:
        print(f"… {limit:,} of {total:,} rows; strata show {answer.table} --limit 0 shows all")


def print_table(
    arrow: Any, key: Sequence[str], form: str, limit: int, is_part: bool = False
) -> None:
    """Rows by key; in a table, columns with one value throughout stand above it. `is_part`: there
    are more rows than these.
    """
    if key and set(key) <= set(arrow.column_names):
        arrow = arrow.sort_by([(name, "ascending") for name in key])
    total = arrow.num_rows
    rows = arrow_rows(arrow.slice(0, limit) if limit else arrow)
    columns = list(arrow.column_names)
    same = _same_throughout(columns, rows) if form == "table" else []
    if same:
        values = ", ".join(f"{c} {'–' if rows[0][c] is None else rows[0][c]}" for c in same)
        # Of the rows that are not shown it says nothing.
        print(f"all rows{' shown' if is_part or len(rows) < total else ''}: {values}")
        columns = [c for c in columns if c not in same]
    print_rows(columns, [[row[c] for c in columns] for row in rows], form, total)


def _same_throughout(columns: list[str], rows: list[dict[str, Any]]) -> list[str]:
    """The columns with one value, where the terminal is too narrow for all columns."""
    if len(rows) < 2:
        return []
    width = shutil.get_terminal_size((160, 24)).columns
    drawn = output.render(columns, [[row[c] for c in columns] for row in rows]).splitlines()[1]
    if len(drawn) <= width:
        return []
    return [c for c in columns if all(row[c] == rows[0][c] for row in rows)]
