"""Decisions on products: written down in the database first, then as raw files.

The database's row is the word given; the file is how a pipeline hears of it. A row without a file,
which a kill may leave, is written out by the next start or decision, under the same name and with
the same bytes.
"""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.rows import dict_row

from strata.fs import files
from strata.serve.graphql.cursors import is_plain
from strata.serve.graphql.errors import Refused

FIELDS = ("product_name", "category_id", "list_price")
COLUMNS = (
    "decision_id",
    "product_id",
    "field",
    "was",
    "becomes",
    "decided_at",
    "decided_by",
    "why",
)
SOURCE = "product_decisions"
_SHOWN = "decision_id, product_id, decided_at, decided_by, why, changes, undoes, taken_in"
Row = dict[str, Any]


@dataclass(frozen=True)
class Desk:
    """Where decisions are taken: a database role that may write them, and the raw folder."""

    url: str | None
    """None where this API takes no decisions."""
    raw: str

    async def update(
        self, by: str, product_id: str, expected: str, named: Mapping[str, Any], why: str
    ) -> Row:
        """Writes a decision. Refused where the product is not as expected, or nothing would
        change.
        """
        if not named:
            raise Refused("a decision changes name, category or price; it names none of them")
        return await asyncio.to_thread(self._decide, by, product_id, why, (expected, named), None)

    async def undo(self, by: str, decision_id: str, why: str) -> Row:
        """Decides the opposite. Refused where a later decision or delivery has changed the
        product again.
        """
        return await asyncio.to_thread(self._undo, by, decision_id, why)

    async def flush(self) -> int:
        """Writes the files of decisions that have none; returns how many."""
        if self.url is None:
            return 0
        return await asyncio.to_thread(self._flush)

    def _connect(self) -> psycopg.Connection[Row]:
        if self.url is None:
            raise Refused("this API takes no decisions: it was started without an editor's address")
        return psycopg.connect(self.url, row_factory=dict_row)

    def _undo(self, by: str, decision_id: str, why: str) -> Row:
        if not decision_id.isdecimal() or len(decision_id) > 18:
            raise Refused("a decision is named by its number")
        with self._connect() as connection:
            found = connection.execute(
                f"SELECT {_SHOWN} FROM shop.product_decisions WHERE decision_id = %s",
                (int(decision_id),),
            ).fetchone()
        if found is None:
            raise Refused(f"there is no decision {decision_id}", "NOT_FOUND")
        back = {change["field"]: change["was"] for change in found["changes"]}
        made = {change["field"]: change["becomes"] for change in found["changes"]}
        return self._decide(by, found["product_id"], why, (made, back), found["decision_id"])

    def _decide(
        self,
        by: str,
        product_id: str,
        why: str,
        what: tuple[Any, Mapping[str, Any]],
        undoes: int | None,
    ) -> Row:
        """One decision on a product at a time; the lock goes with the transaction."""
        if not why.strip() or len(why) > 500 or not is_plain(why):
            raise Refused("a decision says why, in at most 500 characters")
        if not is_plain(product_id) or len(product_id) > 200:
            raise Refused("a product is named by its id, of at most 200 characters")
        expected, named = what
        with self._connect() as connection:
            connection.execute(
                "SELECT pg_advisory_xact_lock(hashtext(%s))", (f"product {product_id}",)
            )
            state = _state(connection, product_id)
            if isinstance(expected, str):
                _assert_version(state, expected)
            else:
                _assert_still(state, expected)
            changes = _changes(state, named)
            _assert_category(connection, named)
            at = datetime.now(timezone.utc)
            made = connection.execute(
                "INSERT INTO shop.product_decisions (product_id, decided_at, decided_by, why, "
                "changes, undoes)"
                f" VALUES (%s, %s, %s, %s, %s, %s) RETURNING {_SHOWN}",
                (product_id, at, by, why.strip(), json.dumps(changes), undoes),
            ).fetchone()
        self._flush()
        return dict(made or {})

    def _flush(self) -> int:
        with self._connect() as connection:
            waiting = connection.execute(
                f"SELECT {_SHOWN} FROM shop.product_decisions WHERE file IS NULL ORDER BY "
                "decision_id"
                " FOR UPDATE SKIP LOCKED"
            ).fetchall()
            for row in waiting:
                path = file_of(row)
                files.write_bytes(f"{self.raw.rstrip('/')}/commerce/{SOURCE}/{path}", as_file(row))
                connection.execute(
                    "UPDATE shop.product_decisions SET file = %s WHERE decision_id = %s",
                    (path, row["decision_id"]),
                )
        return len(waiting)


