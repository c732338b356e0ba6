"""Both filters of the serverless paths at the load that their documentation names: how often a new
key is taken for a known one, beside the formula."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import pytest
from strata.light.cloud import told
from strata.light.cloud.settings import Clients, Settings
from strata.light.local.bloom import Seen

from tests.unit.light.cloud.world import RedisServer
from tests.unit.light.test_run import add_in_blocks, some_keys, wrong_at

pytestmark = pytest.mark.nightly
DAY, A_DAY, ASKED = "2026-10-01", 2_000_000, 200_000
IN_PROCESS = 12_000_000


def test_a_day_of_two_million_fixes_in_redis(tmp_path: Path, capsys: Any) -> None:
    server = RedisServer(tmp_path)
    try:
        bits = bytearray(told.BITS // 8)
        for number in range(A_DAY - ASKED // 2):
            for place in told.places(key(number)):
                # As Redis numbers them: the first bit of a byte is its highest.
                bits[place >> 3] |= 0x80 >> (place & 7)
        clients = Clients(Settings(redis=server.url))
        clients.redis.set(f"fleet:told:{DAY}", bytes(bits))
        first = A_DAY - ASKED // 2
        wrong = 0
        for start in range(first, first + ASKED, 5_000):
            answer = told.told_before(clients, [(DAY, key(n)) for n in range(start, start + 5_000)])
            assert answer is not None
            wrong += sum(answer)
        assert told.told_before(clients, [(DAY, key(n)) for n in range(1_000)]) == [True] * 1_000
    finally:
        server.stop()
    computed = (1 - math.exp(-told.PROBES * A_DAY / told.BITS)) ** told.PROBES
    tell(capsys, f"Redis, {A_DAY:,} keys", wrong / ASKED, computed)
    # Four times the spread of a count as small as this one.
    assert wrong == pytest.approx(computed * ASKED, abs=4 * math.sqrt(computed * ASKED))


def key(number: int) -> str:
    """As judges name an instant: a thousand vehicles, every one of them by the second."""
    second = number // 1000
    at = f"{second // 3600 % 24:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
    return f"vehicle {number % 1000}#{DAY}T{at}.000000Z"


def test_twelve_million_instants_in_16_mib(capsys: Any) -> None:
    chance, seen = random.Random(7), Seen(mebibytes=16)
    for _ in range(IN_PROCESS // 100_000):
        add_in_blocks(seen, some_keys(chance, 100_000))
    filling = seen.known
    add_in_blocks(seen, some_keys(chance, ASKED))
    wrong, words = seen.known - filling, 16 << 17
    computed = wrong_at((IN_PROCESS + ASKED / 2) / words)
    tell(capsys, f"In process, {IN_PROCESS:,} keys", wrong / ASKED, computed)
    assert wrong == pytest.approx(computed * ASKED, abs=4 * math.sqrt(computed * ASKED))


def tell(capsys: Any, what: str, measured: float, computed: float) -> None:
    with capsys.disabled():
        print(f"\n{what}: {measured:.4%} of new ones taken for known; computed {computed:.4%}")
