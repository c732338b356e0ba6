"""Protects personal fields in the reader, before anything of them is written anywhere.

A source contract says of each personal field what becomes of it (WAYS), and may make further
columns out of several fields. A record of such a source that does not parse leaves a keyed hash and
its byte range only, and fields that the layout does not name are dropped, for nobody has said what
they hold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from strata.declare import identifiers, personal_values
from strata.declare.personal_values import UNREADABLE
from strata.declare.pseudonyms import FORMER_KEYS, Pseudonyms, every_key, from_environment
from strata.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

# `keyed_hash`: a pseudonym of the text in its canonical form. `email`, `postcode`: the same of an
# address or a full postcode, null where the text is none. `postcode_form`, `postcode_territory`:
# what little is told of a postcode. `year`: of an ISO date. `date`: an ISO date as it is. `listed`:
# one of the contract's `values`. Of these two, anything else becomes UNREADABLE. `drop`: nothing,
# and no column.
WAYS = (
    "keyed_hash",
    "email",
    "postcode",
    "postcode_form",
    "postcode_territory",
    "year",
    "date",
    "listed",
    "drop",
)
SUPPRESSION = "suppression"
"""The purpose of the entries of the suppression list: none of them is a pseudonym of any table."""
FORGOTTEN = "_forgotten"
RECORD = "record"
"""The purpose of pseudonyms of whole records that do not parse."""


@dataclass(frozen=True)
class Protection:
    """What becomes of a personal column."""

    column: str
    way: str
    of: tuple[str, ...] = ()
    """The columns it is made of; () = itself."""
    values: tuple[str, ...] = ()
    """What `listed` lets through, in canonical form."""
    identifies: bool = False
    """Whether a person is known by it: who asks to be forgotten is found here."""


def key_for(rules: Sequence[Protection]) -> Pseudonyms | None:
    """The key of this process, for a source of which a pseudonym is kept; none for one whose
    personal fields are all dropped.
    """
    return from_environment() if needs_key(rules) else None


def needs_key(rules: Sequence[Protection]) -> bool:
    """Whether any of the rules hashes, for which a key is needed."""
    return any(rule.way != "drop" for rule in rules)


def normal_form(rule: Protection, text: str) -> str | None:
    """What is hashed of a person's identifier; None where the text is no such identifier."""
    return _reading(rule)(text) or None


def suppression_entry(pseudonyms: Pseudonyms, normal: str) -> str:
    """The person's entry in the suppression list."""
    return pseudonyms.of(normal, SUPPRESSION)


def check_suppressed(suppressed: frozenset[str]) -> None:
    """Every entry of a suppression list can be recognised with the keys of this process, or a
    UsageError tells which is missing.
    """
    missing = sorted(
        {entry.partition(":")[0] for entry in suppressed} - {key.label for key in every_key()}
    )
    if missing:
        raise UsageError(
            "who asked to be forgotten is recognised with the key of that time; "
            f"{', '.join(missing)} is missing: "
            f"add it to {FORMER_KEYS}, as id=key"
        )


# --- batches -------------------------------------------------------------------------------------


