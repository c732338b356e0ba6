"""CPU seconds of each test file, those of its JVM and other processes included: `-p tests.cpu`.

On a busy machine wall time says little, and pytest's own durations are wall time.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

_TICK = os.sysconf("SC_CLK_TCK")
_cpu: Counter[str] = Counter()
_count: Counter[str] = Counter()


def tree_seconds(root: int) -> float:
    """User and system time of a process, its live descendants, and the ended ones they waited
    for.
    """
    children: dict[int, list[int]] = defaultdict(list)
    seconds: dict[int, float] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # It ended meanwhile.
            continue
        pid = int(stat.parent.name)
        children[int(fields[1])].append(pid)
        seconds[pid] = sum(map(int, fields[11:15])) / _TICK
    found, waiting = 0.0, [root]
    while waiting:
        pid = waiting.pop()
        found += seconds.get(pid, 0.0)
        waiting += children[pid]
    return found


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    before = tree_seconds(os.getpid())
    yield
    file = item.nodeid.partition("::")[0]
    _cpu[file] += tree_seconds(os.getpid()) - before
    _count[file] += 1
    if told := os.environ.get("STRATA_TEST_CPU"):
        with Path(told).open("a") as log:
            log.write(f"{tree_seconds(os.getpid()) - before:8.1f} {item.nodeid}\n")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.section("CPU seconds")
    for file, seconds in _cpu.most_common():
        terminalreporter.write_line(f"{seconds:8.1f}  {_count[file]:5} tests  {file}")
    terminalreporter.write_line(f"{sum(_cpu.values()):8.1f}  {sum(_count.values()):5} tests")
