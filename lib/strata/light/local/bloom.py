"""Which keys may have come twice: a filter that knows too many, never too few."""

from __future__ import annotations

import random

import numpy as np

_WORD = 64
_PROBES = 3
_MASKS = 1 << 12
_FEW = 1 << 16


class Seen:
    """A Bloom filter of fixed size over hashes of keys, and a second one of those that came again.

    It is blocked: a key's three bits lie in one word of 64, so that a key costs one access. With
    `n` keys in `w` words a new key is taken for a known one with probability of about
    E[(1 - (61/64)^k)^3], k being Poisson with mean n/w: 1.8 % for 12 million keys in 16 MiB. Who
    asks must confirm it exactly.
    """

    def __init__(self, mebibytes: int = 16) -> None:
        self._words = np.zeros(mebibytes << 17, np.uint64)
        self._again = np.zeros(max(1, mebibytes >> 3) << 17, np.uint64)
        chance = random.Random(1)
        self._masks = np.array(
            [sum(1 << bit for bit in chance.sample(range(_WORD), _PROBES)) for _ in range(_MASKS)],
            np.uint64,
        )
        # A few hashes are kept as they are, which is exact and quick; more of them as bits.
        self._few: np.ndarray | None = np.zeros(0, np.uint64)
        self.asked = 0
        self.known = 0
        """How many keys were taken for known when they came."""

    def add_all(self, hashes: np.ndarray) -> None:
        """Notes keys by their hashes, unsigned ones of 64 bits. Keys that come together are told
        from each other exactly."""
        known = self._note(self._words, hashes)
        new = np.sort(hashes[~known])
        again = np.concatenate([hashes[known], new[1:][new[1:] == new[:-1]]])
        self.asked += len(hashes)
        self.known += len(again)
        if not len(again):
            return
        if self._few is not None:
            self._few = np.union1d(self._few, again)
            if len(self._few) <= _FEW:
                return
            again, self._few = self._few, None
        self._note(self._again, again)

    def twice(self, hashes: np.ndarray) -> np.ndarray:
        """Of keys that were noted, which may have come twice or more."""
        if self._few is not None:
            return np.isin(hashes, self._few)
        return self._has(self._again, *self._bits(self._again, hashes))

    def _bits(self, words: np.ndarray, hashes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of each key its word's place and its bits there."""
        places = hashes & np.uint64(len(words) - 1)  # a power of two
        return places, self._masks[(hashes >> np.uint64(40)) & np.uint64(_MASKS - 1)]

    def _note(self, words: np.ndarray, hashes: np.ndarray) -> np.ndarray:
        """Sets the bits of keys; tells which were all set before."""
        places, masks = self._bits(words, hashes)
        known = self._has(words, places, masks)
        missing = ~known
        while missing.any():
            # Of keys that share a word one only is set at a time.
            places, masks = places[missing], masks[missing]
            words[places] |= masks
            missing = ~self._has(words, places, masks)
        return known

    @staticmethod
    def _has(words: np.ndarray, places: np.ndarray, masks: np.ndarray) -> np.ndarray:
        found: np.ndarray = (words[places] & masks) == masks
        return found


def mebibytes_for(keys: int) -> int:
    """A size for so many keys: 16 bits a key, a power of two from 1 to 16 MiB."""
    wanted = keys * 2 >> 20
    return min(16, 1 << max(0, wanted.bit_length()))
