"""Events without Spark side by side: `strata light run`, and the obvious way, a csv.DictReader with
one write a record. Each runs in a process of its own, in turns; the counts must agree.

    python -m bench.light [ROWS] [ROUNDS] [MOST_MIB]

A watchdog adds up the resident memory of the process and of all its children ten times a second, and
ends a run of Strata's that takes more than MOST_MIB (512). tracemalloc's peak comes from a run of its
own over a tenth of the rows, for tracing takes most of the time.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

WAYS = ("strata light run", "csv.DictReader")


# Lambda gives a whole core at 1,769 MB, and bills GB-seconds; list price of ARM in US East, 2025.
WHOLE_CORE_MB, DOLLARS_A_GB_S = 1769, 0.0000133334
SIZES_MB = (256, 512, 1024, 1769)


def main(rows: int = 1_000_000, rounds: int = 3, most_mib: int = 512) -> None:
    """Prints median seconds of CPU and of the clock, records a second of CPU, and peak memory."""
    # Here, not above: the ways' own processes import this module too, and need no numpy.
    from bench import fleet_data

    folder = Path(tempfile.mkdtemp(prefix="strata-bench-"))
    try:
        for name, count in (("fleet", rows), ("small", max(1000, rows // 10))):
            faults = fleet_data.Faults.of_share(count, 0.0002)
            fleet_data.write(
                folder / name, fleet_data.Fleet(count, min(50_000, count), faults=faults)
            )
        told: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
        for _ in range(rounds):
            for way in WAYS:
                limit = most_mib if way == WAYS[0] else None
                told[way].append(_in_process(way, folder / "fleet", limit))
        size = sum(path.stat().st_size for path in (folder / "fleet" / "events").rglob("*.csv"))
        print(f"{rows:,} rows of tracks, {size / 1e6:,.0f} MB of events")
        _tell(told)
        traced = _in_process("traced", folder / "small", None)
        print(f"tracemalloc over a tenth of the rows: {traced['traced_mib']:.0f} MiB")
        _tell_curve(told[WAYS[0]])
    finally:
        shutil.rmtree(folder)


def _in_process(way: str, raw: Path, most_mib: int | None) -> dict[str, float]:
    code = (
        f"from pathlib import Path; from bench import light; light.run_way({way!r}, {str(raw)!r})"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    dog = Watchdog(process, most_mib)
    dog.start()
    out, err = process.communicate()
    dog.join()
    if dog.ended_at:
        raise SystemExit(f"{way}: ended at {dog.ended_at:.0f} MiB; at most {most_mib} were allowed")
    if process.returncode:
        raise SystemExit(f"{way}: {err[-2000:]}")
    answer: dict[str, float] = json.loads(out.splitlines()[-1])
    return {**answer, "watched_mib": dog.peak}


class Watchdog(threading.Thread):
    """Notes the resident memory of a process with its children, and ends it above a limit."""

    def __init__(self, process: subprocess.Popen[str], most_mib: int | None) -> None:
        super().__init__(daemon=True)
        self._process, self._most = process, most_mib
        self.peak = self.ended_at = 0.0

    def run(self) -> None:
        while self._process.poll() is None:
            now = resident_mib(self._process.pid)
            self.peak = max(self.peak, now)
            if self._most is not None and now > self._most:
                self.ended_at = now
                self._process.kill()
            time.sleep(0.1)


def resident_mib(pid: int) -> float:
    """Resident memory of a process and all its children now; 0 of one that is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text().splitlines()
        own = next((line for line in status if line.startswith("VmRSS")), "VmRSS: 0 kB")
        tasks = Path(f"/proc/{pid}/task").iterdir()
        children = [int(c) for task in tasks for c in (task / "children").read_text().split()]
    except OSError:
        return 0.0
    return int(own.split()[1]) / 1024 + sum(map(resident_mib, children))


