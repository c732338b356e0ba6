"""Protects personal fields in the reader, before anything of them is written anywhere.

A source contract says of each personal field what becomes of it: `keyed_hash` (a pseudonym), `year` (of
an ISO date), or `drop`. A record of such a source that does not parse leaves a keyed hash and its byte
range only, and fields that the layout does not name are dropped, for nobody has said what they hold.

The key comes from the environment of whichever process reads, driver or executor, never from a setting,
a plan or a file: `STRATA_PSEUDONYM_KEY` (at least 32 bytes) and `STRATA_PSEUDONYM_KEY_ID`. A pseudonym is
still personal data: whoever has the key can make it again.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from strata.errors import UsageError

WAYS = ("keyed_hash", "year", "drop")
KEY, KEY_ID = "STRATA_PSEUDONYM_KEY", "STRATA_PSEUDONYM_KEY_ID"
_SHORTEST_KEY = 32
_INVISIBLE = re.compile("[\u200b-\u200f\u2060\ufeff\u00ad]")
_ISO_DATE = re.compile(r"([0-9]{4})-[0-9]{2}-[0-9]{2}(?:[T ].*)?")


@dataclass(frozen=True, repr=False)
class Pseudonyms:
    """Makes pseudonyms by HMAC-SHA-256 (RFC 2104) with one key; its text form does not show the key."""

    key: bytes
    key_id: str

    def of(self, text: str) -> str:
        """`k1:3f…`; the same for every spelling that differs in case, outer spaces or Unicode form only."""
        return f"{self.key_id}:{hmac.new(self.key, canonical(text).encode(), hashlib.sha256).hexdigest()}"


def canonical(text: str) -> str:
    """NFKC, without invisible characters, trimmed, case folded: what is hashed."""
    return unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).strip().casefold()


def from_environment() -> Pseudonyms:
    """The key of this process; a UsageError where it is missing, short or without an id."""
    key, key_id = os.environ.get(KEY, ""), os.environ.get(KEY_ID, "")
    if len(key.encode()) < _SHORTEST_KEY or len(set(key)) < 8:
        raise UsageError(
            f"a source with personal fields needs a secret key of at least {_SHORTEST_KEY} bytes in {KEY}; "
            f"found {'none' if not key else 'one that is too short or too plain'}: set it from your secret store"
        )
    if not re.fullmatch(r"[a-z0-9]{1,16}", key_id):
        raise UsageError(
            f"{KEY_ID} names the key, in 1 to 16 lower-case letters and digits; found {'none' if not key_id else 'another form'}"
        )
    return Pseudonyms(key.encode(), key_id)


def protector(ways: dict[str, str], pseudonyms: Pseudonyms) -> Callable[[pa.RecordBatch, str], pa.RecordBatch]:
    """A function that protects a batch of raw records: one row a record in, the same rows out.

    `ways` gives the way for each personal column; the second argument tells where the batch lies in its file.
    """
    of_way: dict[str, Callable[[str], str | None]] = {"keyed_hash": pseudonyms.of, "year": _year, "drop": lambda _: None}

    def protect(batch: pa.RecordBatch, where: str) -> pa.RecordBatch:
        def unread(text: str) -> str:
            return f"{pseudonyms.of(text)} {where}"

        change = {column: of_way[way] for column, way in ways.items()}
        change |= {"_extra": lambda _: None, "_raw_record": unread}
        for column, function in change.items():
            number = batch.schema.get_field_index(column)
            if number >= 0:
                values = [None if v is None else function(v) for v in batch.column(number).to_pylist()]
                batch = batch.set_column(number, batch.schema.field(number), pa.array(values, pa.string()))
        return batch

    return protect


def _year(text: str) -> str | None:
    match = _ISO_DATE.fullmatch(text.strip())
    return match[1] if match else None
