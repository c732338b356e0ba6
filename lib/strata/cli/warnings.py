"""Warnings as people read them: at the end of a run, with the answers, and of the last attempt."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

from strata.declare.feed import Feed
from strata.lake.versions import Warehouse
from strata.ledger import attempts
from strata.ledger.entries import REJECTED, TAKEN_AS_NULL
from strata.ledger.publication import Publication


def warnings_of(publication: Publication, tables: Iterable[str] | None = None) -> list[str]:
    """One sentence a rule that warned, by table, with how many rows break it; of these tables, or
    of all.
    """
    chosen = None if tables is None else set(tables)
    return [
        f"{told['table']}: {sentence(told)}"
        for gate in publication.gates
        if chosen is None or gate.table in chosen
        for told in gate.told_warnings
    ]


def standing_warnings(
    line: Sequence[Publication], tables: Iterable[str] | None = None
) -> list[str]:
    """The warnings that hold of what is published: of each table those of its newest gate, and
    those of earlier ones back to the last that judged every row. An increment judges only what it
    writes; what an earlier gate counted may have changed since, so its publication is told.
    """
    chosen = None if tables is None else set(tables)
    found: list[str] = []
    told: set[tuple[str, str]] = set()
    ended: set[str] = set()
    for publication in reversed(line):
        for gate in publication.gates:
            if gate.table in ended or (chosen is not None and gate.table not in chosen):
                continue
            for warned in gate.told_warnings:
                key = (gate.table, warned["rule"])
                when = "" if publication is line[-1] else (
                    f" (counted by publication {publication.publication})"
                )  # fmt: skip
                if key not in told:
                    found.append(f"{gate.table}: {sentence(warned)}{when}")
                told.add(key)
            if gate.mode == "whole":
                ended.add(gate.table)
    return found


def sentence(told: dict[str, Any]) -> str:
    """`2 of 40 rows (5 %): a product should have one name; for example product_id '22423', names
    2`.
    """
    if told["rows"] is None:
        return str(told["rule"])
    example = f"; for example {told['example']}" if told.get("example") else ""
    return f"{_how_many(told)}{_what_became(told)}: {told['rule']}{example}"


def _how_many(told: dict[str, Any]) -> str:
    rows, asked = told["rows"], told.get("asked")
    if not asked:
        return f"{rows:,} row{'' if rows == 1 else 's'}"
    return f"{rows:,} of {asked:,} row{'' if asked == 1 else 's'} ({share_of(rows, asked)})"


def share_of(part: int, whole: int) -> str:
    """`5 %`, `0.62 %`: two digits that say something."""
    return f"{float(f'{100 * part / whole:.2g}'):g} %"


_BECAME = {REJECTED: " rejected", TAKEN_AS_NULL: " lost a value"}


def _what_became(told: dict[str, Any]) -> str:
    """` rejected for order_date`; nothing of rows that only break a rule."""
    became = _BECAME.get(told.get("kind", ""), "")
    columns = " and ".join(told.get("columns") or ())
    return f"{became} for {columns}" if became and columns else became


def made_from(feed: Feed, table: str) -> set[str]:
    """The table, and every table of the feed that it is computed from."""
    found = {table}
    for known in reversed(feed.tables):
        if known.name in found:
            found |= set(known.inputs)
    return found


def tell_unpublished(warehouse: Warehouse, feed: str, option: str = "--attempt") -> None:
    """Says that nothing of the feed is published yet, and how its last attempt ended: an empty
    table would look as if all were well.
    """
    attempt = attempts.last_run(warehouse, feed)
    how = "no run has been noted"
    if attempt is not None:
        how = f"its last attempt ended: {attempt.outcome}; add {option} to look at it"
    print(f"{feed}: nothing is published yet; {how}", file=sys.stderr)


def tell_nothing(warehouse: Warehouse, what: str = "nothing is published") -> None:
    """Says that the warehouse has nothing to list: its address may be mistyped."""
    print(f"strata: {what} in {warehouse.root}", file=sys.stderr)
