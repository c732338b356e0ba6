"""Failpoints: parsing, counting, proof; off when nothing is armed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from strata import failpoint
from strata.failpoint import Crash, Failpoint, parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lease.taken", ("lease.taken", None, 1, "kill")),
        ("commit.after@gold.toy_days#2=stop", ("commit.after", "gold.toy_days", 2, "stop")),
        ("publication.before=crash", ("publication.before", None, 1, "crash")),
    ],
)
def test_a_failpoint_names_point_subject_hit_and_action(
    text: str, expected: tuple[str, str | None, int, str]
) -> None:
    made = parse(text)
    assert (made.point, made.subject, made.hit, made.action) == expected


@pytest.mark.parametrize(
    "text", ["", "Commit", "commit#x", "commit=explode", "a@b#", "commit after"]
)
def test_anything_else_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="a failpoint is POINT"):
        parse(text)


def test_it_fires_at_its_hit_on_its_subject_and_leaves_proof(tmp_path: Path) -> None:
    log = tmp_path / "log"
    failpoint.armed = Failpoint("commit.after", "t", 2, "crash", str(log))
    failpoint.reach("commit.after", "t")
    failpoint.reach("commit.after", "other")
    failpoint.reach("commit.before", "t")
    with pytest.raises(Crash):
        failpoint.reach("commit.after", "t")
    failpoint.reach("commit.after", "t")
    assert log.read_text().splitlines() == [
        "reached commit.after@t",
        "reached commit.after@other",
        "reached commit.before@t",
        "reached commit.after@t",
        "fired commit.after@t#2=crash",
        "reached commit.after@t",
    ]


def test_nothing_happens_when_nothing_is_armed() -> None:
    assert failpoint.armed is None
    failpoint.reach("commit.after", "t")


def test_a_kill_ends_the_whole_group_at_once(tmp_path: Path) -> None:
    """The environment arms it; a child of the killed process dies too, and no handler runs."""
    program = (
        "import subprocess, sys\n"
        "from strata import failpoint\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True)\n"
        "try:\n"
        "    failpoint.reach('lease.taken', 'toy')\n"
        "finally:\n"
        "    print('a handler ran', flush=True)\n"
    )
    environment = {
        **os.environ,
        "STRATA_FAILPOINT": "lease.taken@toy",
        "STRATA_FAILPOINT_LOG": str(tmp_path / "log"),
    }
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        start_new_session=True,
        timeout=60,
    )
    assert done.returncode == -signal.SIGKILL
    assert "fired lease.taken@toy#1=kill" in (tmp_path / "log").read_text()
    child = int(done.stdout)
    # The signal is sent to both at once, but each dies when it is scheduled.
    deadline = time.monotonic() + 30
    while is_alive(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(child)


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False