def file_of(row: Row) -> str:
    """A file a decision, which never changes: its number is its name."""
    return f"decision-{row['decision_id']:012d}.csv"


def as_file(row: Row) -> bytes:
    """A decision as the raw file that the source contract `commerce_product_decisions.decisions`
    describes.
    """
    sink = io.StringIO()
    writer = csv.DictWriter(sink, COLUMNS, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writeheader()
    told = {
        "decision_id": row["decision_id"],
        "product_id": row["product_id"],
        "decided_at": row["decided_at"].astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "decided_by": row["decided_by"],
        "why": row["why"],
    }
    for change in row["changes"]:
        plain = {
            key: change[key] if change[key] is not None else ""
            for key in ("field", "was", "becomes")
        }
        writer.writerow({**told, **plain})
    return sink.getvalue().encode()


def _state(connection: psycopg.Connection[Row], product_id: str) -> Row:
    """The product as the last load shows it, with the decisions that none has taken."""
    row = connection.execute(
        "SELECT product_name, category_id, list_price::text AS list_price, version"
        " FROM shop.shown_products WHERE product_id = %s",
        (product_id,),
    ).fetchone()
    if row is None:
        raise Refused(f"there is no product {product_id}", "NOT_FOUND")
    return row


def _assert_version(state: Row, expected: str) -> None:
    if state["version"] != expected:
        raise Refused(
            "the product has changed since it was read: its version is "
            f"{state['version']}; read it again",
            "CONFLICT",
        )


def _assert_still(state: Mapping[str, str | None], made: Mapping[str, str | None]) -> None:
    for name, value in made.items():
        if state[name] != value:
            raise Refused(
                f"the decision's {name} no longer stands, so there is nothing to undo", "CONFLICT"
            )


def _changes(
    state: Mapping[str, str | None], named: Mapping[str, Any]
) -> list[dict[str, str | None]]:
    changes = []
    for name, value in named.items():
        becomes = _plain(name, value)
        if becomes != state[name]:
            changes.append({"field": name, "was": state[name], "becomes": becomes})
    if not changes:
        raise Refused("the product is so already; nothing would change", "NO_CHANGE")
    return changes


def _plain(name: str, value: Any) -> str | None:
    """As the database shows it: an amount with four decimals, a text without blanks around it."""
    if name == "list_price":
        if value is None:
            raise Refused("a product keeps a price: a decision cannot take it away")
        price = Decimal(str(value))
        if not 0 <= price < 100_000_000:
            raise Refused("a price is from 0 to 100,000,000")
        # "-0" is zero, and must read as the database shows it.
        return str(abs(price).quantize(Decimal("0.0001")))
    text = "" if value is None else str(value).strip()
    if (
        not text
        or len(text) > 200
        or any(ord(letter) < 32 for letter in text)
        or not is_plain(text)
    ):
        raise Refused(f"{name} is a text of 1 to 200 characters in one line")
    return text


def _assert_category(connection: psycopg.Connection[Row], named: Mapping[str, Any]) -> None:
    wanted = named.get("category_id")
    if wanted is None:
        return
    found = connection.execute(
        "SELECT 1 AS known FROM shop.product_categories WHERE category_id = %s",
        (str(wanted).strip(),),
    ).fetchone()
    if found is None:
        raise Refused(f"there is no category {wanted}", "NOT_FOUND")