def _tell(told: dict[str, list[dict[str, float]]]) -> None:
    counts = {
        tuple(row[name] for name in ("records", "accepted"))
        for rows in told.values()
        for row in rows
    }
    if len(counts) != 1:
        raise SystemExit(f"both ways must accept the same records; found {counts}")
    rates = {}
    for way, rows in told.items():
        cpu = statistics.median(row["cpu"] for row in rows)
        clock = statistics.median(row["clock"] for row in rows)
        most = max(max(row["mib"], row["watched_mib"]) for row in rows)
        rates[way] = rows[0]["records"] / cpu
        print(f"{way:18} {cpu:7.1f} s of CPU {clock:7.1f} s {rates[way]:9,.0f} records/s of CPU {most:6.0f} MiB")  # fmt: skip
    print(f"{rates[WAYS[0]] / rates[WAYS[1]]:.2f} times the records a second of CPU")


def _tell_curve(rows: list[dict[str, float]]) -> None:
    """What a million records would take as a function of a size, computed from the CPU time here."""
    cpu = statistics.median(row["cpu"] for row in rows) / rows[0]["records"] * 1e6
    print("a million records as a function, computed: memory, seconds, dollars")
    for size in SIZES_MB:
        seconds = cpu / min(1.0, size / WHOLE_CORE_MB)
        print(f"  {size:5} MB {seconds:7.1f} s {seconds * size / 1024 * DOLLARS_A_GB_S:9.5f}")


def run_way(way: str, raw: str) -> None:
    """Runs one way and prints what it took, as JSON."""
    started = time.monotonic()
    if way == "traced":
        import tracemalloc

        tracemalloc.start()
    counts = _obvious(Path(raw)) if way == WAYS[1] else _strata(Path(raw))
    own = resource.getrusage(resource.RUSAGE_SELF)
    status = Path("/proc/self/status").read_text().splitlines()
    peak = next(line for line in status if line.startswith("VmHWM"))
    answer = {
        "clock": time.monotonic() - started,
        "cpu": own.ru_utime + own.ru_stime,
        # A child's ru_maxrss begins with its parent's.
        "mib": int(peak.split()[1]) / 1024,
        "traced_mib": _traced_mib(way),
        "records": counts[0],
        "accepted": counts[1],
    }
    print(json.dumps(answer))


def _traced_mib(way: str) -> float:
    if way != "traced":
        return 0.0
    import tracemalloc

    return tracemalloc.get_traced_memory()[1] / (1 << 20)


def _strata(raw: Path) -> tuple[int, int]:
    from strata.light.run import run

    report = run([str(raw / "events")], [str(raw / "vehicles")], raw / "out")
    return report.records, report.accepted


def _obvious(raw: Path) -> tuple[int, int]:
    """One dictionary a record, one geodesic, one write; every key kept to find those told twice."""
    from pyproj import Geod
    from strata.declare.source_contract import load_layouts
    from strata.light.fixes import Vehicle, judge_of

    told = json.loads((raw / "vehicles" / "metadata_api.json").read_text())
    known = {
        name: Vehicle(float(v["max_speed"]), v["depot_lat"], v["depot_lon"])
        for name, v in told.items()
    }
    layout = next(item for item in load_layouts("fleet") if item.name == "telemetry")
    judge = judge_of(layout.constants, dt.date(2026, 12, 1), dt.date(2100, 1, 1))
    earth, records = Geod(ellps="WGS84"), 0
    kept: dict[tuple[str, dt.datetime], set[tuple[object, ...]]] = {}
    with (raw / "obvious.csv").open("w", newline="") as out:
        for path in sorted((raw / "events").rglob("*.csv")):
            with path.open(newline="") as lines:
                for row in csv.DictReader(lines):
                    records += 1
                    row["speed"] = row.pop("speed_kmh")
                    vehicle = known.get(row["vehicle_id"])
                    typed = judge.typed(row, vehicle)
                    if vehicle is None or judge.reasons(typed):
                        continue
                    key = typed["vehicle_id"], typed["fixed_at"]
                    kept.setdefault(key, set()).add(tuple(typed.values()))
                    end = (typed["lon_deg"], typed["lat_deg"])
                    metres = earth.inv(vehicle.depot_lon_deg, vehicle.depot_lat_deg, *end)[2]
                    csv.writer(out).writerow([*typed.values(), metres])
    return records, sum(len(said) == 1 for said in kept.values())


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
