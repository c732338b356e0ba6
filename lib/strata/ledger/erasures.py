"""Erasures: who asked to be forgotten, as a keyed list that holds no token of any table, and how
far each is.

`ops/erasures/<feed>/<id>.json` is one erasure. Its `entries` are keyed hashes for this purpose
alone, by which the reader knows the person again, should a later file tell of them; nobody else
does. The ledger keeps the id of an erasure that was carried out, and nothing of the person.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from strata.errors import Damaged
from strata.fs import files
from strata.lake.versions import Warehouse

FOLDED = "the person asked to be forgotten"
"""Why bronze folds such a record: it is counted, and nothing of it is written."""


@dataclass(frozen=True)
class Erasure:
    """One person's request, and when it was proved done."""

    id: str
    entries: tuple[str, ...]
    """One for each canonical form of what identifies them; most often one."""
    asked_at: str
    done_at: str = ""


def read(warehouse: Warehouse, feed: str) -> list[Erasure]:
    """Every erasure of the feed, oldest first; one that cannot be read is damage, for its person
    might come back.
    """
    folder = _folder(warehouse, feed)
    found = []
    for name in files.list_names(folder):
        if name.endswith(".json"):
            text = files.read_bytes(f"{folder}/{name}")
            try:
                told = json.loads(text)
                found.append(Erasure(**{**told, "entries": tuple(told["entries"])}))
            except (ValueError, TypeError, KeyError):
                raise Damaged(
                    f"an erasure keeps its person away; {folder}/{name} cannot be read: restore it",
                    feed=feed,
                ) from None
    return sorted(found, key=lambda erasure: (erasure.asked_at, erasure.id))


def write(warehouse: Warehouse, feed: str, erasure: Erasure) -> None:
    """Notes an erasure, or how far it has come."""
    files.write_bytes(
        f"{_folder(warehouse, feed)}/{erasure.id}.json",
        json.dumps(asdict(erasure), sort_keys=True).encode(),
    )


def suppressed(warehouse: Warehouse, feed: str) -> frozenset[str]:
    """The entries by which the reader knows whom it must not let in again."""
    return frozenset(entry for erasure in read(warehouse, feed) for entry in erasure.entries)


def pending(warehouse: Warehouse, feed: str) -> list[Erasure]:
    """Erasures that were begun and not proved done."""
    return [erasure for erasure in read(warehouse, feed) if not erasure.done_at]


def _folder(warehouse: Warehouse, feed: str) -> str:
    return f"{warehouse.root}/ops/erasures/{feed}"
