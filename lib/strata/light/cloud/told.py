"""Which vehicle's instants were told before: a Bloom filter in Redis, confirmed in the table.

A filter a UTC day of the fixes, of plain bits, so that any Redis and Valkey will do. What it knows
too much costs a read; what it forgets (Redis lost) costs nothing but a write made again.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from typing import Any

from strata.light.cloud.settings import Clients

BITS = 1 << 25
"""Of one day's filter: 4 MiB, 16 bits a key at two million fixes a day."""
PROBES = 6
KEPT_S = 9 * 86_400
_LOG = logging.getLogger(__name__)


def told_before(clients: Clients, keys: Sequence[tuple[str, str]]) -> list[bool] | None:
    """Notes keys, each a UTC day and a text; whether each may have been noted before.

    None where Redis does not answer: then nobody knows.
    """
    if clients.redis is None or not keys:
        return None
    try:
        pipe = clients.redis.pipeline(transaction=False)
        for day, key in keys:
            for place in places(key):
                pipe.setbit(f"fleet:told:{day}", place, 1)
        for day in sorted({day for day, _ in keys}):
            pipe.expire(f"fleet:told:{day}", KEPT_S)
        answers: list[Any] = pipe.execute()
    except Exception as error:
        import redis

        if not isinstance(error, (redis.RedisError, OSError)):
            raise
        _LOG.warning("Redis does not answer, nothing is taken for told before: %s", error)
        return None
    return [all(answers[n * PROBES : (n + 1) * PROBES]) for n in range(len(keys))]


def places(key: str) -> list[int]:
    """The bits of a key."""
    digest = hashlib.blake2b(key.encode(), digest_size=16).digest()
    one, other = int.from_bytes(digest[:8], "big"), int.from_bytes(digest[8:], "big") | 1
    return [(one + probe * other) % BITS for probe in range(PROBES)]
