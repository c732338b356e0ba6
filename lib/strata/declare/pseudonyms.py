"""Pseudonyms, and the keys that they are made with.

The key comes from the environment of whichever process reads, driver or executor, never from a
setting, a plan or a file: `STRATA_PSEUDONYM_KEY` (at least 32 bytes) and `STRATA_PSEUDONYM_KEY_ID`.
A pseudonym is still personal data: whoever has the key can make it again.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from strata.errors import UsageError

KEY, KEY_ID = "STRATA_PSEUDONYM_KEY", "STRATA_PSEUDONYM_KEY_ID"
FORMER_KEYS = "STRATA_PSEUDONYM_FORMER_KEYS"
_SHORTEST_KEY = 32


@dataclass(frozen=True, repr=False)
class Pseudonyms:
    """Makes pseudonyms by HMAC-SHA-256 (RFC 2104) with one key; its text form does not show the
    key.

    Each purpose has a key of its own, HMAC(key, purpose): pseudonyms of different purposes cannot
    be joined, even where the same text is hashed.
    """

    key: bytes
    key_id: str
    _makers: dict[str, Callable[[str], str]] = field(
        default_factory=dict, init=False, compare=False
    )

    def of(self, text: str, purpose: str) -> str:
        """`k1.5d0c2e:3f…`: the key's label and the hash of exactly this text for this purpose."""
        if purpose not in self._makers:
            self._makers[purpose] = self.maker(purpose)
        return self._makers[purpose](text)

    def maker(self, purpose: str) -> Callable[[str], str]:
        """`of` for one purpose and many texts."""
        keyed, label = hmac.new(self._derived(purpose), digestmod=hashlib.sha256), self.label

        def make(text: str) -> str:
            own = keyed.copy()
            own.update(text.encode())
            return f"{label}:{own.hexdigest()}"

        return make

    @property
    def label(self) -> str:
        """The key's id and six digits that check the key: two keys by mistake under one id are told
        apart.
        """
        return f"{self.key_id}.{self._derived('check of the key').hex()[:6]}"

    def _derived(self, purpose: str) -> bytes:
        return hmac.new(self.key, purpose.encode(), hashlib.sha256).digest()


def from_environment() -> Pseudonyms:
    """The key of this process; a UsageError where it is missing, short or without an id."""
    key, key_id = os.environ.get(KEY, ""), os.environ.get(KEY_ID, "")
    if len(key.encode()) < _SHORTEST_KEY or len(set(key)) < 8:
        raise UsageError(
            f"a source with personal fields needs a secret key of at least {_SHORTEST_KEY} "
            f"bytes in {KEY}; "
            f"found {'none' if not key else 'one that is too short or too plain'}: set it "
            "from your secret store"
        )
    if not re.fullmatch(r"[a-z0-9]{1,16}", key_id):
        raise UsageError(
            f"{KEY_ID} names the key, in 1 to 16 lower-case letters and digits; found "
            f"{'none' if not key_id else 'another form'}"
        )
    return Pseudonyms(key.encode(), key_id)


def every_key() -> tuple[Pseudonyms, ...]:
    """The key of this process, then those that it was rotated from: `k1=… k2=…` in
    STRATA_PSEUDONYM_FORMER_KEYS.
    """
    former = [part.partition("=") for part in os.environ.get(FORMER_KEYS, "").split()]
    return (from_environment(), *(Pseudonyms(key.encode(), key_id) for key_id, _, key in former))