def protector(
    rules: Sequence[Protection],
    pseudonyms: Pseudonyms | None,
    suppressed: frozenset[str] = frozenset(),
) -> Callable[[pa.RecordBatch, str], pa.RecordBatch]:
    """A function that protects a batch of raw records: one row a record in, the same rows out.

    The second argument tells where the batch lies in its file. A dropped column is gone, one made
    of others is added. With a suppression list, FORGOTTEN is added too: whether the record is of a
    person on it. `pseudonyms` is what `key_for` gives; without it, nothing of a record that does
    not parse is kept but its place.
    """
    is_forgotten = _recogniser(rules, suppressed) if suppressed else None
    made = (
        {rule.column: _maker(rule, pseudonyms) for rule in rules if rule.way != "drop"}
        if pseudonyms
        else {}
    )
    read = {
        name
        for rule in rules
        if rule.column in made or rule.identifies
        for name in rule.of or (rule.column,)
    }
    dropped = {rule.column for rule in rules if rule.way == "drop"}

    # Only who protects batches needs Arrow; who reads a declaration does not.
    import pyarrow as pa

    def protect(batch: pa.RecordBatch, where: str) -> pa.RecordBatch:
        columns = dict(zip(batch.schema.names, batch.columns, strict=True))
        raw = {name: columns[name].to_pylist() for name in read if name in columns}
        new = {
            rule.column: pa.array(
                map(made[rule.column], *[raw[name] for name in rule.of or (rule.column,)]),
                pa.string(),
            )
            for rule in rules
            if rule.column in made
        }
        unread = [
            None if text is None else f"{_pseudonym_of_record(text, pseudonyms)} {where}"
            for text in columns["_raw_record"].to_pylist()
        ]
        new |= {
            "_extra": pa.nulls(batch.num_rows, pa.string()),
            "_raw_record": pa.array(unread, pa.string()),
        }
        if is_forgotten is not None:
            new[FORGOTTEN] = pa.array(is_forgotten(raw, batch.num_rows), pa.bool_())
        kept = {name: column for name, column in {**columns, **new}.items() if name not in dropped}
        return pa.RecordBatch.from_pydict(kept)

    return protect


def _pseudonym_of_record(text: str, pseudonyms: Pseudonyms | None) -> str:
    return pseudonyms.of(text, RECORD) if pseudonyms else UNREADABLE


def _recogniser(
    rules: Sequence[Protection], suppressed: frozenset[str]
) -> Callable[[dict[str, list[str | None]], int], list[bool]]:
    """Tells of each record whether its person is on the list, whichever key the entry was made
    with.
    """
    check_suppressed(suppressed)
    keys = [
        key for key in every_key() if any(entry.startswith(f"{key.label}:") for entry in suppressed)
    ]

    def is_listed(rule: Protection, text: str | None) -> bool:
        normal = None if text is None else normal_form(rule, text)
        return normal is not None and any(
            suppression_entry(key, normal) in suppressed for key in keys
        )

    def recognise(raw: dict[str, list[str | None]], rows: int) -> list[bool]:
        found = [False] * rows
        for rule in rules:
            if rule.identifies and rule.column in raw:
                found = [
                    already or is_listed(rule, text)
                    for already, text in zip(found, raw[rule.column], strict=True)
                ]
        return found

    return recognise


def pseudonym_of(rule: Protection, pseudonyms: Pseudonyms, text: str) -> str | None:
    """What stands in the rule's column for a person's identifier."""
    return _maker(rule, pseudonyms)(text)


def _reading(rule: Protection) -> Callable[[str], str | None]:
    """The canonical form, or the coarsened value, of one text."""
    readers: dict[str, Callable[[str], str | None]] = {
        "email": identifiers.email,
        "postcode": identifiers.full_postcode,
        "postcode_form": personal_values.postcode_form,
        "postcode_territory": personal_values.postcode_territory,
        "year": personal_values.year,
        "date": personal_values.iso_date,
        "listed": lambda text: personal_values.listed(text, rule.values),
    }
    return readers.get(rule.way, identifiers.canonical)


def _maker(rule: Protection, pseudonyms: Pseudonyms) -> Callable[..., str | None]:
    """The protected value of a column, from the raw values it is made of."""
    read = _reading(rule)
    if rule.way not in ("keyed_hash", "email", "postcode"):
        return lambda value: None if value is None else read(value)

    of_text = pseudonyms.maker(rule.column)
    if len(rule.of) <= 1:

        def pseudonym_of_one(value: str | None) -> str | None:
            text = None if value is None else read(value)
            return of_text(text) if text else None

        return pseudonym_of_one

    def pseudonym(*values: str | None) -> str | None:
        texts = [None if value is None else read(value) or None for value in values]
        if not any(texts):
            return None
        # The length before each part: ("ann", "b") and ("an", "nb") are not the same.
        return of_text("".join("-" if text is None else f"{len(text)}:{text}" for text in texts))

    return pseudonym
