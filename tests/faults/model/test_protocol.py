"""The protocol of lease and publication, checked whole; and each safeguard taken away, to show that
the check can fail.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.model.protocol import SAFEGUARDS, Rules, Violation, explore

ON_DISK = Rules()
ON_S3 = Rules(lease_may_pass=True)
SPIN = Path(__file__).parent / "spin.sh"

# Without this safeguard, there, this invariant breaks.
NEEDED = {
    "lease": (ON_DISK, "a stale holder publishes"),
    "fence": (ON_S3, "a stale holder publishes"),
    "restore": (ON_DISK, "readers see table 0 with files"),
    "built_on": (ON_S3, "readers see table 0 with files"),
    "audited": (ON_S3, "readers see table 0 with files"),
    "one_row": (ON_DISK, "readers see table 1 with files"),
    "put_if_absent": (ON_S3, "a publication is lost of which its run was told"),
    "read_back": (ON_S3, "a publication is lost of which its run was told"),
    "taken_when_published": (ON_DISK, "a re-run must converge"),
}


def test_on_a_disk_every_invariant_holds_in_every_state() -> None:
    assert explore(ON_DISK, runs=4, deaths=3) > 5_000


def test_where_a_lease_may_pass_while_its_holder_sleeps_they_hold_too() -> None:
    """S3, whose log entries are put on condition."""
    assert explore(ON_S3) > 50_000


@pytest.mark.parametrize("safeguard", SAFEGUARDS)
def test_without_any_one_safeguard_an_invariant_breaks(safeguard: str) -> None:
    rules, broken = NEEDED[safeguard]
    with pytest.raises(Violation, match=broken):
        explore(replace(rules, **{safeguard: False}))


@pytest.mark.nightly
@pytest.mark.skipif(
    not (shutil.which("spin") and shutil.which("cc")),
    reason="spin and a C compiler are not installed",
)
def test_spin_agrees() -> None:
    told = subprocess.run(["sh", str(SPIN)], text=True, capture_output=True, timeout=300)
    assert told.returncode == 0, told.stdout + told.stderr
