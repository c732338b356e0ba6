"""Which keys may have come twice: a filter that knows too many, never too few."""

from __future__ import annotations

import random
from array import array
from collections.abc import Callable

_WORD = 64
_PROBES = 3
_MASKS = 1 << 12
_FEW = 1 << 16


class Seen:
    """A Bloom filter of fixed size over hashes of keys, and a second one of those that came again.

    It is blocked: a key's three bits lie in one word of 64, so that a key costs one access. With
    `n` keys in `w` words a new key is taken for a known one with probability of about
    E[(1 - (61/64)^k)^3], k being Poisson with mean n/w: 0.4 % for 12 million keys in 32 MiB. Who
    asks must confirm it exactly.
    """

    def __init__(self, mebibytes: int = 32) -> None:
        self._words = array("Q", [0]) * (mebibytes << 17)
        self._again = array("Q", [0]) * (max(1, mebibytes >> 3) << 17)
        chance = random.Random(1)
        self._masks = tuple(
            sum(1 << bit for bit in chance.sample(range(_WORD), _PROBES)) for _ in range(_MASKS)
        )
        # A few hashes are kept as they are, which is exact and quick; more of them as bits.
        self._few: set[int] | None = set()
        self.asked = 0
        self.known = 0
        """How many keys were taken for known when they came."""

    def add_all(self, hashes: list[int]) -> None:
        """Notes keys by their hashes, of 64 bits."""
        words, size, masks, known = self._words, len(self._words), self._masks, []
        for hashed in hashes:
            place, mask = hashed % size, masks[hashed >> 40 & 4095]
            word = words[place]
            if word & mask == mask:
                known.append(hashed)
            else:
                words[place] = word | mask
        self.asked += len(hashes)
        self.known += len(known)
        if self._few is not None:
            self._few.update(known)
            if len(self._few) <= _FEW:
                return
            known, self._few = list(self._few), None
        for hashed in known:
            self._again[hashed % len(self._again)] |= masks[hashed >> 40 & 4095]

    def may_be_twice(self, hashed: int) -> bool:
        """Whether a key that was noted may have come twice or more."""
        return self.twice(hashed)

    @property
    def twice(self) -> Callable[[int], bool]:
        """The same, for whoever asks of many keys; it holds until the next key is noted."""
        if self._few is not None:
            return self._few.__contains__
        return self._is_again

    def _is_again(self, hashed: int) -> bool:
        mask = self._masks[hashed >> 40 & 4095]
        return self._again[hashed % len(self._again)] & mask == mask


def mebibytes_for(keys: int) -> int:
    """A size for so many keys: 16 bits a key, a power of two from 1 to 32 MiB."""
    wanted = keys * 2 >> 20
    return min(32, 1 << max(0, wanted.bit_length()))
