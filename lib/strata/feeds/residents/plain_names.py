"""Names of authorities without Spark, as `postcodes.authority_names` makes them."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from typing import TYPE_CHECKING, Any

from strata.feeds.residents.postcodes import NAMES_IN_COLUMNS
from strata.kit.columns import BLANKS
from strata.kit.plain import Doubtful

if TYPE_CHECKING:
    import pyarrow as pa

_READ = (
    "authority_code",
    "authority_name",
    *(f"name_{code}" for code in NAMES_IN_COLUMNS),
    "_extra",
    "_delivery_date",
)


def names_here(records: pa.Table) -> pa.Table | None:
    """One row per authority code, with the name of the newest delivery, from the records of files
    of names; None where Spark might read a map of them otherwise.
    """
    import pyarrow as pa

    told: dict[str, Counter[tuple[date, str]]] = defaultdict(Counter)
    try:
        for record in records.select(_READ).to_pylist():
            day = record["_delivery_date"] or date.min
            for code, name in _pairs(record):
                told[code][day, name] += 1
    except Doubtful:
        return None
    names = [
        # Equally many: the first by the alphabet, which is Spark's, of bytes.
        min(counted, key=lambda one: (-one[0].toordinal(), -counted[one], one[1].encode()))[1]
        for counted in told.values()
    ]
    columns = {
        "authority_code": pa.array(list(told), pa.string()),
        "authority_name": pa.array(names, pa.string()),
    }
    return pa.table(columns)


def _pairs(record: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The codes and names that a record tells."""
    pairs = [(record["authority_code"], record["authority_name"])]
    pairs += [(code.upper(), record[f"name_{code}"]) for code in NAMES_IN_COLUMNS]
    if record["name_e09000001"] is not None and record["_extra"] is not None:
        pairs += _map_of(record["_extra"])
    for code, name in _trimmed(pairs):
        if code and name:
            yield code, name


def _trimmed(pairs: Iterable[tuple[Any, Any]]) -> Iterator[tuple[str, str]]:
    for code, name in pairs:
        yield (code or "").strip(BLANKS), (name or "").strip(BLANKS)


def _map_of(text: str) -> tuple[tuple[str, Any], ...]:
    """The pairs of a JSON object of texts; Doubtful where it is anything else, which Spark may read
    in part."""
    try:
        pairs = json.loads(text, object_pairs_hook=tuple)  # An array is a list.
        is_plain = isinstance(pairs, tuple) and all(
            isinstance(code, str)
            and isinstance(name, str)
            and (code + name).isprintable()  # No half of a surrogate pair, which has no bytes.
            for code, name in pairs
        )
    except (ValueError, TypeError):
        is_plain = False
    if not is_plain or len({code for code, _ in pairs}) != len(pairs):
        raise Doubtful
    return pairs
